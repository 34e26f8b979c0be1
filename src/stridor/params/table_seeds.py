"""Seeds of the table written into params.yaml, with every other character kept as it is."""

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.params import PARAMS


def set_seeds(first: int, count: int) -> None:
    """Have every variant and the full method trained with so many seeds, the pipeline's own first.

    Raises
    ------
    StridorError
        If params.yaml lists no seeds to be replaced.
    """
    text = PARAMS.read_text(encoding="utf-8")
    seeds = list(range(first, first + count))
    edited = with_seeds(text, seeds)
    if edited != text:
        with atomic_file(PARAMS) as beside:
            beside.write_text(edited, encoding="utf-8")


def with_seeds(text: str, seeds: list[int]) -> str:
    """Return the text of params.yaml with `table.seeds`, and with all but the first in `table.full_seeds`.

    Raises
    ------
    StridorError
        If one of the two is not there, or is no list in brackets.
    """
    from ruamel.yaml import YAML

    values = {"seeds": seeds, "full_seeds": seeds[1:]}
    sections = {key.value: value for key, value in YAML().compose(text).value}
    entries = {key.value: value for key, value in getattr(sections.get("table"), "value", None) or []}
    if missing := [name for name in values if name not in entries]:
        raise StridorError(
            f"params.yaml has no table.{missing[0]} that could be set; add 'table:' with 'seeds: [0]' and "
            "'full_seeds: []' as in profiles/demo.yaml."
        )
    if not all(entries[name].flow_style for name in values):
        raise StridorError("params.yaml writes the seeds of the table as lines; write 'seeds: [0]', 'full_seeds: []'.")
    for name in sorted(values, key=lambda name: -entries[name].start_mark.index):
        node = entries[name]
        text = f"{text[: node.start_mark.index]}{values[name]}{text[node.end_mark.index :]}"
    return text
