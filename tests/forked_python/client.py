"""The command `python` of `ForkedPython`: has the server run a job, and ends as the job ends.

Every call imports this file, so it imports little.
"""

import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM)


def main(address: str, *arguments: str) -> None:
    """Run `python` with these arguments."""
    if arguments[:1] == ("-B",):  # multiprocessing passes it on; it says that no bytecode is to be written
        arguments = arguments[1:]
    if len(arguments) < 2 or arguments[0] not in ("-m", "-c"):
        os.execv(sys.executable, [sys.executable, *arguments])
    ignored = [number for number in FORWARDED if signal.getsignal(number) == signal.SIG_IGN]
    # What is inheritable was open when this process started; what Python opens is not.
    files = [number for number in map(int, os.listdir("/dev/fd")) if is_inheritable(number)]
    wanted = {
        "arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ), "ignored": ignored,
        "files": files,
    }  # fmt: skip
    message = json.dumps(wanted).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [len(message).to_bytes(4, "big")], files)
        server.sendall(message)
        for number in set(FORWARDED).difference(ignored):
            signal.signal(number, lambda number, frame: server.sendall(bytes([number])))
        answer = server.recv(4)
    if not answer:
        sys.exit("forked_python: the server ended before its job")
    code = int.from_bytes(answer, "big", signed=True)
    if code < 0:
        if -code in FORWARDED:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def is_inheritable(file: int) -> bool:
    """Tell whether a file is passed on to the processes that this one starts."""
    try:
        return os.get_inheritable(file)
    except OSError:
        return False  # closed since it was listed


if __name__ == "__main__":
    main(*sys.argv[1:])
