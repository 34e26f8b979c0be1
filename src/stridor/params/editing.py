"""Editing the `detectors` of params.yaml as text, so that every comment and every other line stays."""

from dataclasses import dataclass
from io import StringIO

from stridor.common.errors import StridorError
from stridor.params.yaml_text import edit_mapping

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
    names = [_plain(machine) for machine in added]
    return edit_mapping(
        text,
        node,
        removed,
        flow=[f"{name}: {{machines: [{name}]}}" for name in names],
        block=[line for name in names for line in (f"{name}:", f"  machines: [{name}]")],
    )


def _plain(machine: str) -> str:
    """Quote a name that YAML would read as something else than a text, such as 12 or null."""
    from ruamel.yaml import YAML

    is_text = YAML(typ="safe").load(machine) == machine and machine.lower() not in _NOT_PLAIN
    return machine if is_text else f'"{machine}"'
