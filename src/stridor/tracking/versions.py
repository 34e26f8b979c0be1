"""The versions of a registered detector, and which is served: an alias, moved in one step and with a reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stridor.common.errors import StridorError
from stridor.tracking.registry import model_name, registered_detectors
from stridor.tracking.store import open_store

CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a version: why it became the champion and in the place of which one, and why it was taken back.
PROMOTED, PREVIOUS, WITHDRAWN = "promoted_because", "previous_champion", "withdrawn_because"
DATA_TAG, COMMIT_TAG, SYSTEM_TAG = "data_md5", "mlflow.source.git.commit", "system"
# What MLflow's databases hold of a tag, less the time.
LONGEST_REASON = 4000


@dataclass(frozen=True)
class Version:
    """A registered version.

    Attributes
    ----------
    aliases : tuple of str
    created : datetime
        UTC.
    measures : mapping of str to float
        Of its test clips; empty where there are none.
    tags : mapping of str to str
    """

    detector: str
    number: int
    aliases: tuple[str, ...]
    created: datetime
    measures: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def withdrawn(self) -> bool:
        """Whether it was the champion and was taken back."""
        return WITHDRAWN in self.tags

    @property
    def previous(self) -> int | None:
        """The version whose place it took as champion."""
        return int(self.tags[PREVIOUS]) if PREVIOUS in self.tags else None


def list_versions(detector: str) -> list[Version]:
    """Return the versions of a detector, the latest first.

    Raises
    ------
    StridorError
        If there is no such detector, or the store fails.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    store = open_store(only_read=True)
    client = MlflowClient()
    with store.errors():
        try:
            aliases = client.get_registered_model(model_name(detector)).aliases
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise _unknown(detector, store.shown) from error
        found = client.search_model_versions(f"name = '{model_name(detector)}'", max_results=10_000)
    names: dict[int, tuple[str, ...]] = {}
    for alias, number in sorted(aliases.items()):
        names[int(number)] = (*names.get(int(number), ()), alias)
    versions = [
        Version(
            detector=detector,
            number=int(one.version),
            aliases=names.get(int(one.version), ()),
            created=datetime.fromtimestamp(one.creation_timestamp / 1000, UTC),
            measures=_measures(one),
            tags=dict(one.tags),
        )
        for one in found
    ]
    return sorted(versions, key=lambda one: -one.number)


def version_with(detector: str, alias: str) -> Version | None:
    """Return the version with an alias; None if no version has it, or there is no such detector."""
    if detector not in _known():
        return None
    return next((one for one in list_versions(detector) if alias in one.aliases), None)


def version_numbered(detector: str, number: int) -> Version:
    """Return a version by its number.

    Raises
    ------
    StridorError
        If there is no such version.
    """
    versions = list_versions(detector)
    for one in versions:
        if one.number == number:
            return one
    known = ", ".join(str(one.number) for one in reversed(versions))
    raise StridorError(f"The detector '{detector}' has no version {number}; it has {known}.")


def challenge(detector: str, version: int) -> None:
    """Give a version the alias `challenger`."""
    from mlflow import MlflowClient

    with open_store().errors():
        MlflowClient().set_registered_model_alias(model_name(detector), CHALLENGER, str(version))


def promote(detector: str, version: int, why: str) -> None:
    """Make a version the champion by one change of the alias.

    The reason is written before: a call that is killed between leaves a champion that was compared, and a tag that says
    what was about to happen.

    Raises
    ------
    StridorError
        If there is no such version, or the store fails.
    """
    promoted, champion = version_numbered(detector, version), version_with(detector, CHAMPION)
    tags = {PROMOTED: _reason(why)}
    if champion is not None and champion.number != version:
        tags[PREVIOUS] = str(champion.number)
    _move(detector, promoted, tags, forget=(WITHDRAWN,))


def roll_back(detector: str, why: str) -> tuple[int, int]:
    """Make the champion's predecessor the champion again, by one change of the alias.

    The version that is taken back becomes champion again by hand only.

    Returns
    -------
    (int, int)
        The version that was taken back, and the one that is champion now.

    Raises
    ------
    StridorError
        If there is no champion, or none before it.
    """
    from mlflow import MlflowClient

    list_versions(detector)
    champion = version_with(detector, CHAMPION)
    if champion is None:
        raise StridorError(f"The detector '{detector}' has no champion; run 'stridor promote {detector} VERSION'.")
    if champion.previous is None:
        raise StridorError(
            f"Version {champion.number} of the detector '{detector}' took no other version's place; run 'stridor "
            f"promote {detector} VERSION' to choose one ('stridor models {detector}' lists them)."
        )
    before = version_numbered(detector, champion.previous)
    store, name = open_store(), model_name(detector)
    with store.errors():
        MlflowClient().set_model_version_tag(name, str(champion.number), WITHDRAWN, _reason(why))
    _move(detector, before, {PROMOTED: _reason(f"rolled back from version {champion.number}: {why}")})
    return champion.number, before.number


def _move(detector: str, to: Version, tags: Mapping[str, str], forget: tuple[str, ...] = ()) -> None:
    from mlflow import MlflowClient

    store, client, name = open_store(), MlflowClient(), model_name(detector)
    with store.errors():
        for key, value in tags.items():
            client.set_model_version_tag(name, str(to.number), key, value)
        client.set_registered_model_alias(name, CHAMPION, str(to.number))
        for key in forget:
            if key in to.tags:
                client.delete_model_version_tag(name, str(to.number), key)


def _measures(version: Any) -> dict[str, float]:
    """Return the measures of a version's own model; a run may have those of several."""
    from mlflow import MlflowClient

    # MLflow 3 names the logged model that a version was made of.
    logged = re.fullmatch(r"models:/(m-\w+)", version.source or "")
    if logged is None:
        return {}
    metrics = MlflowClient().get_logged_model(logged[1]).metrics or []
    return {one.key: one.value for one in metrics}


def _known() -> list[str]:
    store = open_store(only_read=True)
    with store.errors():
        return registered_detectors()


def _unknown(detector: str, store: str) -> StridorError:
    known = registered_detectors()
    advice = f"registered are {', '.join(known)}" if known else "none is registered yet, run 'dvc repro'"
    return StridorError(f"There is no detector '{detector}' in the MLflow store {store}; {advice}.")


def _reason(why: str) -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {why[:LONGEST_REASON]}"
