"""A Python process with limits: of time, memory, what it writes and where; for programs that somebody else wrote.

confined : code, settings, seconds, files -> what it told, what it printed, how it ended
confine  : in that process, the limits -> what cannot be limited here          alarm : seconds -> OutOfTime in a block
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copy, copytree
from typing import Any

KEPT = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "LANG", "LC_ALL")  # what the process sees of the environment
PROCESSES = ("os.fork", "os.exec", "os.posix_spawn", "os.system", "os.spawn", "os.startfile", "os.kill", "subprocess")
NETWORK = ("socket.connect", "socket.bind", "socket.sendto")
CHANGES = tuple(f"os.{name}" for name in ("remove", "rename", "mkdir", "rmdir", "truncate", "link", "symlink", "utime"))
CHANGES += ("os.chmod", "os.chown")
STANDARD = os.path.dirname(os.__file__)  # the standard library
RESERVE = 512 << 20  # bytes
BOOT = "import json, sys; s = json.loads(sys.argv[1]); sys.path[:] = s['paths']; from {module} import main; main(s)"


def confined(
    module: str, settings: dict[str, Any], files: Iterable[str | os.PathLike[str]] = ()
) -> tuple[list[dict[str, Any]], str, str]:
    """Run ``main(settings)`` of a module in a process of its own, in a temporary folder.

    ``main`` gets the settings with ``folder``, where it may write, and ``results``, the file to write lines of JSON to;
    it calls ``confine`` first. When it ends, or its time is over, its whole process group is ended.

    Args:
        module: where ``main`` is.
        settings: what JSON can hold, among it ``seconds``.
        files: what is copied into the folder, from which it runs.

    Returns the lines, the beginning of what was printed, and how the process ended.
    """
    with tempfile.TemporaryDirectory(prefix="fnn-", ignore_cleanup_errors=True) as top:
        folder, results = Path(top, "work"), Path(top, "results")
        folder.mkdir()
        for each in map(Path, files):
            copytree(each, folder / each.name) if each.is_dir() else copy(each, folder)
        places = {
            "paths": [str(folder), *map(os.path.abspath, sys.path)],
            "folder": str(folder),
            "results": str(results),
        }
        own = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(folder)) | {"MPLBACKEND": "Agg"}
        own |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        own |= {name: os.environ[name] for name in KEPT if name in os.environ}
        command = [sys.executable, "-B", "-c", BOOT.format(module=module), json.dumps(settings | places)]
        with open(Path(top, "output"), "w+b") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, env=own,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait(timeout=settings["seconds"])
                ending = f"ends its own process, with the code {code}"
            except subprocess.TimeoutExpired:
                ending = f"is stopped after {settings['seconds']:.1f} s: an endless loop, or long work"
            finally:
                _end(process)
            output.seek(0)
            printed = output.read(20_000).decode("utf-8", "replace")
            if ending.endswith("code 1"):  # an error where only the grader's own could come through
                ending += f": {printed.strip()[-200:]}"
        text = results.read_text("utf-8") if results.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")], printed, ending


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it has started, which is in its group."""
    if hasattr(os, "killpg"):  # only on POSIX
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def confine(folder: str, megabytes: int, seconds: float, refused: list[str]) -> str:
    """Limit this process, for good; return what cannot be limited on this system.

    Args:
        folder: where files may be changed.
        megabytes: how much memory it may have, as addresses.
        seconds: of the processor, a few more than which end it even if nobody else does.
        refused: what the process tries and may not do is added here, whatever becomes of the error that it gets.
    """
    inside = os.path.realpath(folder)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        paths: list[Any] = []
        if event == "open" and not isinstance(arguments[0], int):
            flags = (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            paths = [arguments[0]] if flags or set(arguments[1] or "") & set("wax+") else []
        elif event.startswith(CHANGES):
            paths = [each for each in arguments[:2] if isinstance(each, str | bytes | os.PathLike)]
        paths = [os.path.realpath(os.fsdecode(each)) for each in paths]
        beyond = [each for each in paths if os.path.commonpath([each, inside]) != inside and each != os.devnull]
        what = f"changes the file {beyond[0]}" if beyond else ""
        if event.startswith(PROCESSES):
            what = f"starts or ends a process ({event})"
        elif event.startswith(NETWORK):
            what = f"uses the network ({event})"
        if what:
            if not (event.startswith(PROCESSES) and _by_a_library()):
                refused.append(what)
            raise PermissionError(f"not allowed here: it {what}")

    sys.addaudithook(audit)
    try:
        import resource
    except ImportError:  # only on Windows
        return "no limit of memory: Python has no module resource on this system"
    for kind, value in (("FSIZE", 32 << 20), ("CPU", int(seconds) + 5), ("CORE", 0)):
        with suppress(ValueError, OSError, AttributeError):  # a limit of the system's own that is lower stays
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (value, value))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, (megabytes << 20) + RESERVE))
    return ""


def _by_a_library() -> bool:
    """Return True if an installed library asks by itself, as one that looks for the system's fonts."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.startswith((STANDARD, "<frozen")) and not _installed(frame):
        frame = frame.f_back
    return _installed(frame)


def _installed(frame: Any) -> bool:
    return bool({"site-packages", "dist-packages"} & set(Path(frame.f_code.co_filename).parts))


def use_reserve() -> None:
    """Allow this process some more memory, to go on beside what has met the limit."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


class OutOfTime(BaseException):
    """What ``alarm`` raises: nothing that anybody catches by accident."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise ``OutOfTime`` in this block after so many seconds, and every second again if it is caught."""

    def ring(*_: Any) -> None:
        raise OutOfTime(f"is stopped after {seconds:.1f} s")

    if hasattr(signal, "setitimer"):  # only on POSIX; elsewhere the time of the whole process is limited alone
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
