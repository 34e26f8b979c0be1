"""HTTP with urllib3's retries: what may pass is asked again, what does not pass is said in one sentence."""

import importlib.metadata
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader, MaxRetryError, ProtocolError
from urllib3.util import Retry

from stridor.common.errors import StridorError

TIMEOUT_SECONDS = 30.0
# Answers that may be different in a while.
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)
# `other=0`: a certificate that is refused once is refused always. The last answer is reported, not raised.
_DEFAULTS: dict[str, Any] = {
    "other": 0, "allowed_methods": ["GET"], "status_forcelist": _TEMPORARY, "raise_on_status": False,
    "respect_retry_after_header": True, "backoff_factor": 1.0, "backoff_max": 120.0,
}  # fmt: skip


class StoppableRetry(Retry):
    """A policy of retries whose pauses end when an event is set.

    Parameters
    ----------
    stop : Event, optional
        Once set, a pause ends with `CancelledError`.
    **options
        Of `urllib3.util.Retry`; `backoff_max` also limits what a server asks for by Retry-After.
    """

    def __init__(self, *, stop: Event | None = None, **options: Any) -> None:
        super().__init__(**(_DEFAULTS | options))
        self.stop = stop or Event()

    def new(self, **changes: Any) -> Self:
        """Return a copy with changes; it listens to the same event."""
        return super().new(**({"stop": self.stop} | changes))

    def sleep(self, response: Any = None) -> None:
        """Pause before the next try."""
        pause = self.get_backoff_time()
        with suppress(InvalidHeader):
            pause = (self.get_retry_after(response) if response else None) or pause
        if self.stop.wait(min(pause, self.backoff_max)):
            raise CancelledError

    def after_broken_body(self, url: str, reason: str) -> Self:
        """Count a try whose answer broke off, which urllib3 leaves to its callers, and pause.

        Raises
        ------
        StridorError
            If it was the last try.
        """
        try:
            left = self.increment("GET", url, error=ProtocolError(reason))
        except MaxRetryError:
            raise self.given_up(url, reason) from None
        left.sleep()
        return left

    def given_up(self, url: str, reason: str) -> StridorError:
        """Return the error of a server that was asked often enough."""
        tries = (self.total or 0) + len(self.history) + 1
        return StridorError(
            f"{url} could not be fetched in {tries} tries ({reason}); check the connection and run the command "
            "again, what has arrived is kept."
        )


USUAL = StoppableRetry(total=6)


def read_json(url: str, retry: StoppableRetry = USUAL) -> object:
    """Fetch a small JSON document.

    Raises
    ------
    StridorError
        If it cannot be fetched, or is not JSON.
    """
    left = retry
    while True:
        with open_url(url, {"Accept": "application/json"}, retry) as response:
            try:
                return response.json()
            except ValueError:
                raise StridorError(
                    f"{url} answers with something that is not JSON, perhaps the log-in page of a network; open it "
                    "in a browser."
                ) from None
            except requests.RequestException as error:
                reason = _cause(error)
        left = left.after_broken_body(url, reason)


@contextmanager
def open_url(url: str, headers: dict[str, str], retry: StoppableRetry) -> Iterator[requests.Response]:
    """Yield a server's answer whose body has not been read: 2xx, or 416 for a range that it does not have.

    Raises
    ------
    StridorError
        If the server cannot be reached, stays busy or refuses.
    """
    # Compressed on the way, sizes and ranges would count other bytes; Zenodo asks programs to say who they are.
    agent = f"stridor/{importlib.metadata.version('stridor')}"
    headers |= {"Accept-Encoding": "identity", "User-Agent": agent}
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        try:
            response = session.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
        except requests.exceptions.SSLError as error:
            raise StridorError(
                f"The certificate of {url} is not accepted ({_cause(error)}); check the clock and the network, a "
                "proxy may answer in the server's place."
            ) from None
        except requests.ConnectionError as error:
            raise retry.given_up(url, _cause(error)) from None
        except requests.RequestException as error:
            raise StridorError(f"{url} cannot be fetched ({error}); check the address in a browser.") from None
        with response:
            if response.status_code in _TEMPORARY:
                raise retry.given_up(url, f"the server answers {response.status_code}")
            if response.status_code >= 400 and response.status_code != 416:
                raise StridorError(
                    f"{url} answers {response.status_code} ({response.reason}); look at the record in a browser, the "
                    "file may have been withdrawn or renamed."
                )
            yield response


def _cause(error: Exception) -> str:
    """Return what went wrong at the bottom of an error of requests, which wraps several."""
    known = ("Connection refused", "Name or service not known", "timed out", "CERTIFICATE_VERIFY_FAILED")
    return next((phrase.lower() for phrase in known if phrase in str(error)), "no connection")
