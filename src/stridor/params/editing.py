"""The editor of params.yaml: a YAML round trip that keeps every comment and every other line."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken

from stridor.common.errors import StridorError

# What tuning writes into a detector's entry.
TUNED = ("learning_rate", "snr_db", "overrides")
# Texts that need no quotes: no number, and nothing that a reader of YAML 1.1 or 1.2 takes for a truth value or none.
_PLAIN = re.compile(r"(?!(y|n|yes|no|on|off|true|false|null)$)[a-z][\w./-]*", re.IGNORECASE)


@dataclass(frozen=True)
class DetectorEdit:
    """A new text of params.yaml, and the detectors that were added and removed."""

    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def edit_detectors(text: str, machines: tuple[str, ...], fresh: bool = False) -> DetectorEdit:
    """Give every machine that no detector names a detector of its own.

    Parameters
    ----------
    text : str
        Of params.yaml. A file in unusual indentation is rewritten in the project's.
    machines : tuple of str
        The machines that were imported.
    fresh : bool
        Drop the detectors that name any other machine. Values tuned for a detector that stays are kept.

    Raises
    ------
    StridorError
        If params.yaml has no mapping `detectors`, or a detector has a machine's name but not the machine; if the
        file cannot be edited safely.
    """
    values = YAML(typ="safe").load(text)
    detectors = values.get("detectors") if isinstance(values, dict) else None
    if not isinstance(detectors, dict):
        raise StridorError("params.yaml has no mapping 'detectors'; expected one entry per detector.")
    removed = tuple(name for name, entry in detectors.items() if fresh and not set(entry["machines"]) <= set(machines))
    kept = {name: entry for name, entry in detectors.items() if name not in removed}
    named = {machine for entry in kept.values() for machine in entry["machines"]}
    added = tuple(machine for machine in machines if machine not in named)
    if taken := [machine for machine in added if machine in kept]:
        raise StridorError(
            f"params.yaml has a detector '{taken[0]}' that does not name the machine '{taken[0]}'; rename "
            "the detector or add the machine to its list."
        )
    yaml, root = _load(text)
    new = CommentedMap((one_line(one), CommentedMap(machines=one_line([one]))) for one in added)
    _replace(root["detectors"], removed, new)
    expected = values | {"detectors": kept | {machine: {"machines": [machine]} for machine in added}}
    return DetectorEdit(_dump(yaml, root, text, expected), added, removed)


def with_tuned_values(text: str, detector: str, entry: Mapping[str, Any]) -> str:
    """Return the text of params.yaml with tuned values in a detector's entry, in place of earlier ones.

    Parameters
    ----------
    text : str
        A file in unusual indentation is rewritten in the project's.
    detector : str
    entry : mapping
        `learning_rate`, `snr_db`, `overrides`; those left out are removed from the entry.

    Raises
    ------
    StridorError
        If the file cannot be edited safely.
    """
    values = YAML(typ="safe").load(text)
    own = {name: value for name, value in values["detectors"][detector].items() if name not in TUNED}
    yaml, root = _load(text)
    _replace(root["detectors"][detector], TUNED, one_line(entry))
    return _dump(yaml, root, text, values | {"detectors": values["detectors"] | {detector: own | dict(entry)}})


def with_seeds(text: str, seeds: list[int]) -> str:
    """Return the text of params.yaml with `table.seeds`, and with all but the first in `table.full_seeds`.

    Raises
    ------
    StridorError
        If one of the two is not there, or the file cannot be edited safely.
    """
    values = YAML(typ="safe").load(text)
    table, new = values.get("table") or {}, {"seeds": seeds, "full_seeds": seeds[1:]}
    if missing := [name for name in new if name not in table]:
        raise StridorError(
            f"params.yaml has no table.{missing[0]} that could be set; add 'table:' with 'seeds: [0]' and "
            "'full_seeds: []' as in profiles/demo.yaml."
        )
    yaml, root = _load(text)
    for name, value in new.items():
        below = _cut(root["table"], name)
        root["table"][name] = one_line(value)
        _append(root["table"], name, below)
    return _dump(yaml, root, text, values | {"table": table | new})


def _load(text: str) -> tuple[YAML, CommentedMap]:
    """Read a text with its comments, for a writer that indents lists as it does, or else as the project does."""
    text = text.replace("\r\n", "\n").removesuffix("\n") + "\n"
    for offset in (0, 2):
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 10**6
        yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
        yaml.dump(yaml.load(text), again := StringIO())
        if again.getvalue() == text:
            break
    if re.findall("#.*", again.getvalue()) != re.findall("#.*", text):
        raise StridorError("params.yaml has a comment inside brackets, which would be lost; write it above the entry.")
    return yaml, yaml.load(text)


def _dump(yaml: YAML, root: CommentedMap, before: str, expected: Mapping[str, Any]) -> str:
    """Write an edited document, and read it back."""
    if _holds(before, expected):
        return before
    yaml.dump(root, after := StringIO())
    if not _holds(after.getvalue(), expected):
        raise StridorError(
            "params.yaml writes values once for several entries, by '&' and '*', which cannot be edited alone; write "
            "them out."
        )
    return after.getvalue().replace("\n", "\r\n" if "\r\n" in before else "\n")


def _holds(text: str, expected: Mapping[str, Any]) -> bool:
    try:
        return bool(YAML(typ="safe").load(text) == expected)
    except YAMLError:  # an alias whose anchor went with the entry that was removed
        return False


def _replace(mapping: CommentedMap, removed: Collection[str], added: CommentedMap) -> None:
    """Remove entries of a mapping and append others; the comments above and below an entry stay where they are."""
    end, gap = _cut(mapping, next(reversed(mapping))), ""
    for key in list(mapping):
        if key in removed:
            above = "".join(" " * token.start_mark.column + token.value for token in _slots(mapping, key)[1] or [])
            gap += above + _cut(mapping, key)
            del mapping[key]
            mapping.ca.items.pop(key, None)
        elif gap:
            _slots(mapping, key)[1] = [CommentToken(gap, CommentMark(0)), *(_slots(mapping, key)[1] or [])]
            gap = ""
    if gap and added:
        _slots(added, next(iter(added)))[1] = [CommentToken(gap, CommentMark(0))]
    mapping.update(added)
    mapping.ca.items.update(added.ca.items)
    _append(mapping, next(reversed(mapping)), end if added else gap + end)


def _cut(node: CommentedMap | CommentedSeq, key: Any) -> str:
    """Take away the comment lines below an entry, and return them."""
    slots, place = _end(node, key)
    end_of_line, _, below = slots[place].value.partition("\n") if slots[place] else ("", "", "")
    if end_of_line:
        slots[place].value = f"{end_of_line}\n"
    else:
        slots[place] = None
    return below


def _append(node: CommentedMap | CommentedSeq, key: Any, below: str) -> None:
    slots, place = _end(node, key)
    if below and slots[place]:
        slots[place].value += below
    elif below:
        slots[place] = CommentToken(f"\n{below}", CommentMark(0))


def _end(node: CommentedMap | CommentedSeq, key: Any) -> tuple[list[Any], int]:
    """Return where ruamel holds the comments behind an entry: at its last leaf."""
    while isinstance(node[key], CommentedMap | CommentedSeq) and node[key] and not node[key].fa.flow_style():
        node = node[key]
        key = next(reversed(node)) if isinstance(node, CommentedMap) else len(node) - 1
    return _slots(node, key), 2 if isinstance(node, CommentedMap) else 0


def _slots(node: CommentedMap | CommentedSeq, key: Any) -> list[Any]:
    """Return the comments of a key: behind an item of a list, above the key, and behind the value of a mapping."""
    return node.ca.items.setdefault(key, [None, None, None, None])


def one_line(value: Any) -> Any:
    """Return a value to be written in one line; an exponent gets the dot without which YAML 1.1 reads a text."""
    if isinstance(value, Mapping):
        node: CommentedMap | CommentedSeq = CommentedMap((one_line(name), one_line(one)) for name, one in value.items())
    elif isinstance(value, list):
        node = CommentedSeq(map(one_line, value))
    elif isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else DoubleQuotedScalarString(value)
    elif isinstance(value, float):
        return YAML().load(re.sub(r"^(-?\d+)e", r"\1.0e", repr(value)))
    else:
        return value
    node.fa.set_flow_style()
    return node
