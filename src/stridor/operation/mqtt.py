"""A receiver of messages that is a topic of an MQTT broker."""

import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from stridor.common.errors import StridorError
from stridor.operation.telling import TRY_SECONDS

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_PORTS = {"mqtt": 1883, "mqtts": 8883}
# What the broker confirms; it may have it twice.
_AT_LEAST_ONCE = 1


class Mqtt:
    """Publishes messages as JSON; called with one, it returns when the broker has confirmed it (quality of service 1).

    The connection stays between messages; after a failure the next message begins another one.

    Parameters
    ----------
    address : str
        `mqtt://[user:password@]host[:port]/topic`, or `mqtts://` for TLS.

    Raises
    ------
    StridorError
        If it is not such an address; when called, if the broker cannot be reached, refuses or does not confirm.
    """

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            self._host, port = parts.hostname or "", parts.port
        except ValueError:
            self._host = ""
        topic = unquote(parts.path[1:]) if self._host else ""
        if not topic or parts.scheme not in _PORTS or parts.query or "#" in address or set(topic) & set("#+\0"):
            shown = address.rpartition("@")[2]
            raise StridorError(
                f"--mqtt is '{shown}', which is not a topic of a broker; give mqtt://host:1883/topic, without "
                "wildcards."
            )
        self._topic, self._port = topic, port or _PORTS[parts.scheme]
        self._is_encrypted = parts.scheme == "mqtts"
        self._user, self._password = (unquote(one) if one else None for one in (parts.username, parts.password))
        self._client: Client | None = None

    def __call__(self, message: dict[str, Any]) -> None:
        """Publish a message."""
        client = self._client = self._client or self._connected()
        try:
            sent = client.publish(self._topic, json.dumps(message).encode(), _AT_LEAST_ONCE)
            sent.wait_for_publish(TRY_SECONDS)
            confirmed = sent.is_published()
        except (RuntimeError, ValueError):
            # There is no connection any more.
            confirmed = False
        if not confirmed:
            self.close()
            raise StridorError(f"{self._shown} does not confirm what is published; check whether it is running.")

    def close(self) -> None:
        """End the connection."""
        client, self._client = self._client, None
        if client is not None:
            _end(client)

    @property
    def _shown(self) -> str:
        return f"The MQTT broker {self._host}:{self._port}"

    def _connected(self) -> "Client":
        from paho.mqtt.client import CallbackAPIVersion, Client

        client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = TRY_SECONDS
        if self._user is not None:
            client.username_pw_set(self._user, self._password)
        answered, refusals = threading.Event(), []

        def on_connect(client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
            if reason.is_failure:
                refusals.append(str(reason))
            answered.set()

        client.on_connect = on_connect
        try:
            if self._is_encrypted:
                client.tls_set()
            client.connect(self._host, self._port)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise StridorError(f"{self._shown} could not be reached ({said}); check the address.") from None
        client.loop_start()
        if not answered.wait(TRY_SECONDS) or refusals:
            _end(client)
            said = f"refuses the connection ({refusals[0]})" if refusals else "does not answer as a broker does"
            raise StridorError(f"{self._shown} {said}; check the address, the user and the password.")
        return client


def _end(client: "Client") -> None:
    client.disconnect()
    client.loop_stop()
