"""The recordings that a user means by files and folders."""

import os
from collections.abc import Iterable
from pathlib import Path

from stridor.data.names import AUDIO_SUFFIXES
from stridor.serving.listening import Failure


def find_recordings(paths: Iterable[Path]) -> tuple[list[Path], list[Failure]]:
    """Replace folders by the audio files in them and their sub-folders, in the order of their names.

    Files are taken whatever they are called. Hidden files and folders are left out, and links to folders not followed.

    Returns
    -------
    list of Path
    list of Failure
        Folders without audio files, and those that cannot be listed.
    """
    found: list[Path] = []
    failures: list[Failure] = []
    for path in paths:
        # Unlike `Path.is_dir`, this raises for no name and no lack of permissions.
        if not os.path.isdir(path):
            found.append(path)
            continue
        before = len(found), len(failures)
        for folder, below, names in os.walk(path, onerror=lambda error: failures.append(_unlisted(error))):
            below[:] = sorted(name for name in below if not name.startswith("."))
            found += [Path(folder, name) for name in sorted(names) if _is_audio(name)]
        if (len(found), len(failures)) == before:
            known = ", ".join(AUDIO_SUFFIXES)
            reason = f"{path} contains no audio files; give a folder that does ({known})."
            failures.append(Failure(str(path), reason))
    return found, failures


def _is_audio(name: str) -> bool:
    return name.lower().endswith(AUDIO_SUFFIXES) and not name.startswith(".")


def _unlisted(error: OSError) -> Failure:
    return Failure(
        str(error.filename), f"{error.filename} cannot be listed ({error.strerror}); fix the folder's permissions."
    )
