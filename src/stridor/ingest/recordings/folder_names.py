"""What the name of a folder says of the recordings in it: the usual words, and those that the user gives."""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.data.names import Domain, Split

Role = Literal["normal", "anomaly", "noise", "clean"]
ROLES: tuple[Role, ...] = get_args(Role)

# In lower case, without spaces, underscores and hyphens.
_ROLES: dict[Role, frozenset[str]] = {
    "normal": frozenset({
        "normal", "normals", "normalsound", "normalsounds", "ok", "okay", "good", "healthy", "intact", "nominal",
        "faultfree", "nofault", "pass",
    }),
    "anomaly": frozenset({
        "anomaly", "anomalies", "anomalous", "anomaloussound", "anomaloussounds", "abnormal", "abnormals", "ng", "nok",
        "notok", "bad", "fault", "faults", "faulty", "defect", "defects", "defective", "broken", "damaged", "fail",
        "failed", "failure", "failures", "unhealthy",
    }),
    "noise": frozenset({"noise", "noises", "backgroundnoise", "environmentalnoise", "ambientnoise"}),
    "clean": frozenset({"clean", "machineonly", "machinealone"}),
}  # fmt: skip
_DOMAINS: dict[str, Domain] = {
    "source": "source", "sourcedomain": "source", "target": "target", "targetdomain": "target",
}  # fmt: skip
_SPLITS: dict[str, tuple[Split, Domain | None]] = {
    "train": ("train", None), "test": ("test", None), "supplemental": ("supplemental", None),
    # As in DCASE 2021.
    "sourcetrain": ("train", "source"), "targettrain": ("train", "target"),
    "sourcetest": ("test", "source"), "targettest": ("test", "target"),
}  # fmt: skip
# What operating systems and network drives put beside files.
_SYSTEM = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})


@dataclass(frozen=True)
class FolderNames:
    """Names of folders beside the usual words, without regard to case, spaces, underscores and hyphens.

    Attributes
    ----------
    normal, anomaly, noise, clean, target : tuple of str
        What folders are called whose recordings are of that kind; they count before the usual words.
    leave_out : tuple of str
        Patterns such as `calibration` or `*_bad.wav` of folders and files that are not imported.

    Raises
    ------
    StridorError
        If a name is a path, or is given two meanings.
    """

    normal: tuple[str, ...] = ()
    anomaly: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    clean: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    _given: Mapping[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        given: dict[str, str] = {}
        for option in fields(self):
            if not option.init:
                continue
            for name in getattr(self, option.name):
                flag = f"--{option.name.replace('_', '-')}"
                if not name or "/" in name:
                    raise StridorError(
                        f"{flag} is '{printable(name)}'; expected the name of a folder, without the folders around it."
                    )
                if option.name == "leave_out":
                    continue
                if given.setdefault(_key(name), option.name) != option.name:
                    raise StridorError(
                        f"'{printable(name)}' is given as --{given[_key(name)]} and as {flag}; decide for one of them."
                    )
        object.__setattr__(self, "_given", given)

    def role(self, folder: str) -> Role | None:
        """Return what kind of recordings a folder of this name holds; None if the name does not say it."""
        key = _key(folder)
        if key in self._given:
            return next((role for role in ROLES if role == self._given[key]), None)
        return next((role for role in ROLES if key in _ROLES[role]), None)

    def domain(self, folder: str) -> Domain | None:
        """Return the domain that the name of a folder says; None if it says none."""
        key = _key(folder)
        if key in self._given:
            return "target" if self._given[key] == "target" else None
        return _DOMAINS.get(key)

    def means_something(self, folder: str) -> bool:
        """Tell whether a name says something of the recordings in a folder of this name."""
        return bool(self.role(folder) or self.domain(folder) or split_of(folder))

    def is_left_out(self, parts: tuple[str, ...]) -> bool:
        """Tell whether a folder or file of a path is to be left out."""
        return any(fnmatch.fnmatchcase(part, pattern) for part in parts for pattern in self.leave_out)


def split_of(folder: str) -> tuple[Split, Domain | None] | None:
    """Return the split, and the domain if the name says it, of a folder of the DCASE layout."""
    return _SPLITS.get(_key(folder))


def is_hidden(parts: tuple[str, ...]) -> bool:
    """Tell whether a path is hidden, or leads through what a system puts beside files."""
    return any(part.startswith(".") or part in _SYSTEM for part in parts)


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.casefold())
