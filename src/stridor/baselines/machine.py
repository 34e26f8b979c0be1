"""The organisers' baseline for one machine: the autoencoder, the covariances of its errors and two thresholds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stridor.baselines.autoencoder import Autoencoder
from stridor.baselines.features import MEL_BANDS, read_frames, stacks
from stridor.baselines.fit import Epoch, fit_autoencoder
from stridor.baselines.mahalanobis import DOMAINS, ErrorMoments, covariances_of, selective_mahalanobis
from stridor.common.atomic import atomic_folder
from stridor.common.errors import StridorError
from stridor.common.saving import save_tensors
from stridor.common.tensor_file import read_tensor_file
from stridor.data.manifest import Clip
from stridor.data.names import Domain
from stridor.params import Params
from stridor.params.sections import AudioParams
from stridor.scoring.threshold import Calibration, calibrate

Score = Literal["mse", "mahalanobis"]
WEIGHTS_FILE = "autoencoder.pt"


@dataclass(frozen=True, eq=False)
class MachineAutoencoder:
    """The organisers' baseline for one machine, with both of its scores.

    `mse` is the mean squared error over all values of all stacks of a clip. `mahalanobis` is the selective
    Mahalanobis score as computed by the organisers' code, which produced their published scores: the error is first
    averaged over all frames of all stacks of a clip; the score is the smaller of the distances of this mean error with
    the covariance of source errors and with that of target errors
    (github.com/nttcslab/dcase2023_task2_baseline_ae, networks/criterion/mahala.py).

    Differences from that code: covariances are those of all training clips about the domain's mean error, whereas
    theirs exclude the validation stacks, subtract the mean of each batch, and divide by the number of stacks instead of
    frames, which makes their scores five times smaller; singular covariances are not an error (see
    `selective_mahalanobis`); thresholds come from the scores of whole training clips, theirs from batches of shuffled
    stacks.

    Attributes
    ----------
    network : Autoencoder
        In evaluation mode; scores are computed on its device.
    covariances : dict of Domain to float64 [128 x 128], dB²
        Of the reconstruction errors of single frames.
    calibrations : dict of Score to Calibration
    """

    network: Autoencoder
    covariances: dict[Domain, NDArray[np.float64]]
    calibrations: dict[Score, Calibration]

    @classmethod
    def fit(
        cls, machine: str, clips: Sequence[Clip], params: Params, device: str | torch.device = "cpu",
        on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    ) -> "MachineAutoencoder":  # fmt: skip
        """Learn a machine from its normal training clips.

        As in the organisers' code, the thresholds come from clips that the autoencoder was trained on, and are
        therefore rather low.

        Parameters
        ----------
        machine : str
        clips : sequence of Clip
            A clip whose name does not contain the domain counts as source.
        params : Params
        device : str or torch.device
        on_epoch : callable
            Called with every epoch.

        Raises
        ------
        StridorError
            If a clip cannot be read or is too short, there is nothing to learn from, or the training diverges.
        """
        frames = [clip_frames for _, clip_frames in read_frames(clips, params.audio, device)]
        network = fit_autoencoder(frames, params.autoencoder, params.seed, machine, device, on_epoch)
        moments = {domain: ErrorMoments(MEL_BANDS) for domain in DOMAINS}
        for clip, clip_frames in zip(clips, frames, strict=True):
            moments[clip.domain or "source"].add(reconstruction_errors(network, clip_frames))
        covariances = covariances_of(moments)
        scores = scores_of_frames(network, frames, covariances)
        percentile, rate = params.bank.threshold_percentile, params.bank.false_alarm_rate
        domains = [clip.domain or "source" for clip in clips]
        seconds = round(float(np.median([clip.seconds for clip in clips])), 3)
        calibrations = {kind: calibrate(scores[kind], percentile, domains, rate, seconds) for kind in get_args(Score)}
        return cls(network, covariances, calibrations)

    def score(self, clips: Sequence[Clip], audio: AudioParams) -> dict[Score, NDArray[np.float64]]:
        """Return both scores of clips on disk, float64 [clips]; a clip's score does not depend on the other clips.

        Raises
        ------
        StridorError
            If a clip cannot be read or is too short.
        """
        frames = (clip_frames for _, clip_frames in read_frames(clips, audio, _device(self.network)))
        return scores_of_frames(self.network, frames, self.covariances)

    def save(self, folder: Path) -> None:
        """Write weights, covariances and calibrations to a folder; a failed write leaves no folder."""
        with atomic_folder(folder) as temporary:
            save_tensors({
                "network": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
                "covariances": {domain: torch.from_numpy(self.covariances[domain]) for domain in DOMAINS},
            }, temporary / WEIGHTS_FILE)  # fmt: skip
            for kind, calibration in self.calibrations.items():
                calibration.save(temporary / _calibration_file(kind))

    @classmethod
    def load(cls, folder: Path, device: str | torch.device = "cpu") -> "MachineAutoencoder":
        """Read what `save` wrote.

        Raises
        ------
        StridorError
            If the folder does not contain a complete autoencoder.
        """
        path = Path(folder) / WEIGHTS_FILE
        network = Autoencoder()
        again = "run the autoencoder stage again"
        saved: Any = read_tensor_file(path, "an autoencoder", "run the autoencoder stage to write it", again)
        try:
            if any(tensor.is_complex() for part in saved.values() for tensor in part.values()):
                raise TypeError("complex values")
            network.load_state_dict(saved["network"])
            covariances = {domain: saved["covariances"][domain].numpy() for domain in DOMAINS}
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StridorError(f"{path} is not an autoencoder ({reason}); {again}.") from None
        numbers = [*covariances.values(), *(tensor.numpy() for tensor in network.state_dict().values())]
        if any(one.shape != (MEL_BANDS, MEL_BANDS) for one in covariances.values()) or not all(
            np.isfinite(one).all() for one in numbers
        ):
            raise StridorError(f"{path} is not an autoencoder (shapes or values of another network); {again}.")
        calibrations = {kind: Calibration.load(path.parent / _calibration_file(kind)) for kind in get_args(Score)}
        return cls(network.to(device).eval(), covariances, calibrations)


@dataclass(frozen=True, eq=False)
class AutoencoderScorer:
    """One of the two scores of a machine's autoencoder, as a `Scorer`."""

    fitted: MachineAutoencoder
    kind: Score

    @property
    def calibration(self) -> Calibration:
        """The score above which a clip counts as anomalous."""
        return self.fitted.calibrations[self.kind]

    def score(self, clips: Sequence[Clip], audio: AudioParams) -> NDArray[np.float64]:
        """Score clips from disk, float64 [clips]."""
        return self.fitted.score(clips, audio)[self.kind]

    def judge(self, clips: Sequence[Clip], audio: AudioParams) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score clips from disk and say which are flagged, whichever condition they are of."""
        scores = self.score(clips, audio)
        return scores, scores > self.calibration.threshold_for()


@torch.inference_mode()
def reconstruction_errors(network: Autoencoder, frames: Tensor) -> NDArray[np.float64]:
    """Return the errors of all frames of all stacks of a clip.

    Parameters
    ----------
    network : Autoencoder
        In evaluation mode.
    frames : Tensor[F x 128], dB

    Returns
    -------
    float64 [5·(F - 4) x 128], dB
        Reconstruction minus input. Inner frames of the clip occur five times, once at each position of a stack.
    """
    stack = stacks(frames.to(_device(network)))
    return (network(stack) - stack).reshape(-1, MEL_BANDS).cpu().double().numpy()


def scores_of_frames(
    network: Autoencoder, frames: Iterable[Tensor], covariances: dict[Domain, NDArray[np.float64]]
) -> dict[Score, NDArray[np.float64]]:
    """Return both scores of clips by their frames, each Tensor[F x 128] in dB; float64 [clips]."""
    squares, means = [], []
    for clip_frames in frames:
        errors = reconstruction_errors(network, clip_frames)
        squares.append(np.square(errors).mean())
        means.append(errors.mean(axis=0))
    mean_errors = np.array(means, dtype=np.float64).reshape(-1, MEL_BANDS)
    return {
        "mse": np.array(squares, dtype=np.float64),
        "mahalanobis": selective_mahalanobis(mean_errors, covariances),
    }


def _device(network: Autoencoder) -> torch.device:
    return next(network.parameters()).device


def _calibration_file(kind: Score) -> str:
    return f"calibration_{kind}.json"
