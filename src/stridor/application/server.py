"""The app's addresses, and the process that answers them."""

import logging
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stridor.application.listener import Listener, too_large
from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.explanation.page import app_page
from stridor.serving.requests import LARGEST_BYTES, LONGEST_SECONDS

_LOCAL = ("127.0.0.1", "localhost")
_LONGEST_NAME = 255
_logger = logging.getLogger(__name__)


def make_app(listener: Listener, host: str = "127.0.0.1") -> Starlette:
    """Return the app.

    Parameters
    ----------
    listener : Listener
    host : str
        What it listens on. A local one is answered under its own names only, so that no page of another site reaches
        it through a name of its own.
    """

    async def start(request: Request) -> Response:
        return HTMLResponse(app_page(listener.detectors, LARGEST_BYTES // 2**20, LONGEST_SECONDS))

    async def machines(request: Request) -> Response:
        detector = request.query_params.get("detector", "")
        return JSONResponse({"machines": await run_in_threadpool(listener.machines, detector)})

    async def explain(request: Request) -> Response:
        name = printable(request.query_params.get("name") or "The recording")[:_LONGEST_NAME]
        audio = await _body(request, name)
        detector, machine = request.query_params.get("detector", ""), request.query_params.get("machine")
        heard = await run_in_threadpool(listener.explain, audio, name, detector, machine)
        verdict = heard.verdict
        judgement = "ANOMALOUS" if verdict.anomalous else "normal"
        return JSONResponse({
            "text": f"{name}: {judgement}, {verdict.oddness()}", "anomalous": verdict.anomalous,
            "score": verdict.score, "threshold": verdict.threshold, "page": f"/recordings/{heard.identity}",
        })  # fmt: skip

    async def recording(request: Request) -> Response:
        return HTMLResponse(listener.find(request.path_params["identity"]).page)

    async def fine(request: Request) -> Response:
        path = await run_in_threadpool(listener.keep, request.path_params["identity"])
        add = f"stridor bank add {printable(path.parent)} --detector NAME"
        return PlainTextResponse(f"Kept as {printable(path)}. '{add}' has a detector learn it.")

    routes = [
        Route("/", start), Route("/machines", _answered(machines)),
        Route("/explain", _answered(explain), methods=["POST"]),
        Route("/recordings/{identity}", _answered(recording)),
        Route("/recordings/{identity}/fine", _answered(fine, plain=True), methods=["POST"]),
    ]  # fmt: skip
    hosts = [*_LOCAL, host] if host in _LOCAL else ["*"]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])


def serve(listener: Listener, host: str, port: int, started: Callable[[str], None]) -> None:
    """Answer until the process is stopped.

    Parameters
    ----------
    listener : Listener
    host : str
    port : int
        0 for any that is free.
    started : callable
        Called with the address when connections are taken.

    Raises
    ------
    StridorError
        If the port is taken, or the host is not one of this computer.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, port))
            taken.listen()
            shown = f"[{host}]" if ":" in host else host
            started(f"http://{shown}:{taken.getsockname()[1]}/")
            config = uvicorn.Config(make_app(listener, host), log_level="warning", lifespan="off")
            uvicorn.Server(config).run(sockets=[taken])
    except OSError as error:
        raise StridorError(
            f"Nothing can listen on {host}:{port} ({error.strerror or error}); choose others by --host and --port."
        ) from None


def _answered(
    answer: Callable[[Request], Awaitable[Response]], plain: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that says what is wrong in one sentence, and refuses what other sites send."""

    def error(sentence: str, status: int) -> Response:
        return PlainTextResponse(sentence, status) if plain else JSONResponse({"error": sentence}, status)

    async def endpoint(request: Request) -> Response:
        origin = request.headers.get("origin")
        if request.method == "POST" and origin and urlsplit(origin).netloc != request.headers.get("host"):
            return error("This comes from the page of another site and is refused.", 403)
        try:
            return await answer(request)
        except StridorError as complaint:
            return error(str(complaint), 400)
        except MemoryError:
            return error("The recording needs more memory than there is; send a shorter one.", 400)
        except OSError as failure:
            _logger.error("%s %s failed", request.method, request.url.path, exc_info=failure)
            return error(f"The server failed ({failure.strerror or failure}); its output says more.", 500)

    return endpoint


async def _body(request: Request, name: str) -> bytes:
    """Read what is sent, up to the largest size that is taken."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BYTES:
            raise StridorError(too_large(name))
    return bytes(body)
