"""The scores of test clips that stage `evaluate` wrote, read back with what the clips' names say."""

from collections.abc import Iterable

import numpy as np

from stridor.common.errors import StridorError
from stridor.data.names import parse_clip_name
from stridor.evaluation.measures import ScoredClips
from stridor.evaluation.official import read_official
from stridor.stages.layout import Layout


def scored_clips(layout: Layout, system: str, machines: Iterable[str]) -> list[ScoredClips]:
    """Read the scores that stage `evaluate` wrote for some machines; domains and labels come from the clips' names.

    Raises
    ------
    StridorError
        If a machine was not scored by the system.
    """
    scored = []
    for machine in machines:
        values: dict[str, float] = {}
        for path in sorted((layout.scores / system).glob(f"anomaly_score_{machine}_section_*_test.csv")):
            section = path.stem.removeprefix(f"anomaly_score_{machine}_section_").removesuffix("_test")
            official = read_official(path.parent, machine, section)
            values |= dict(zip(official.file_names, official.scores.tolist(), strict=True))
        if not values:
            raise StridorError(
                f"There are no scores of {machine} in {layout.scores / system}; run 'dvc repro' to score its "
                "test clips."
            )
        names = [parse_clip_name(name, "test") for name in values]
        domains, labels = [name.domain for name in names], [name.label for name in names]
        scored.append(ScoredClips(machine, list(values), domains, labels, np.array(list(values.values()))))
    return scored
