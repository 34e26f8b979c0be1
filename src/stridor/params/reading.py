"""Reading YAML that somebody wrote by hand: whatever it holds, it is a value or one sentence, within a moment."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from stridor.common.errors import StridorError
from stridor.common.text import shortened
from stridor.params.problems import shown

LARGEST_BYTES = 2**20
DEEPEST = 30
# All values of a file, each alias counted as what it stands for.
MOST_VALUES = 20_000


class _Constructor(SafeConstructor):
    """Says where the scalar stands that cannot be what it claims: `!!int x`, the 99th of a month."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError):
            if not isinstance(node, ScalarNode):
                raise
            problem = f"{shown(node.value)} is not the {str(node.tag).rpartition(':')[2]} that it looks like"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def read_yaml(path: Path) -> object:
    """Return what a file of YAML 1.2 holds, where 1e-3 is a number, unlike in YAML 1.1.

    Raises
    ------
    StridorError
        If the file is missing, cannot be opened, is no YAML, or is larger or more deeply nested than a file of
        parameters.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise StridorError(f"{path} is missing; run the command in the project's root.") from None
    except OSError as error:
        raise StridorError(f"{path} cannot be read ({error.strerror}); fix this and run the command again.") from None
    except UnicodeDecodeError as error:
        raise StridorError(f"{path} is not valid YAML: byte {error.start} is not UTF-8; save it as UTF-8.") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> object:
    """Return what a text of YAML 1.2 holds.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for messages.

    Raises
    ------
    StridorError
        As `read_yaml`.
    """
    if len(text) > LARGEST_BYTES:
        raise StridorError(f"{name} has {len(text)} characters; at most {LARGEST_BYTES} are read.")
    try:
        _check_extent(text, name)
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Constructor
        return yaml.load(text)
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = " ".join(str(error.problem or error.context).split())
        raise StridorError(f"{name}{line}, is not valid YAML: {shortened(problem)}; fix this line.") from None
    except (YAMLError, ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        reason = shortened(" ".join(str(error).split()))
        raise StridorError(f"{name} is not valid YAML: {reason or type(error).__name__}; fix this.") from None


def _check_extent(text: str, name: str) -> None:
    """Count values without making any: aliases of aliases multiply to more than a memory holds."""
    open_counts, sizes, anchors = [0], {}, []
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, SequenceStartEvent | MappingStartEvent):
            open_counts.append(1)
            anchors.append(event.anchor)
        elif isinstance(event, SequenceEndEvent | MappingEndEvent):
            size, anchor = open_counts.pop(), anchors.pop()
            sizes[anchor] = size
            open_counts[-1] += size
        elif isinstance(event, AliasEvent):
            # One that nobody has set yet is refused by the reader.
            open_counts[-1] += sizes.get(event.anchor, 1)
        elif isinstance(event, ScalarEvent):
            sizes[event.anchor] = 1
            open_counts[-1] += 1
        if len(open_counts) > DEEPEST:
            line = event.start_mark.line + 1
            raise StridorError(f"{name}, line {line}, is nested more than {DEEPEST} deep; no parameter is.")
        if sum(open_counts) > MOST_VALUES:
            raise StridorError(
                f"{name} holds more than {MOST_VALUES} values, counting what '*' and '<<' repeat; write out what is "
                "needed and remove the rest."
            )
