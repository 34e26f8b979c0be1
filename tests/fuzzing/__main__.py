"""Run inputs of a subject again: `python -m fuzzing SUBJECT --seed SEED [--case CASE | --cases N]`."""

import argparse
import shutil
from pathlib import Path
from tempfile import mkdtemp

from fuzzing import campaign
from fuzzing.sandbox import Sandbox
from fuzzing.subjects import SUBJECTS, make_subject
from fuzzing.worker import check_case

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--case", type=int)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    if asked.case is None:
        report = campaign.run(asked.subject, asked.cases, asked.seed, asked.workers)
        print(report.text())
        for sentence, count in report.sentences.most_common():
            print(f"{count:6} {sentence}")
    else:
        folder = Path(mkdtemp(prefix="fuzz-"))
        import os
        import sys

        sandbox = Sandbox(folder)
        with os.fdopen(sandbox.enter(), "w") as answers:
            subject = make_subject(asked.subject, sandbox)
            kind, text = check_case(subject, asked.subject, asked.seed, asked.case)
            print(kind, text, f"its input lies in {sandbox.case}" if kind == "failed" else "", file=answers)
        if kind != "failed":
            shutil.rmtree(folder)
        sys.exit(kind == "failed")
