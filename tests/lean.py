"""Python as in a smaller environment: packages are hidden from a process that a test starts."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HIDE = """\
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else self.finder.find_spec(name, path, target)

hidden = {hidden!r}
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def with_dependencies(requirements: Iterable[str]) -> set[str]:
    """Name distributions and all that they need, as far as it is installed here."""
    seen: set[str] = set()
    left = [Requirement(one) for one in requirements]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            left += [Requirement(one) for one in requires(name) or ()]
        except PackageNotFoundError:
            continue
        seen.add(name)
    return seen


@cache
def packages_distributions() -> Mapping[str, list[str]]:
    """Return which distributions bring a top-level module; looking at all that is installed takes seconds."""
    return metadata.packages_distributions()


def modules_besides(kept: set[str]) -> set[str]:
    """Name the top-level modules that no kept distribution brings."""
    names = packages_distributions().items()
    outside = {module for module, owners in names if not {canonicalize_name(owner) for owner in owners} & kept}
    return {module for module in outside if re.fullmatch(r"\w+", module)} - {"stridor"}


def hide(modules: set[str]) -> str:
    """Return code that hides modules."""
    return HIDE.format(hidden=sorted(modules))
