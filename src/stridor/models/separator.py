"""The BSS decoder: separates a mixture's tokens into the log-mel images of machine and interferer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.audio.fbank import MEL_BANDS, NORMAL_SCALE
from stridor.models.encoder import BANDS, PATCH, Tokens
from stridor.params.sections import DecoderParams

SOURCES = ("machine", "interferer")


class Separator(nn.Module):
    """A few pre-norm transformer blocks over the encoder's last tokens, then one linear map per token.

    With `output: direct` each source's image is regressed from the tokens alone, as a deviation from the
    mean spectrum that the source has in training, so the encoder must carry what the machine sounds like.
    With `mask` a softmax over the sources weighs each cell of the mixture's own image. The mask may look at
    the cell that it weighs: noise makes neighbouring cells fluctuate by many decibels, tokens cannot carry
    each of them, and a mask that does not see them leaves the fluctuation in its estimate.
    """

    def __init__(self, token_width: int, params: DecoderParams) -> None:
        super().__init__()
        self.output = params.output
        self.narrow = nn.Linear(token_width, params.width)
        self.band = nn.Parameter(torch.zeros(BANDS, params.width))
        block = nn.TransformerEncoderLayer(
            params.width, params.heads, 4 * params.width, dropout=0.0, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(
            block, params.layers, norm=nn.LayerNorm(params.width), enable_nested_tensor=False
        )
        self.cells = nn.Linear(params.width, len(SOURCES) * PATCH * PATCH)
        # Zero, so that training starts from the mean spectra and not from noise.
        nn.init.zeros_(self.cells.weight)
        nn.init.zeros_(self.cells.bias)
        self.mean_spectra: Tensor
        self.register_buffer("mean_spectra", torch.zeros(len(SOURCES), MEL_BANDS))

    def forward(self, tokens: Tokens, mixture: Tensor) -> Tensor:
        """Estimate both sources.

        Parameters
        ----------
        tokens : Tokens
            Of the mixture.
        mixture : Tensor[B x frames x 128]
            Its log-mel image; frames beyond the last whole patch are not looked at.

        Returns
        -------
        Tensor[B x 2 x frames' x 128]
            Log-mel images of machine and interferer in the encoder's normalised scale, frames' = columns · 16.
        """
        batch, count, _ = tokens.last.shape
        columns = count // BANDS
        x = self.narrow(tokens.last) + self.band.repeat(columns, 1)
        x = self.cells(self.blocks(x, src_key_padding_mask=~tokens.valid))
        # B x (column, band) x (source, frame, mel) -> B x source x (column, frame) x (band, mel)
        x = x.view(batch, columns, BANDS, len(SOURCES), PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
        x = x.reshape(batch, len(SOURCES), columns * PATCH, MEL_BANDS)
        if self.output == "direct":
            return self.mean_spectra[:, None] + x
        mixture = mixture[:, : columns * PATCH]
        # Of two sources the softmax depends on the difference of their logits alone. Zero offset and slope take
        # what stands above the machine's mean spectrum for interference; slope 1 is a mask blind to the mixture.
        offset, slope = x.unbind(dim=1)
        logit = NORMAL_SCALE * (self.mean_spectra[0] + offset - (1 - slope) * mixture)
        return mixture[:, None] + F.logsigmoid(torch.stack([logit, -logit], dim=1)) / NORMAL_SCALE
