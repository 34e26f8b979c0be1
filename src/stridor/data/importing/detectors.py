"""Editing the `detectors` of params.yaml as text, so that every comment and every other line stays."""

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from stridor.errors import StridorError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

# YAML 1.1 readers take these for truth values.
_NOT_PLAIN = {"y", "n", "yes", "no", "on", "off"}


@dataclass(frozen=True)
class DetectorEdit:
    """A new text of params.yaml, and the detectors that came and went."""

    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def edit_detectors(text: str, machines: tuple[str, ...], fresh: bool = False) -> DetectorEdit:
    """Give every machine that no detector names a detector of its own.

    Parameters
    ----------
    text : str
        Of params.yaml.
    machines : tuple of str
        The machines that were imported.
    fresh : bool
        Drop the detectors that name any other machine. Values tuned for a detector that stays are kept.

    Raises
    ------
    StridorError
        If params.yaml has no mapping `detectors`, or a detector has a machine's name but not the machine.
    """
    from ruamel.yaml import YAML

    values = YAML(typ="safe").load(text)
    detectors = values.get("detectors") if isinstance(values, dict) else None
    if not isinstance(detectors, dict):
        raise StridorError("params.yaml has no mapping 'detectors'; expected one entry per detector.")
    removed = tuple(name for name, entry in detectors.items() if fresh and not set(entry["machines"]) <= set(machines))
    kept = {name: entry for name, entry in detectors.items() if name not in removed}
    named = {machine for entry in kept.values() for machine in entry["machines"]}
    added = tuple(machine for machine in machines if machine not in named)
    for machine in added:
        if machine in kept:
            raise StridorError(
                f"params.yaml has a detector '{machine}' that does not name the machine '{machine}'; rename "
                "the detector or add the machine to its list."
            )
    edited = _edit(text, removed, added)
    expected = {**kept, **{machine: {"machines": [machine]} for machine in added}}
    # Editing text is only as safe as reading the outcome back.
    if YAML(typ="safe").load(edited) != {**values, "detectors": expected}:
        raise StridorError(
            "params.yaml writes its detectors in a way that cannot be edited safely; write each one as "
            "'<name>:' with an indented 'machines: [<machine>]' below."
        )
    return DetectorEdit(edited, added, removed)


def _edit(text: str, removed: tuple[str, ...], added: tuple[str, ...]) -> str:
    from ruamel.yaml import YAML

    root = YAML().compose(StringIO(text))
    node = next(value for key, value in root.value if key.value == "detectors")
    if node.flow_style:
        entries = [
            text[key.start_mark.index : value.end_mark.index] for key, value in node.value if key.value not in removed
        ]
        entries += [f"{_plain(machine)}: {{machines: [{_plain(machine)}]}}" for machine in added]
        return f"{text[: node.start_mark.index]}{{{', '.join(entries)}}}{text[node.end_mark.index :]}"
    lines = text.splitlines(keepends=True)
    indent = " " * node.start_mark.column
    new = [f"{indent}{_plain(machine)}:\n{indent}  machines: [{_plain(machine)}]\n" for machine in added]
    end = max(last_line(value) for _, value in node.value)
    if not lines[end].endswith("\n"):
        lines[end] += "\n"
    dropped = {
        line
        for key, value in node.value
        if key.value in removed
        for line in range(key.start_mark.line, last_line(value) + 1)
    }
    return "".join(
        [line for number, line in enumerate(lines[: end + 1]) if number not in dropped] + new + lines[end + 1 :]
    )


def last_line(node: "Node") -> int:
    """Return the line where a node's text ends; a block's own end mark lies behind the comments after it."""
    from ruamel.yaml.nodes import MappingNode, ScalarNode

    if isinstance(node, ScalarNode) or node.flow_style or not node.value:
        return node.end_mark.line
    last = node.value[-1]
    return last_line(last[1] if isinstance(node, MappingNode) else last)


def _plain(machine: str) -> str:
    """Quote a name that YAML would read as something else than a text, such as 12 or null."""
    from ruamel.yaml import YAML

    is_text = YAML(typ="safe").load(machine) == machine and machine.lower() not in _NOT_PLAIN
    return machine if is_text else f'"{machine}"'
