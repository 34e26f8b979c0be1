"""Entries of a YAML mapping removed and added in the text itself, so that every comment and other line stays."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node


def edit_mapping(
    text: str, node: "MappingNode", removed: Collection[str], *, flow: Sequence[str], block: Sequence[str]
) -> str:
    """Return a text with entries of a mapping removed, and others added at its end.

    Editing text is only as safe as reading the outcome back, which is left to the caller.

    Parameters
    ----------
    text : str
    node : MappingNode
        Of that text; not empty.
    removed : collection of str
        Keys; those that are not there do not matter.
    flow, block : sequence of str
        What is added, as it is written inside braces, and as lines without the mapping's own indentation: the
        text's style decides which is taken.
    """
    if node.flow_style:
        kept = [
            text[key.start_mark.index : value.end_mark.index] for key, value in node.value if key.value not in removed
        ]
        return f"{text[: node.start_mark.index]}{{{', '.join([*kept, *flow])}}}{text[node.end_mark.index :]}"
    lines = text.splitlines(keepends=True)
    end = max(_last_line(value) for _, value in node.value)
    if not lines[end].endswith("\n"):
        lines[end] += "\n"
    dropped = {
        line
        for key, value in node.value
        if key.value in removed
        for line in range(key.start_mark.line, _last_line(value) + 1)
    }
    indent = " " * node.start_mark.column
    before = [line for number, line in enumerate(lines[: end + 1]) if number not in dropped]
    return "".join([*before, *(f"{indent}{line}\n" for line in block), *lines[end + 1 :]])


def _last_line(node: "Node") -> int:
    """Return the line where a node's text ends; a block's own end mark lies behind the comments after it."""
    from ruamel.yaml.nodes import CollectionNode, MappingNode

    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return node.end_mark.line
    last = node.value[-1]
    return _last_line(last[1] if isinstance(node, MappingNode) else last)
