"""Filling a reference bank and scoring against it, by the number of references."""

import numpy as np

from benchmarks.harness import Bench, Times
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import calibrate

WIDTH = 768
# With a threshold, all references are compared with each other: at 100,000 their distances alone take 80 GB.
MOST_COMPARED = 4_000


def run(bench: Bench) -> None:
    """Score one clip, and fill a bank, beside one pass through the references at the rate of a memory copy."""
    for count in (50,) if bench.tiny else (1_000, 4_000, 10_000, 100_000):
        references = np.random.default_rng(0).standard_normal((count, WIDTH)).astype(np.float32)
        names = [f"{number}.wav" for number in range(count)]
        bank = ReferenceBank(BankParams()).fit(references, ["source"] * count, names)
        query = np.random.default_rng(1).standard_normal((1, WIDTH))
        exact = references.astype(np.float64)

        def rate(times: Times, size: int = exact.nbytes) -> str:
            return f"{size / times.best / 1e9 / bench.gbytes:.0%} of a memory copy of the bank"

        case = f"{count:,} references of width {WIDTH}"
        bench.single("score one clip", case, lambda: bank.score_samples(query), rate)  # noqa: B023
        bench.pair("score one clip", f"{case}, beside NumPy", lambda: bank.score_samples(query),  # noqa: B023
                   lambda: np.sqrt(((exact - query) ** 2).sum(axis=1)).min())  # fmt: skip # noqa: B023
        if count <= MOST_COMPARED:

            def fill() -> MachineReference:
                fitted = ReferenceBank(BankParams()).fit(references, ["source"] * count, names)  # noqa: B023
                return MachineReference(fitted, calibrate(fitted.leave_one_out_scores()))

            flop = 3 * count**2 * WIDTH
            bench.single("fill and calibrate", case, fill, lambda times, flop=flop:
                         f"{flop / times.best / 1e9 / bench.gflops:.1%} of the matrix product")  # fmt: skip
