"""Explains the recordings that a browser sends, and remembers the latest of them."""

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from threading import Lock

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.explanation.explain import Explainer
from stridor.explanation.page import recording_page
from stridor.serving.requests import LARGEST_BYTES, LONGEST_SECONDS
from stridor.serving.verdict import Verdict

# Each with its page and its recording, up to 64 MiB.
REMEMBERED = 8
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Heard:
    """A recording that was explained: its address in the app, the verdict, the page, and the recording itself."""

    identity: str
    verdict: Verdict
    page: str
    name: str
    audio: bytes


class Listener:
    """Detectors by name, loaded when they are first asked for.

    Parameters
    ----------
    detectors : sequence of str
        Those that may be asked for.
    normals : Path, optional
        As for `Explainer`.
    confirmed : Path
        Folder of the recordings that were fine, below a folder of their machine.
    """

    def __init__(self, detectors: Sequence[str], normals: Path | None, confirmed: Path) -> None:
        self.detectors = tuple(detectors)
        self.normals, self.confirmed = normals, confirmed
        self._explainers: dict[str, Explainer] = {}
        self._heard: OrderedDict[str, Heard] = OrderedDict()
        # One at a time: several would only share the cores, and add up their memory.
        self._busy = Lock()

    def machines(self, detector: str) -> tuple[str, ...]:
        """Return the machines of a detector.

        Raises
        ------
        StridorError
            If it is not one of those that may be asked for, or cannot be loaded.
        """
        with self._busy:
            return self._explainer(detector).detector.machines

    def explain(self, audio: bytes, name: str, detector: str, machine: str | None) -> Heard:
        """Explain a recording and remember it.

        Raises
        ------
        StridorError
            If it is too large or too long, or cannot be explained.
        """
        if len(audio) > LARGEST_BYTES:
            raise StridorError(too_large(name))
        with self._busy:
            explained = self._explainer(detector).explain(audio, machine, name=name, longest_seconds=LONGEST_SECONDS)
            identity = secrets.token_urlsafe(12)
            page = recording_page(explained, detector, confirm=f"/recordings/{identity}/fine")
            heard = Heard(identity, explained.verdict, page, name, audio)
            self._heard[identity] = heard
            while len(self._heard) > REMEMBERED:
                self._heard.popitem(last=False)
        return heard

    def find(self, identity: str) -> Heard:
        """Return a recording that was explained.

        Raises
        ------
        StridorError
            If it is not remembered any more.
        """
        heard = self._heard.get(identity)
        if heard is None:
            raise StridorError(f"Only the latest {REMEMBERED} recordings are remembered; send this one again.")
        return heard

    def keep(self, identity: str) -> Path:
        """Keep a recording that was fine, under its name and the digest of its bytes; return its path.

        Raises
        ------
        StridorError
            If it is not remembered any more.
        """
        heard = self.find(identity)
        digest = hashlib.md5(heard.audio, usedforsecurity=False).hexdigest()
        given = PurePath(heard.name.replace("\\", "/"))
        stem, suffix = (re.sub(r"[^A-Za-z0-9._-]+", "_", part) for part in (given.stem, given.suffix))
        name = f"{stem[:_LONGEST_NAME].lstrip('.-') or 'recording'}_{digest}{suffix[:8]}"
        path = self.confirmed / heard.verdict.machine / name
        with atomic_file(path) as temporary:
            temporary.write_bytes(heard.audio)
        return path

    def _explainer(self, detector: str) -> Explainer:
        if detector not in self.detectors:
            raise StridorError(f"There is no detector '{detector}' here; choose one of {', '.join(self.detectors)}.")
        if detector not in self._explainers:
            self._explainers[detector] = Explainer.load(detector, self.normals)
        return self._explainers[detector]


def too_large(name: str) -> str:
    """Return the sentence about a recording that is larger than those that are taken."""
    return f"{name} has more than {LARGEST_BYTES // 2**20} MiB; send a shorter recording."
