"""The command that listens to a machine over months: what appears in a folder, or a microphone."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stridor.cli.options import UserPath, detector_option, machine_option

if TYPE_CHECKING:
    from stridor.operation.drift import Drift
    from stridor.operation.journal import Journal
    from stridor.operation.microphone import Recorder
    from stridor.operation.telling import Teller
    from stridor.serving.detector import Detector
    from stridor.serving.listening import Failure
    from stridor.serving.options import ScoringOptions
    from stridor.serving.verdict import Verdict

PLACE = UserPath(path_type=Path)
MICROPHONE = "microphone"


@click.command()
@click.argument("place", metavar="FOLDER|microphone")
@detector_option
@machine_option
@click.option(
    "--output", type=PLACE, help="File of the results, JSON lines.  [default: FOLDER.jsonl beside the folder]"
)
@click.option("--alarm", help="K/N: raise an alarm when K of the last N recordings are anomalous.  [default: 1/1]")
@click.option("--windows", help="K/N: a recording is anomalous if K of some N windows in a row are flagged.")
@click.option("--false-alarm-rate", type=float, help="Share of normal clips of each condition that may be flagged.")
@click.option("--condition", type=click.Choice(["source", "target", "any"]), help="That of the recordings, if known.")
@click.option("--webhook", metavar="URL", envvar="STRIDOR_WEBHOOK", help="Send events there, as JSON by POST.")
@click.option(
    "--mqtt", metavar="URL", envvar="STRIDOR_MQTT", help="Publish events there: mqtt://[user:password@]host:1883/topic."
)
@click.option(
    "--events", type=click.Choice(["alarms", "all"]), default="alarms", show_default=True,
    help="What is sent: alarms and drift, or every recording and report.",
)  # fmt: skip
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.05), help="Seconds between two looks.")
@click.option(
    "--settle", default=2.0, show_default=True, type=click.FloatRange(0.0),
    help="Seconds for which a file must not have changed.",
)  # fmt: skip
@click.option(
    "--drift-days", default=7.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="Days from one report on drift to the next.",
)  # fmt: skip
@click.option("--device", help="Of the microphone: the sound device's number, or a part of its name.")
@click.option("--recordings", type=PLACE, help="Of the microphone: the folder for its clips.  [default: ./microphone]")
@click.option(
    "--keep", type=click.Choice(["all", "anomalous", "none"]),
    help="Of the microphone: which clips stay once they are scored.  [default: all]",
)  # fmt: skip
@click.option("--once", is_flag=True, help="End when what is there has been scored, for cron.")
def watch(
    place: str, detector: str, machine: str | None, output: Path | None, alarm: str | None, windows: str | None,
    false_alarm_rate: float | None, condition: str | None, webhook: str | None, mqtt: str | None, events: Any,
    every: float, settle: float, drift_days: float, device: str | None, recordings: Path | None, keep: Any, once: bool,
) -> None:  # fmt: skip
    """Score what appears in FOLDER or what a microphone hears, raise alarms, and report drift every week.

    A file is scored when nobody writes to it any more, and once only, whatever becomes of this command: the file of the
    results is its memory. 'microphone' records clips of the length that the detector is used to, back to back, into a
    folder that is watched in the same way. Ctrl-C ends it.
    """
    from stridor.cli.score import note, warnings_as_notes
    from stridor.operation.arrivals import Arrivals
    from stridor.operation.journal import Journal
    from stridor.operation.kept import KeptRecordings
    from stridor.operation.watching import Rules, Watch
    from stridor.serving.detector import Detector
    from stridor.serving.options import ScoringOptions, parse_alarm

    options = ScoringOptions(None, None, false_alarm_rate, condition, parse_alarm(windows) if windows else (1, 1))
    rule = ScoringOptions(alarm=parse_alarm(alarm)).alarm if alarm else (1, 1)
    listens = place == MICROPHONE
    _check_options(listens, device, recordings, keep)
    receivers = _receivers(webhook, mqtt)
    folder = Path(os.path.abspath((recordings or Path(MICROPHONE)) if listens else os.path.expanduser(place)))
    output = output or folder.with_name(f"{folder.name}.jsonl")
    loaded = Detector.load(os.path.expanduser(detector))
    known = loaded.known_machine(machine, "The command")
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(output))
        stack.enter_context(warnings_as_notes())
        recorder = stack.enter_context(_recorder(loaded, known, options, device, folder)) if listens else None
        # Clips of the microphone appear when they are complete.
        arrivals = Arrivals(folder, 0.0 if listens else settle)
        watching = Watch(
            loaded, known, arrivals, journal, options, Rules(rule, drift_days), show=_shown, say=_said, draw=_drawer()
        )
        tellers = _tellers(stack, journal, receivers, rule, events)
        kept = KeptRecordings(journal, folder, keep or "all") if listens else None
        note(f"stridor: watching {folder} for {known}; results go to {output}")

        def step() -> int:
            if recorder is not None:
                recorder.check()
            new = watching.step()
            if kept is not None:
                kept.step()
            for teller in tellers:
                teller.check()
            return new

        new = step()
        while not once or (listens and not new):
            time.sleep(every)
            new = step()
        if not listens:
            time.sleep(settle)
            step()
        _finish(tellers, arrivals.waiting)


def _check_options(listens: bool, *of_the_microphone: object) -> None:
    from stridor.common.errors import StridorError, need_extra

    if listens:
        need_extra(MICROPHONE, "sounddevice")
    elif any(one is not None for one in of_the_microphone):
        raise StridorError(
            "--device, --recordings and --keep are of 'stridor watch microphone'; leave them out where a folder is "
            "watched."
        )


def _receivers(webhook: str | None, mqtt: str | None) -> "dict[str, Callable[[dict[str, Any]], None]]":
    receivers: dict[str, Callable[[dict[str, Any]], None]] = {}
    if webhook:
        from stridor.operation.webhook import Webhook

        receivers["webhook"] = Webhook(webhook)
    if mqtt:
        from stridor.common.errors import need_extra

        need_extra("mqtt", "paho")
        from stridor.operation.mqtt import Mqtt

        receivers["mqtt"] = Mqtt(mqtt)
    return receivers


def _recorder(
    detector: "Detector", machine: str, options: "ScoringOptions", device: str | None, folder: Path
) -> "Recorder":
    from stridor.cli.score import note
    from stridor.operation.microphone import Recorder, sound_device

    channel, seconds = detector.audio.channel, detector.window_seconds(machine, options)
    found = sound_device(device, 1 if channel == "mean" else channel + 1)
    note(f"stridor: recording clips of {seconds:g} s from '{found.name}' at {found.rate_hz} Hz")
    return Recorder(found, seconds, folder, _said)


def _tellers(
    stack: ExitStack, journal: "Journal", receivers: "dict[str, Callable[[dict[str, Any]], None]]",
    rule: tuple[int, int], events: Any,
) -> "list[Teller]":  # fmt: skip
    from stridor.operation.telling import Teller

    return [stack.enter_context(Teller(journal, name, send, rule, events, _said)) for name, send in receivers.items()]


def _finish(tellers: "list[Teller]", waiting: tuple[str, ...]) -> None:
    from stridor.cli.score import note

    for teller in tellers:
        if left := teller.finish():
            note(f"stridor: {teller.name} has not been told of {left} events, for the next call")
    if waiting:
        note(f"stridor: not complete yet, for the next call: {', '.join(waiting)}")


def _shown(answer: "Verdict | Failure") -> None:
    from stridor.cli.answers import table_rows
    from stridor.cli.score import note
    from stridor.serving.listening import Failure

    if isinstance(answer, Failure):
        note(f"stridor: not scored: {answer.reason}")
    for row in table_rows(answer, timeline=False):
        click.echo(row)


def _said(line: str) -> None:
    # Programs that follow the output must not wait for a full buffer.
    print(line, flush=True)


def _drawer() -> "Callable[[Drift, Path], None] | None":
    from importlib.util import find_spec

    from stridor.cli.score import note

    if find_spec("matplotlib") is None:
        note("stridor: drift is reported in words only; pictures need matplotlib, of the extra stridor[pipeline]")
        return None
    from stridor.operation.drift_figure import draw_drift

    return draw_drift
