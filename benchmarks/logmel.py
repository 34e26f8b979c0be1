"""The baseline that every encoder must beat: 1-NN on the mean log-mel spectrum.

python benchmarks/logmel.py fan bldc        # machines in data/; all of them if none is named
"""

import sys
from pathlib import Path

import numpy as np
import torch

from stridor.audio.fbank import Fbank
from stridor.audio.files import read_clip
from stridor.data.manifest import Clip, build_manifest
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.bootstrap import bootstrap_intervals
from stridor.scoring.measures import ScoredClips, measure
from stridor.scoring.table import SystemResults, results_table, to_markdown


def mean_spectra(clips: list[Clip]) -> np.ndarray:
    """Return the mean log-mel spectrum of each clip, [clips x 128]."""
    fbank = Fbank()
    return np.stack([fbank(torch.from_numpy(read_clip(clip.path))[None])[0].mean(0).numpy() for clip in clips])


def score(machine: str) -> ScoredClips:
    """Score a machine's test clips by the distance to the nearest training clip."""
    manifest = build_manifest(Path("data"), (machine,))
    train, test = manifest.select("train"), manifest.select("test")
    bank = ReferenceBank().fit(mean_spectra(train), [clip.domain for clip in train], [clip.file_name for clip in train])
    return ScoredClips(
        machine,
        [clip.file_name for clip in test],
        [clip.domain for clip in test],
        [clip.label for clip in test],
        bank.score_samples(mean_spectra(test)),
    )


def main() -> None:
    """Print a table in the shape of the pipeline's."""
    machines = sys.argv[1:] or sorted(path.name for path in Path("data").iterdir() if path.is_dir())
    scored = [score(machine) for machine in machines]
    measures = {clips.machine: measure(clips) for clips in scored}
    print(to_markdown(results_table([SystemResults("log-mel mean, 1-NN", measures, bootstrap_intervals(scored))])))


if __name__ == "__main__":
    main()
