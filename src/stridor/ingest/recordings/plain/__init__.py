"""Plain folders of recordings: `folder` lists, `survey` reads, `planning` decides, `writing` writes clips."""

from stridor.ingest.recordings.plain.cutting import Cutting
from stridor.ingest.recordings.plain.folder import PlainFolder
from stridor.ingest.recordings.plain.plan import PlannedMachine
from stridor.ingest.recordings.plain.planning import plan_machine
from stridor.ingest.recordings.plain.report import machine_report, page
from stridor.ingest.recordings.plain.writing import write_clips

__all__ = ["Cutting", "PlainFolder", "PlannedMachine", "machine_report", "page", "plan_machine", "write_clips"]
