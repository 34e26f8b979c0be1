"""Plain folders of recordings: `folder` lists, `survey` listens, `planning` decides, `writing` writes clips."""

from stridor.data.importing.plain.cutting import Cutting
from stridor.data.importing.plain.folder import PlainFolder
from stridor.data.importing.plain.planning import PlannedMachine, plan_machine
from stridor.data.importing.plain.report import machine_report, page
from stridor.data.importing.plain.writing import write_clips

__all__ = ["Cutting", "PlainFolder", "PlannedMachine", "machine_report", "page", "plan_machine", "write_clips"]
