"""The process of `ForkedPython` that has imported everything: forks a job for each client and runs it."""

import atexit
import fcntl
import gc
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from blank_pictures import VARIABLE, leave_blank

LONGEST = 250  # files in a message; the system allows 253


@dataclass(frozen=True)
class Wanted:
    """What a client wants to be run, and its open files as received here."""

    message: dict
    files: list[int]

    @classmethod
    def received(cls, client: socket.socket) -> "Wanted | None":
        """Receive it from a client; None if the client was killed meanwhile."""
        try:
            length, files, *_ = socket.recv_fds(client, 4, LONGEST)
            message = b""
            while not length or len(message) < int.from_bytes(length, "big"):
                part = client.recv(65536)
                if not part:
                    return None
                message += part
        except ConnectionError:
            return None
        return cls(json.loads(message), files)

    def run(self) -> None:
        """Run it in place of the server, at the top of this process."""
        self._place_files()
        os.chdir(self.message["folder"])
        os.environ.clear()
        os.environ.update(self.message["environment"])
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[1:1] = [path for path in paths if path and path not in sys.path]
        if VARIABLE in os.environ:
            leave_blank()
        for number in self.message["ignored"]:
            signal.signal(number, signal.SIG_IGN)
        option, code, *arguments = self.message["arguments"]
        sys.argv = [option, *arguments]
        main = sys.modules["__main__"] = ModuleType("__main__")
        if option == "-c":
            sys.path[0] = ""
            exec(code, main.__dict__)
        else:
            sys.path[0] = self.message["folder"]
            if not hasattr(sys.modules.get(code), "__path__"):
                sys.modules.pop(code, None)  # run anew, as __main__; of a package that is its module __main__
            runpy.run_module(code, run_name="__main__", alter_sys=True)

    def _place_files(self) -> None:
        """Give the files the numbers that they have in the client."""
        numbers = self.message["files"]
        # First out of the way of each other.
        beyond = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, max(numbers) + 1) for file in self.files]
        for file in self.files:
            os.close(file)
        for file, number in zip(beyond, numbers, strict=True):
            os.dup2(file, number)
            os.close(file)


class Server:
    """Forks a job for each client and watches both; a job whose client was killed is killed as well."""

    def __init__(self, address: str) -> None:
        self.clients: dict[int, socket.socket] = {}  # by the id of the job
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(64)
        self.ended, self._wake = socket.socketpair()
        self.ended.setblocking(False)
        self._wake.setblocking(False)
        self.selector = selectors.DefaultSelector()
        for source in (self.listener, self.ended, sys.stdin):
            self.selector.register(source, selectors.EVENT_READ)

    def serve(self) -> "Wanted | None":
        """Serve until standard input closes; in the process of a job, return what it is to run."""
        # Python writes a byte there whenever a job has ended.
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    if wanted := self._fork():
                        return wanted
                elif key.fileobj is self.ended:
                    self.ended.recv(4096)
                    self._answer()
                elif key.fileobj is sys.stdin:
                    for job in self.clients:
                        send(job, signal.SIGKILL)
                        os.waitpid(job, 0)
                    return None
                elif key.data in self.clients:
                    self._forward(key.data)

    def _fork(self) -> "Wanted | None":
        client, _ = self.listener.accept()
        wanted = Wanted.received(client)
        if wanted is None:
            client.close()
            return None
        job = os.fork()
        if job == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.selector.close()
            for one in (client, self.listener, self.ended, self._wake, *self.clients.values()):
                one.close()
            os.setpgid(0, 0)
            return wanted
        # A group of its own, so that Ctrl-C reaches what the job starts as well. Both set it, as either may be first.
        with suppress(PermissionError, ProcessLookupError):
            os.setpgid(job, job)
        for file in wanted.files:
            os.close(file)
        self.clients[job] = client
        self.selector.register(client, selectors.EVENT_READ, job)
        return None

    def _answer(self) -> None:
        """Tell the clients whose jobs have ended how they ended."""
        while self.clients:
            job, status = os.waitpid(-1, os.WNOHANG)
            if not job:
                return
            with self.clients.pop(job) as client:
                with suppress(KeyError):
                    self.selector.unregister(client)
                with suppress(OSError):  # the client was killed
                    client.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))

    def _forward(self, job: int) -> None:
        """Pass on the signals that a client has received, and its own end as SIGKILL."""
        numbers = b""
        with suppress(OSError):
            numbers = self.clients[job].recv(64)
        if not numbers:
            self.selector.unregister(self.clients[job])
        for number in numbers or [signal.SIGKILL]:
            send(job, number)


def send(job: int, number: int) -> None:
    """Send a signal to a job; as from a terminal, Ctrl-C goes also to what the job has started in its group."""
    with suppress(ProcessLookupError):
        if number == signal.SIGTERM:
            os.kill(job, number)
        else:
            os.killpg(job, number)


class Leave:
    """Ends a process after everything that is to be done at its exit, but before its modules are taken apart.

    Taking torch and DVC apart in a fork takes longer than many a job.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        atexit.register(self._leave)  # the first one that is registered is called last

    def _leave(self) -> None:
        if self.code is None:
            return
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # closed
                stream.flush()
        if self.code < 0:
            signal.signal(-self.code, signal.SIG_DFL)
            os.kill(os.getpid(), -self.code)
        os._exit(self.code)


def code_of(error: BaseException) -> int:
    """Return the exit code of an interpreter that ends by this error; negative for a signal."""
    if isinstance(error, KeyboardInterrupt):
        return -signal.SIGINT
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def main(folder: str, *modules: str) -> None:
    """Import modules, and serve clients that connect to `<folder>/socket`; remove the folder at the end."""
    leave = Leave()
    sys.executable = os.path.join(folder, "python")  # before multiprocessing copies it
    server = Server(os.path.join(folder, "socket"))
    print("listening", flush=True)
    for name in modules:
        import_module(name)
    gc.freeze()  # a job that collects garbage does not copy what all share
    wanted = server.serve()
    if wanted is None:
        shutil.rmtree(folder)
        return
    try:
        wanted.run()
        leave.code = 0
    except BaseException as error:
        leave.code = code_of(error)
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
