"""EfficientAT mn04 as the teacher of beats_mini: the package's encoder with the tagger of the published weights."""

from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from stridor.common.errors import StridorError
from stridor.common.tensor_file import read_tensor_file
from stridor.distillation.teacher import Targets
from stridor.models.mn04 import TAGGER, TAGGER_SHAPES, Mn04, from_published


class Mn04Teacher(nn.Module):
    """Waves `[B x T]` at 16 kHz to pooled `[B x 384]`, map `[B x T/32 x 4 x 384]` and tags `[B x 527]`."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Mn04()
        layers = {name.partition(".")[0]: TAGGER_SHAPES[name] for name in TAGGER_SHAPES if name.endswith("weight")}
        self.classifier = nn.ModuleDict({name: nn.Linear(shape[1], shape[0]) for name, shape in layers.items()})

    def forward(self, wave: Tensor) -> Targets:
        """Describe waves, to their last frame."""
        # B x 384 x band x time
        cells = self.encoder.features(self.encoder.image(wave).transpose(1, 2)[:, None])
        pooled = cells.mean(dim=(2, 3))
        return Targets(pooled, cells.permute(0, 3, 2, 1), self.logits(pooled).sigmoid())

    def logits(self, pooled: Tensor) -> Tensor:
        """Tag logits `[B x 527]` of pooled features `[B x 384]`."""
        return self.classifier["5"](F.hardswish(self.classifier["2"](pooled)))


def load_mn04(path: Path) -> Mn04Teacher:
    """Load the published weights, in evaluation mode.

    Raises
    ------
    StridorError
        If the file is missing or is not that of mn04.
    """
    todo = "give the path of mn04_as_mAP_432.pt"
    state = read_tensor_file(path, "the teacher mn04", todo, todo)
    if not isinstance(state, dict):
        raise StridorError(f"{path} is not the teacher mn04; {todo}.")
    teacher = Mn04Teacher()
    teacher.encoder.load_state_dict(from_published(state, path))
    teacher.classifier.load_state_dict({name: state[TAGGER + name] for name in TAGGER_SHAPES})
    return teacher.eval().requires_grad_(False)
