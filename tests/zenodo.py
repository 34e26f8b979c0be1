"""A server that mimics Zenodo's records, with the faults that lines and servers have, and small archives for it."""

import hashlib
import io
import json
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import numpy as np
import soundfile as sf

from stridor.common.http import StoppableRetry
from stridor.ingest.dcase import years
from stridor.ingest.dcase.years import Published

# Tests wait for nothing.
HASTY = StoppableRetry(total=2, backoff_factor=0.001, backoff_max=0.01)
YEAR = 1999
SLOW_BYTES = 2048
_TRAIN = {("train", "source", "normal"): 3, ("train", "target", "normal"): 1, ("supplemental", None, None): 1}
_TEST = {("test", None, None): 4} | {("test", d, la): 1 for d in ("source", "target") for la in ("normal", "anomaly")}


def add_small_year() -> None:
    """Put a year of few clips into the table of years."""
    years.YEARS[YEAR] = {
        "dev": Published("101", ("fan", "valve"), "dev_{machine}", _TRAIN | _TEST),
        "additional": Published("102", ("pump",), "eval_data_{machine}_train", _TRAIN),
        "eval": Published("103", ("pump",), "eval_data_{machine}_test", _TEST),
    }


def clip(name: str, samples: int = 2801) -> bytes:
    """Return a WAV file of noise that is its own by its name."""
    file = io.BytesIO()
    noise = np.random.default_rng(list(name.encode())).integers(-9999, 9999, samples, dtype=np.int16)
    sf.write(file, noise, 16000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def clips_to_train(machine: str) -> dict[str, bytes]:
    """Return the training part of a machine of the small year, by the names in its archive."""
    names = [f"train/section_00_source_train_normal_{number:04}_spd_1.wav" for number in range(3)]
    names += [
        "train/section_00_target_train_normal_0000_spd_2.wav",
        "supplemental/section_00_noise_supplemental_normal_0000.wav",
    ]
    files = {f"{machine}/{name}": clip(machine + name) for name in names}
    return files | {f"{machine}/attributes_00.csv": b"file_name,d1p,d1v\n"}


def clips_to_test(machine: str, hidden: bool = False) -> dict[str, bytes]:
    """Return the test part."""
    groups = [(domain, label) for domain in ("source", "target") for label in ("normal", "anomaly")]
    names = [
        f"section_00_{number:04}.wav" if hidden else f"section_00_{domain}_test_{label}_{number:04}_spd_1.wav"
        for number, (domain, label) in enumerate(groups)
    ]
    return {f"{machine}/test/{name}": clip(f"{machine}{number}") for number, name in enumerate(names)}


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive; the same files give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as opened:
        for name, content in files.items():
            opened.writestr(zipfile.ZipInfo(name), content, method)
    return packed.getvalue()


class Zenodo:
    """Records with files, and what is to go wrong.

    Attributes
    ----------
    files : dict of (record, name) to bytes
    faults : dict of name to list of str
        What happens to the next requests of a file or of a record's description: "503", "404", "503 60" (with the
        seconds of Retry-After), "cut" (the body ends in the middle), "other" (other bytes), "long" (more bytes),
        "redirect", "html", "shifted" (another range).
    ranges : bool
        Whether it serves parts of files.
    asked : list of (path, Range header)
    gate : Event or None
        Until it is set, only the first half of each file comes.
    pause_s : float
        How long a file waits after every block of `SLOW_BYTES`.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.checksums: dict[tuple[str, str], str] = {}
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""
        self.gate: threading.Event | None = None
        self.pause_s = 0.0

    @classmethod
    def of_the_small_year(cls) -> "Zenodo":
        """Return a server with all archives of the small year."""
        server = cls()
        for machine in ("fan", "valve"):
            server.files["101", f"dev_{machine}.zip"] = archive(clips_to_train(machine) | clips_to_test(machine))
        server.files["102", "eval_data_pump_train.zip"] = archive(clips_to_train("pump"))
        server.files["103", "eval_data_pump_test.zip"] = archive(clips_to_test("pump", hidden=True))
        return server

    def downloads(self) -> list[str]:
        """Return the names of the files that were asked for, in order."""
        return [urlsplit(path).path.rpartition("/")[2] for path, _ in self.asked if "/files/" in path]

    def describe(self, record: str) -> bytes:
        """Return a record's description in the shape of Zenodo's."""
        files = [
            {
                "id": "7b1f",
                "key": name,
                "size": len(content),
                "checksum": self.checksums.get((number, name), f"md5:{hashlib.md5(content).hexdigest()}"),
                "links": {"self": f"{self.url}/api/records/{record}/files/{name}/content"},
            }
            for (number, name), content in self.files.items()
            if number == record
        ]
        return json.dumps({"id": int(record), "metadata": {"title": "DCASE"}, "files": files}).encode()

    @contextmanager
    def serving(self) -> Iterator["Zenodo"]:
        """Serve on a free port of this machine."""
        handler = type("Handler", (_Handler,), {"zenodo": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                if self.gate:
                    self.gate.set()
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    zenodo: Zenodo

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        zenodo, path = self.zenodo, unquote(urlsplit(self.path).path)
        zenodo.asked.append((self.path, self.headers.get("Range")))
        parts = path.removeprefix("/elsewhere").strip("/").split("/")
        fault = zenodo.faults[parts[-1]].pop(0) if zenodo.faults[parts[-1]] else ""
        status, _, retry_after = fault.partition(" ")
        if status.isdecimal():
            self._send(int(status), b"try later", {"Retry-After": retry_after} if retry_after else {})
        elif fault == "html":
            self._send(200, b"<html>log in</html>")
        elif fault == "redirect":
            self._send(302, b"", {"Location": f"{zenodo.url}/elsewhere{self.path}"})
        elif parts[:2] == ["api", "records"]:
            body = zenodo.describe(parts[2])
            self._send(200, body, sent=len(body) // 2 if fault == "cut" else len(body))
        else:
            content = zenodo.files.get((parts[-3], parts[-1]))
            self._send_file(content, fault) if content is not None else self._send(404, b"no such file")

    def _send_file(self, content: bytes, fault: str) -> None:
        if fault == "other":
            content = bytes(len(content))
        if fault == "long":
            content += b"more"
        start, asked = 0, self.headers.get("Range")
        if asked and self.zenodo.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start and start >= len(content):
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        said = start + (fault == "shifted")
        headers = {"Content-Range": f"bytes {said}-{len(content) - 1}/{len(content)}"} if start else {}
        body = content[start:]
        self._send(206 if start else 200, body, headers, len(body) // 2 if fault == "cut" else len(body))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, sent: int | None = None) -> None:
        self.send_response(status)
        for name, value in ((headers or {}) | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        body = body[:sent]
        if self.zenodo.gate and "/files/" in self.path:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.zenodo.gate.wait(30)
            body = body[len(body) // 2 :]
        if not self.zenodo.pause_s:
            self.wfile.write(body)
            return
        with suppress(ConnectionError):  # who asked was killed
            for start in range(0, len(body), SLOW_BYTES):
                self.wfile.write(body[start : start + SLOW_BYTES])
                time.sleep(self.zenodo.pause_s)
