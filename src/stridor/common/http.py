"""Asking a server over HTTP, and asking again where another try may mend what went wrong."""

import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from stridor.common.errors import StridorError

if TYPE_CHECKING:
    import requests

# Answers that may be different in a while.
_PASSING = {408, 425, 429, 500, 502, 503, 504}

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long a server that does not answer is asked again.

    Attributes
    ----------
    tries : int
        In a row without a single new byte.
    first_pause_seconds, longest_pause_seconds : float
        The pause doubles from try to try, unless the server says when to come back.
    timeout_seconds : float
        How long a line may be silent.
    """

    tries: int = 7
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 120.0
    timeout_seconds: float = 60.0


USUAL = Patience()


class Stopped(Exception):
    """Somebody asked for the end of it all."""


class Trouble(Exception):
    """Something that another try may mend.

    Attributes
    ----------
    wait_seconds : float or None
        When the server wants to be asked again, if it says so.
    progressed : bool
        The try has brought new bytes.
    """

    def __init__(self, reason: str, wait_seconds: float | None = None, progressed: bool = False) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
        self.progressed = progressed


def read_json(url: str, patience: Patience) -> object:
    """Fetch a small JSON document.

    Raises
    ------
    StridorError
        If it cannot be had, or is no JSON.
    """

    def attempt() -> object:
        with answer(url, {"Accept": "application/json"}, patience) as response, line_troubles():
            try:
                return response.json()
            except ValueError:
                raise StridorError(
                    f"{url} answers with something that is no JSON, perhaps the log-in page of a network; open it in "
                    "a browser."
                ) from None

    return persist(attempt, url, patience, Event())


@contextmanager
def answer(url: str, headers: dict[str, str], patience: Patience) -> "Iterator[requests.Response]":
    """Yield a server's answer whose body has not been read.

    Raises
    ------
    Trouble
        If there is no line, or the server is busy.
    StridorError
        If it refuses.
    """
    import requests

    # Compressed on the way, sizes and ranges would count other bytes; Zenodo asks programs to say who they are.
    headers |= {"Accept-Encoding": "identity", "User-Agent": f"stridor/{importlib.metadata.version('stridor')}"}
    try:
        with line_troubles():
            response = requests.get(url, headers=headers, stream=True, timeout=patience.timeout_seconds)
    except requests.RequestException as error:
        raise StridorError(f"{url} cannot be asked ({error}); look at the address in a browser.") from None
    with response:
        if response.status_code in _PASSING:
            after = response.headers.get("Retry-After", "")
            raise Trouble(f"the server answers {response.status_code}", float(after) if after.isdecimal() else None)
        if response.status_code >= 400 and response.status_code != 416:
            raise StridorError(
                f"{url} answers {response.status_code} ({response.reason}); look at the record in a browser, the file "
                "may have been withdrawn or renamed."
            )
        yield response


@contextmanager
def line_troubles(quiet: bool = False) -> Iterator[None]:
    """Take a line that breaks for something that another try may mend, or for an end like any other."""
    import requests

    try:
        yield
    except requests.exceptions.SSLError as error:
        raise StridorError(f"The server's certificate is not accepted ({_cause(error)}); mend the network.") from None
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        if not quiet:
            raise Trouble(_cause(error)) from None


def _cause(error: Exception) -> str:
    """Return what went wrong at the bottom of an error of requests, which wraps several."""
    known = ("Connection refused", "Name or service not known", "timed out", "CERTIFICATE_VERIFY_FAILED")
    return next((phrase.lower() for phrase in known if phrase in str(error)), "no connection")


def persist(attempt: Callable[[], Result], url: str, patience: Patience, stop: Event) -> Result:
    """Try until it works, with longer and longer pauses.

    Raises
    ------
    StridorError
        If too many tries in a row met with `Trouble`; any other error ends the trying at once.
    Stopped
        If `stop` is set during a pause.
    """
    failures = 0
    while True:
        try:
            return attempt()
        except Trouble as trouble:
            failures = 1 if trouble.progressed else failures + 1
            if failures >= patience.tries:
                raise StridorError(
                    f"{url} could not be fetched in {failures} tries ({trouble}); check the connection and run the "
                    "command again, what has arrived is kept."
                ) from None
            doubled = patience.first_pause_seconds * 2 ** (failures - 1)
            pause = doubled if trouble.wait_seconds is None else trouble.wait_seconds
            if stop.wait(min(pause, patience.longest_pause_seconds)):
                raise Stopped from None
