"""A file is replaced whole or not at all: whoever is killed while writing leaves the old one as it was.

    write_durably : path, bytes -> None

The new bytes go to another file in the same folder, are forced to the disk, and only then take the name of the old
ones, in one step of the file system, which no reader can see half done.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
from pathlib import Path

# The system reuses the number of a process after its end, in a container for the very next one. A token is not reused.
_TOKEN = os.urandom(4).hex()
_COUNT = itertools.count()


def write_durably(path: str | os.PathLike, data: bytes) -> None:
    """Write ``data`` to the file ``path``, which at every moment holds either all of the old bytes or all of the new.

    When it returns, the new bytes are on the disk. If two processes write at once, the last one wins. A writer that was
    killed leaves ``.name.*.partial`` behind, which the next writer removes. A link stays a link: the file that it
    points to is replaced. A file keeps its permissions, and a new one has those that ``open`` would give it.

    Raises an ``OSError`` that names the path if there is no such folder, if the folder or the file may not be written
    to, if the path is no file, and if the disk is full: then the old file is unchanged, and nothing is left behind.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_durably(Path(folder) / "numbers", b"one")
    ...     write_durably(Path(folder) / "numbers", b"two")
    ...     (Path(folder) / "numbers").read_bytes(), os.listdir(folder)
    (b'two', ['numbers'])
    """
    path = Path(path)
    mode = _mode(path)
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write to; make it first", str(target.parent))
    _remove_leftovers(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}-{_TOKEN}-{next(_COUNT)}.partial")
    try:
        with open(partial, "xb") as file:
            if mode is not None:
                partial.chmod(mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as error:
        message = f"{error.strerror}; nothing was written, and what was there before is unchanged"
        raise OSError(error.errno, message, str(path)) from error
    finally:
        with contextlib.suppress(OSError):  # after success there is none
            partial.unlink()
    _sync_folder(target)


def _mode(path: Path) -> int | None:
    """Return the permissions of the file that is there, or None if there is none; raise if it may not be replaced."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "expected the path of a file to write, and this is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "expected the path of a file to write, and this is a device or a pipe", str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected", str(path))
    return stat.S_IMODE(found.st_mode)


def _remove_leftovers(target: Path) -> None:
    """Remove the partial files that writers of this target left behind, except those of writers that still run."""
    name_of_one = re.compile(rf"\.{re.escape(target.name)}\.(\d+)-(\w+)-\d+\.partial")
    with contextlib.suppress(OSError):  # in a folder that may not be read, they stay
        for name in os.listdir(target.parent):
            found = name_of_one.fullmatch(name)
            if found and not _lives(int(found[1]), found[2]):
                with contextlib.suppress(OSError):  # another writer may have been faster
                    target.with_name(name).unlink()


def _lives(process: int, token: str) -> bool:
    """Return True if the process that chose this token may still run."""
    if process == os.getpid():
        return token == _TOKEN
    if os.name == "nt":
        return False  # os.kill would end the process; and Windows does not remove a file that is open
    try:
        os.kill(process, 0)  # sends no signal, only asks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # another user's process
    return True


def _sync_folder(target: Path) -> None:
    """Force the folder to the disk, so that the name means the new file even after a power failure."""
    try:
        folder = os.open(target.parent, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders, and one without the right to read cannot be opened
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot do it
            message = f"{error.strerror}; the new file is there, but might not outlive a power failure"
            raise OSError(error.errno, message, str(target)) from error
    finally:
        os.close(folder)
