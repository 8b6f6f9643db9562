"""The zygote: one process that has imported every service and forks them on request.

Imports are nearly all of a service's start (4 s of CPU each) and most of its memory; forked from here, a service
starts in a tenth of a second and shares those pages. Hence the rule for services: importing creates no gRPC object,
no thread, no event loop, no connection.

Lines of JSON over the socket given as first argument.
In:  {"start": n, "module": …, "arguments": […], "environment": {…}, "log": path}
Out: {"imported": {module: "" or error}}, {"started": n, "pid": …}, {"failed": n, "error": …},
     {"exited": pid, "status": …}
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from parvis_local.processes import LINUX, end_with_parent


def main(arguments: Sequence[str]) -> None:
    """Called as `zygote DESCRIPTOR MODULE…`."""
    connection = socket.socket(fileno=int(arguments[0]))
    began = time.monotonic()
    imported = {module: _import(module) for module in arguments[1:]}
    gc.collect()
    gc.freeze()  # the collector of a child writes to no page that it shares
    print(f"imported {len(imported)} modules in {time.monotonic() - began:.1f} s", flush=True)
    _say(connection, {"imported": imported})
    _serve(connection)


def _import(module: str) -> str:
    try:
        importlib.import_module(module)
    except Exception:  # noqa: BLE001 - whatever is wrong with one service is reported when it is started
        return traceback.format_exc()
    return ""


def _say(connection: socket.socket, message: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _serve(connection: socket.socket) -> None:
    """Forks on request and reports children that end, until the supervisor closes the connection."""
    child_ended, told = os.pipe()
    os.set_blocking(told, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(told)
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ)
    selector.register(child_ended, selectors.EVENT_READ)
    received = b""
    while True:
        for key, _ in selector.select():
            if key.fileobj is connection:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                *lines, received = (received + chunk).split(b"\n")
                for line in lines:
                    _start(connection, json.loads(line))
            else:
                os.read(child_ended, 4096)
                _report_ended(connection)


def _start(connection: socket.socket, request: Mapping[str, Any]) -> None:
    if error := _import(request["module"]):  # known since the start, or mended meanwhile
        _say(connection, {"failed": request["start"], "error": error})
        return
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _become(request)
    _say(connection, {"started": request["start"], "pid": pid})


def _report_ended(connection: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(connection, {"exited": pid, "status": os.waitstatus_to_exitcode(status)})


def _become(request: Mapping[str, Any]) -> NoReturn:
    """In the child: a session, a log, an environment and signals of its own, then the service's main function."""
    status = 1
    try:
        end_with_parent(signal.SIGKILL)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.default_int_handler)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 1024)
        os.environ.clear()
        os.environ.update(request["environment"])
        package = request["module"].removesuffix(".main")
        sys.argv = [package, *request["arguments"]]
        if LINUX:
            Path("/proc/self/comm").write_text(package[:15])  # what `top` shows
        sys.modules[request["module"]].main(request["arguments"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        status = 130
    except BaseException:  # noqa: BLE001 - the last thing that this process does is to say what happened
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
