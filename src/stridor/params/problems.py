"""What is wrong with a parameter, in one clause that gives its full name."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from stridor.common.text import shortened

# Pydantic's own texts name classes, or leave out what to do.
_WANTED = {
    "model_type": "expected a mapping of parameters",
    "model_attributes_type": "expected a mapping of parameters",
    "dict_type": "expected a mapping",
    "tuple_type": "expected a list",
    "string_type": "expected text; write it in quotes",
    "finite_number": "expected a finite number",
}

# Complaints that a value of another kind makes.
_SHAPES = ("extra_forbidden", "missing", "model_type")


def first_problem(error: ValidationError, values: object) -> str:
    """Return the first problem of some values.

    Parameters
    ----------
    error : ValidationError
    values : object
        What was validated: mappings, lists and scalars.
    """
    problems = error.errors(include_url=False)
    problem, place = _chosen(problems, values)
    where, key = ".".join(map(str, place)), problem["loc"][-1:] == ("[key]",)
    if problem["type"] in ("extra_forbidden", "invalid_key"):
        return f"unknown parameter '{shortened(where)}'; remove it or fix its name"
    if problem["type"] == "missing":
        return f"parameter '{where}' is missing; add it"
    # Where a value may be of several kinds, each kind has its own complaint.
    same = [one for one in problems if _place(one["loc"], values) == place and one["type"] not in _SHAPES]
    told = dict.fromkeys(map(_text, same))
    text = " or ".join(told) or _text(problem)
    if not where:
        # Of how sections fit together; the input would be the whole file.
        return text
    if key:
        *parents, name = place
        return f"parameter '{'.'.join(map(str, parents))}' has the name {shown(name)}: {text}"
    return f"parameter '{shortened(where)}' is {shown(problem['input'])}: {text}"


def _chosen(problems: list[Any], values: object) -> tuple[Any, list[object]]:
    """Return the problem to tell, and its place: where a value may be of several kinds, that of the likeliest kind."""
    first = problems[0]["loc"]
    place = _place(first, values)
    if len(place) == len(first) or first[-1] == "[key]":
        return problems[0], place
    outer = next(number for number in range(len(first)) if first[: number + 1] != tuple(place[: number + 1]))
    kinds = [one for one in problems if one["loc"][:outer] == first[:outer]]
    chosen = max(kinds, key=lambda one: (len(_place(one["loc"], values)), one["type"] not in _SHAPES))
    return chosen, _place(chosen["loc"], values)


def shown(value: object) -> str:
    """Return a value as it is shown in a message, shortened if need be."""
    try:
        return shortened(repr(value))
    except ValueError:
        # An integer of thousands of digits has no decimal form.
        return "a number of thousands of digits"


def _text(problem: Any) -> str:
    if problem["type"] in _WANTED:
        return _WANTED[problem["type"]]
    text = problem["msg"].removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _place(parts: tuple[int | str, ...], values: object) -> list[object]:
    """Return the keys that lead to a value; Pydantic mixes in names of the types that it has tried."""
    place: list[object] = []
    for number, part in enumerate(parts):
        if isinstance(values, Mapping) and (keys := [key for key in values if str(key) == part]):
            values = values[keys[0]]
        elif isinstance(values, list | tuple) and isinstance(part, int) and part < len(values):
            values = values[part]
        elif number < len(parts) - 1 or part == "[key]" or not isinstance(values, Mapping):
            continue
        place.append(part)
    return place
