"""A process that checks the inputs whose numbers it is told, one after the other, and says what came of each."""

import json
import os
import random
import sys
import time
import traceback
from pathlib import Path

from fuzzing.sandbox import Sandbox, TookTooLong, Wrong, check_sentence
from fuzzing.subject import Subject
from fuzzing.subjects import make_subject
from stridor.common.errors import StridorError


def check_case(subject: Subject, name: str, seed: int, case: int) -> tuple[str, str]:
    """Make an input and check it; return "accepted", "refused" or "failed", and a text."""
    sandbox, rng = subject.sandbox, random.Random(f"{name} {seed} {case}")
    sandbox.empty()
    subject.case = case
    subject.write(rng, sandbox.case)
    names = subject.names(sandbox.case)
    try:
        with sandbox.watched(subject.seconds, subject.wall_seconds, subject.megabytes, names):
            try:
                subject.check(rng, sandbox.case)
                answer = "accepted", ""
            except StridorError as error:
                check_sentence(str(error), names)
                answer = "refused", str(error)
    except TookTooLong:
        return "slow", f"it took more than {subject.seconds:g} s of the processor\n{traceback.format_exc()}"
    except Wrong as wrong:
        return "failed", str(wrong)
    except BaseException:
        return "failed", traceback.format_exc()
    return answer


def main() -> None:
    """Read numbers from standard input and answer each with a line of JSON."""
    name, seed, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    sandbox = Sandbox(folder)
    with os.fdopen(sandbox.enter(), "w") as answers:
        subject = make_subject(name, sandbox)
        sandbox.limit_memory()
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:
            start = time.monotonic()
            kind, text = check_case(subject, name, seed, int(line))
            seconds = round(time.monotonic() - start, 3)
            print(json.dumps({"kind": kind, "text": text[-4000:], "seconds": seconds}), file=answers, flush=True)


if __name__ == "__main__":
    main()
