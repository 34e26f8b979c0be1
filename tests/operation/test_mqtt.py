"""Messages reach subscribers of a real broker, also after it was away."""

import json
import queue
import shutil
import socket
import subprocess
import time

import pytest

from stridor.common.errors import StridorError
from stridor.operation.mqtt import Mqtt

TIMEOUT_S = 60
BROKER = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


@pytest.fixture(scope="module", autouse=True)
def paho():
    return pytest.importorskip("paho.mqtt.client", reason="paho-mqtt, of the extra stridor[mqtt], is not installed")


@pytest.fixture
def broker(tmp_path):
    """A function that starts a broker with the user 'plant', and returns the process and its address."""
    if BROKER is None:
        pytest.skip("there is no MQTT broker; on Debian, apt install mosquitto")
    started = []

    def start(port=None):
        if port is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        passwords, settings = tmp_path / "passwords", tmp_path / "broker.conf"
        if not passwords.exists():
            passwords.write_text("plant:s%cret\n")
            subprocess.run([BROKER.replace("sbin/mosquitto", "bin/mosquitto") + "_passwd", "-U", passwords], check=True)
        settings.write_text(f"listener {port} 127.0.0.1\npassword_file {passwords}\nuser root\n")
        process = subprocess.Popen([BROKER, "-c", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return process, port
            except OSError:
                assert process.poll() is None, "the broker did not start"
                time.sleep(0.01)
        raise AssertionError("the broker takes no connections")

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def subscribed(paho):
    """A function that returns a queue of what is published."""
    clients = []

    def subscribe(port, topic):
        got, ready = queue.Queue(), queue.Queue()
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.username_pw_set("plant", "s%cret")
        client.on_connect = lambda *_: client.subscribe(topic, 1)
        client.on_subscribe = lambda *_: ready.put(True)
        client.on_message = lambda client, data, message: got.put(json.loads(message.payload))
        client.connect("127.0.0.1", port)
        client.loop_start()
        clients.append(client)
        ready.get(timeout=TIMEOUT_S)
        return got

    yield subscribe
    for client in clients:
        client.disconnect()
        client.loop_stop()


def test_messages_arrive_and_go_on_after_the_broker_was_away(broker, subscribed):
    process, port = broker()
    send = Mqtt(f"mqtt://plant:s%25cret@127.0.0.1:{port}/hall/press%207")
    got = subscribed(port, "hall/#")
    for number in range(3):
        send({"number": number, "file": "ä.wav"})
    assert [got.get(timeout=TIMEOUT_S)["number"] for _ in range(3)] == [0, 1, 2]
    process.kill()
    process.wait()
    with pytest.raises(StridorError, match=r"does not confirm|could not be reached"):
        send({"number": 3})
    with pytest.raises(StridorError, match=rf"The MQTT broker 127.0.0.1:{port} could not be reached \(Connection ref"):
        send({"number": 3})
    broker(port)
    got = subscribed(port, "hall/press 7")
    send({"number": 4})
    assert got.get(timeout=TIMEOUT_S) == {"number": 4}
    send.close()


def test_a_wrong_password_and_something_else_than_a_broker(broker, monkeypatch):
    _, port = broker()
    with pytest.raises(StridorError, match=r"refuses the connection \(Not authorized\)") as refused:
        Mqtt(f"mqtt://plant:wrong@127.0.0.1:{port}/hall")({})
    assert "wrong" not in str(refused.value)
    monkeypatch.setattr("stridor.operation.mqtt.TRY_SECONDS", 0.1)
    said = "does not answer as a broker does"
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(StridorError, match=said):
        Mqtt(f"mqtt://127.0.0.1:{mute.getsockname()[1]}/hall")({})


@pytest.mark.parametrize("address", ["hall", "mqtt://host", "mqtt://host/", "http://host/hall", "mqtt://host/hall/#"])
def test_what_is_no_topic_is_refused(address):
    with pytest.raises(StridorError, match="is not a topic of a broker"):
        Mqtt(address)
