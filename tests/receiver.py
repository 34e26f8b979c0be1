"""A webhook of our own: it keeps what it gets, and answers as it is told to."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Receiver:
    """A server for POST.

    Attributes
    ----------
    got : list of dict
        The messages that were answered by 2xx.
    headers : dict
        Those of the last request.
    answers : list of int
        Status of the next answers; 204 when there are none left. 0 stands for no answer before the end.
    """

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.answers: list[int] = []
        self.asked = 0
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator["Receiver"]:
        """Serve on a port of 127.0.0.1."""
        ended = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.asked += 1
                receiver.headers = dict(self.headers)
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if not status:
                    ended.wait()
                    return
                if status < 300:
                    receiver.got.append(message)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/alarm"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            server.shutdown()
            thread.join()
            server.server_close()
