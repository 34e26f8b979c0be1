"""Writing a study's best values into a detector's entry of params.yaml, with every other line kept as it is."""

import difflib
from collections.abc import Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.params import PARAMS, read_params
from stridor.params.yaml_text import edit_mapping

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode

TUNED = ("learning_rate", "snr_db", "overrides")


def with_entry(text: str, detector: str, entry: Mapping[str, Any]) -> str:
    """Return the text of params.yaml with tuned values in a detector's entry, in place of earlier ones.

    Parameters
    ----------
    text : str
    detector : str
    entry : mapping
        `learning_rate`, `snr_db`, `overrides`; those left out are removed from the entry.

    Raises
    ------
    StridorError
        If the file is written in a way that cannot be edited safely.
    """
    from ruamel.yaml import YAML, YAMLError

    yaml = YAML(typ="safe")
    values = yaml.load(text)
    own = {name: value for name, value in values["detectors"][detector].items() if name not in TUNED}
    expected = {**values, "detectors": {**values["detectors"], detector: {**own, **entry}}}
    added = [f"{name}: {_plain(value)}" for name, value in entry.items()]
    edited = edit_mapping(text, _entry_node(text, detector), TUNED, flow=added, block=added)
    # Editing text is only as safe as reading the outcome back.
    try:
        safe = yaml.load(edited) == expected
    except YAMLError:
        safe = False
    if not safe:
        raise StridorError(
            f"params.yaml writes the detector '{detector}' in a way that cannot be edited safely; write it as "
            f"'{detector}:' with an indented 'machines: [<machine>]' below."
        )
    return edited


def diff(before: str, after: str) -> str:
    """Return what changes, in the form that git shows."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{PARAMS}", f"b/{PARAMS}", n=2
    )
    return "".join(lines)


def read_text() -> str:
    """Return params.yaml as it is.

    Raises
    ------
    StridorError
        If it is missing.
    """
    try:
        return PARAMS.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StridorError(f"{PARAMS} is missing; run the command in the project's root.") from None


def write_text(text: str) -> None:
    """Replace params.yaml, after reading the new text back.

    Raises
    ------
    StridorError
        If the new text holds what parameters may not be.
    """
    with atomic_file(PARAMS) as beside:
        beside.write_text(text, encoding="utf-8")
        read_params(beside)


def _entry_node(text: str, detector: str) -> "MappingNode":
    from ruamel.yaml import YAML

    node = YAML().compose(StringIO(text))
    for name in ("detectors", detector):
        node = next(value for key, value in node.value if str(key.value) == name)
    return node


def _plain(value: Any) -> str:
    """Write a value in one line; an exponent gets the dot without which YAML 1.1 reads a text."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_plain(one)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_plain(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        digits, mark, exponent = repr(value).partition("e")
        return f"{digits}{'' if '.' in digits else '.0'}{mark}{exponent}" if mark else digits
    return str(value)
