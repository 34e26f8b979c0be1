"""A receiver of messages that listens to HTTP."""

import base64
import http.client
import importlib.metadata
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit

from stridor.common.errors import StridorError
from stridor.operation.telling import TRY_SECONDS


class Webhook:
    """Sends messages by POST, as JSON; called with one, it returns when the receiver has answered with 2xx.

    Parameters
    ----------
    address : str
        http:// or https://; a user and a password in it become a header. The rest of it, which may be a secret as well,
        is not shown in errors.

    Raises
    ------
    StridorError
        If it is not an address; when called, if the receiver cannot be reached or refuses.
    """

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            raise StridorError(
                f"--webhook is '{address}', which is not an address; give one that begins with http:// or https://."
            )
        # IPv6 addresses stand in brackets.
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        self._shown = f"{parts.scheme}://{place}"
        self._address = parts._replace(netloc=place, fragment="").geturl()
        self._headers = {
            "Content-Type": "application/json", "User-Agent": f"stridor/{importlib.metadata.version('stridor')}",
        }  # fmt: skip
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, message: dict[str, Any]) -> None:
        """Send a message."""
        try:
            request = urllib.request.Request(self._address, json.dumps(message).encode(), self._headers, method="POST")
            with self._opener.open(request, timeout=TRY_SECONDS):
                return
        except urllib.error.HTTPError as error:
            with error:
                code, reason = error.code, error.reason
            if 300 <= code < 400:
                raise StridorError(f"{self._shown} redirects ({code}); give the address where that leads.") from None
            raise StridorError(f"{self._shown} answers {code} ({reason}); check the address and its log.") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            cause = getattr(error, "reason", None) or error
            said = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
            raise StridorError(f"{self._shown} could not be reached ({said}); check the address.") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Followed, a POST would become a GET without the message."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirection."""
