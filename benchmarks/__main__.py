"""Run benchmarks and print their table: `python -m benchmarks [--only encoder] [--save]`."""

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path

from benchmarks.harness import Bench, hardware

NAMES = (
    "encoder", "precision", "compiling", "training", "memory", "inputs", "scoring", "recordings", "startup",
    "enrolment", "growth", "gpu",
)  # fmt: skip
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="smallest sizes, to see that the benchmarks work")
    parser.add_argument("--save", action="store_true", help=f"add the table to {RESULTS.name}")
    args = parser.parse_args(arguments)
    bench = Bench(tiny=args.tiny, repeats=args.repeats)
    given = [f"--only {' '.join(args.only)}"] if args.only != NAMES else []
    given += [f"--repeats {args.repeats}"] if args.repeats != parser.get_default("repeats") else []
    head = f"{date.today()}: {hardware()}. {bench.ceilings()}"
    print(head, flush=True)
    for name in args.only:
        started, before = time.perf_counter(), len(bench.rows)
        run: Callable[[Bench], None] = import_module(f"benchmarks.{name}").run
        run(bench)
        for row in bench.rows[before:]:
            print(f"{row.name}, {row.case}: {row.value}; {row.ratio}; {row.spread}", flush=True)
        print(f"({name}: {time.perf_counter() - started:.0f} s)", file=sys.stderr, flush=True)
    if args.save:
        command = shlex.join(["python", "-m", "benchmarks", *" ".join(given).split()])
        section = f"## {date.today()}, `{command}`\n\n{head}\n\n{bench.table()}"
        text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results of `make bench`\n"
        title, _, rest = text.partition("\n## ")
        RESULTS.write_text("\n".join([title.rstrip() + "\n", section]) + (f"\n## {rest}" if rest else ""), "utf-8")


if __name__ == "__main__":
    main()
