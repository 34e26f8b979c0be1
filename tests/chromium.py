"""A headless Chromium, told what to do through the pipe of its DevTools protocol; it needs no other package."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One tab."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._number, self._left, self._session = 0, b"", None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def open(self, address: str) -> None:
        self._call("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script: str) -> Any:
        """Return the value of a script, awaited if it is a promise."""
        said = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def wait_for(self, script: str, seconds: float = 120) -> Any:
        """Return the value of a script when it is true."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            assert time.monotonic() < deadline, f"{script} has not become true"
            time.sleep(0.1)
        return value

    def choose_file(self, selector: str, path: Path) -> None:
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def screenshot(self, path: Path, width: int = 1240, height: int = 900) -> None:
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        time.sleep(0.3)
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while (said := self._next()).get("id") != self._number:
            pass
        assert "error" not in said, said
        return said["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            part = os.read(self._reader, 2**16)
            assert part, "Chromium has ended"
            self._left += part
        one, _, self._left = self._left.partition(b"\0")
        return json.loads(one)


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """Start a Chromium with a profile in `folder`, with a microphone that beeps, and end it."""
    commands, their_end = os.pipe()
    answers, writes = os.pipe()
    options = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
        "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream", f"--user-data-dir={folder}",
    ]  # fmt: skip
    # It reads from 3 and writes to 4.
    line = f'exec "$0" "$@" 3<&{commands} 4>&{writes}'
    process = subprocess.Popen(
        ["bash", "-c", line, str(EXECUTABLE), *options], pass_fds=(commands, writes), stderr=subprocess.DEVNULL
    )
    os.close(commands)
    os.close(writes)
    try:
        yield Page(answers, their_end)
    finally:
        process.terminate()
        process.wait(timeout=60)
        os.close(answers)
        os.close(their_end)
