"""Parameters that a profile lacks, written into it: in order and with comments as in params.yaml."""

import re
from collections.abc import Iterator
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.params.editing import one_line
from stridor.params.params import PARAMS, Params, read_params
from stridor.params.profiles import FOLDER
from stridor.params.section import Section

Name = tuple[str, ...]


def fill_profiles(root: Path) -> dict[str, tuple[str, ...]]:
    """Add to every profile the parameters that params.yaml spells out and the profile does not.

    What is added has the default of the code, which is the report's value where it gives one. A profile that agrees
    with params.yaml in all that it has becomes a copy of it.

    Returns
    -------
    dict of str to tuple of str
        The full names of what was added, by profile; profiles that lack nothing are left out.

    Raises
    ------
    StridorError
        If params.yaml or a profile cannot be read, or a profile cannot be edited line by line.
    """
    read_params(root / PARAMS)
    template = (root / PARAMS).read_text(encoding="utf-8")
    added = {}
    for path in sorted((root / FOLDER).glob("*.yaml")):
        read_params(path)
        before = path.read_text(encoding="utf-8")
        after, names = _filled(before, template)
        if names:
            with atomic_file(path) as temporary:
                temporary.write_text(after, encoding="utf-8")
                read_params(temporary)
            added[path.stem] = names
    return added


def _filled(profile: str, template: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of a profile with what it lacks of a template, and the full names of that."""
    there, wanted = _values(profile), _values(template)
    lacking = dict(_lacking(there, wanted, Params))
    names = tuple(".".join(name) for name in lacking)
    if _is_part(there, wanted):
        return (template if lacking else profile), names
    lines, theirs = profile.splitlines(), template.splitlines()
    for name, value in lacking.items():
        _insert(lines, theirs, name, value, wanted)
        group = there
        for part in name[:-1]:
            group = group.setdefault(part, {})
        group[name[-1]] = value
    text = "\n".join(lines) + "\n"
    if _values(text) != there:
        raise StridorError(f"A profile lacks {names[0]} and is laid out in an unusual way; add the line by hand.")
    return text, names


def _values(text: str) -> Any:
    return YAML(typ="safe").load(text)


def _lacking(
    there: dict[str, Any], wanted: dict[str, Any], section: type[Section], defaults: Section | None = None
) -> Iterator[tuple[Name, Any]]:
    """Yield name and default of every parameter that is wanted and not there."""
    for name, theirs in wanted.items():
        default = getattr(defaults, name) if defaults else section.model_fields[name].default
        if isinstance(default, Section) and isinstance(theirs, dict):
            for below, value in _lacking(there.get(name, {}), theirs, type(default), default):
                yield (name, *below), value
        elif name not in there:
            yield (name,), TypeAdapter(Any).dump_python(default, mode="json")


def _is_part(there: Any, wanted: Any) -> bool:
    """Tell whether all that a document holds is in another one too."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        return all(name in wanted and _is_part(value, wanted[name]) for name, value in there.items())
    return bool(there == wanted)


def _insert(lines: list[str], theirs: list[str], name: Name, value: Any, wanted: Any) -> None:
    """Insert a parameter, and the heads of sections that are not there, each after what it follows in the template."""
    for depth in range(1, len(name)):
        if not _block(lines, name[:depth]):
            start, _ = _block(theirs, name[:depth]) or (0, 0)
            above = [*takewhile(lambda line: line.startswith("#"), reversed(theirs[:start]))][::-1]
            at = _place(lines, theirs, name[:depth])
            lines[at:at] = [*([""] if depth == 1 else []), *above, theirs[start]]
    start, end = _block(theirs, name) or (0, 0)
    for part in name:
        wanted = wanted[part]
    own = theirs[start:end]
    if wanted != value:
        notes = [line for line in own[1:] if line.lstrip().startswith("#")]
        own = [_with_value(own[0], name[-1], value), *notes]
    at = _place(lines, theirs, name)
    lines[at:at] = own


def _block(lines: list[str], name: Name) -> tuple[int, int] | None:
    """Return the first line of an entry and the one after its last, or None; what belongs to it is indented more."""
    start, end = -1, len(lines)
    for depth, part in enumerate(name):
        indent = "  " * depth
        start = next((at for at in range(start + 1, end) if re.match(rf"{indent}{re.escape(part)}:", lines[at])), -1)
        if start < 0:
            return None
        end = next((at for at in range(start + 1, end) if not lines[at].startswith(f"{indent} ")), end)
    return start, end


def _place(lines: list[str], theirs: list[str], name: Name) -> int:
    """Return where an entry is to be inserted: after the last one that stands before it in the template."""
    start, end = _block(theirs, name[:-1]) or (-1, len(theirs))
    indent = "  " * (len(name) - 1)
    keys = [found[1] for line in theirs[start + 1 : end] if (found := re.match(rf"{indent}(\w+):", line))]
    above = _block(lines, name[:-1])
    # What a file begins with is about the whole of it.
    head = next((number for number, line in enumerate(lines) if not line.startswith("#")), -1) + 1
    at = above[0] + 1 if above and len(name) > 1 else head
    for key in takewhile(lambda key: key != name[-1], keys):
        if block := _block(lines, (*name[:-1], key)):
            at = block[1]
    return at


def _with_value(line: str, key: str, value: Any) -> str:
    """Return the line of a parameter with another value, and its comment in the same column."""
    indent = " " * (len(line) - len(line.lstrip()))
    yaml = YAML()
    yaml.width = 10**6
    yaml.dump({key: one_line(value)}, text := StringIO())
    entry = indent + text.getvalue().rstrip("\n")
    comment = re.search(r" (#.*)$", line)
    return entry if comment is None else f"{entry:<{comment.start(1) - 1}} {comment[1]}"
