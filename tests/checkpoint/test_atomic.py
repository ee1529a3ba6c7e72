"""A file that is written durably is at every moment the old one or the new one, whatever becomes of its writer."""

import errno
import functools
import io
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from fnn.checkpoint import _atomic
from fnn.checkpoint._atomic import write_durably
from tests.each_of import each_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and permissions are those of Unix")
REALLY = os.fsync  # imported before the tests of other files are spared it


@pytest.fixture(autouse=True)
def _wait_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", REALLY)


# A child loads the one file alone, without the package and NumPy: it is up in 40 milliseconds.
BEGIN = f"""
import os, sys, time
sys.path.append({str(Path(_atomic.__file__).parent)!r})
import _atomic
from _atomic import write_durably
path = sys.argv[1]
"""


def child(script, *arguments):
    """Start a process that runs ``script`` and reports on a pipe."""
    command = [sys.executable, "-I", "-S", "-c", BEGIN + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def end(process, with_signal=signal.SIGKILL):
    """End a process, and return the lines that it had reported and nobody has read."""
    process.send_signal(with_signal)
    with process:
        return process.stdout.read().splitlines()


# --- killed at a random moment ---------------------------------------------------------------------------------------

TIMES = 130_000  # about a megabyte: most of the time is spent in writing

AGAIN_AND_AGAIN = """
count, times = int(sys.argv[2]), int(sys.argv[3])
os.write(1, b"ready\\n")
while True:
    count += 1
    write_durably(path, count.to_bytes(8, "big") * times)
    os.write(1, b"%d\\n" % count)
"""


def counter_in(path):
    """Return the number that every eight bytes of the file must spell."""
    content = path.read_bytes()
    assert len(content) == 8 * TIMES
    assert content == content[:8] * TIMES
    return int.from_bytes(content[:8], "big")


def survive(kills, folder):
    """Kill a writer at ``kills`` random moments, and return how many of them left a partial file behind."""
    path, dice, left_behind = folder / "state", random.Random(kills), 0
    counter = 0
    write_durably(path, counter.to_bytes(8, "big") * TIMES)
    for _ in range(kills):
        process = child(AGAIN_AND_AGAIN, path, counter, TIMES)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(dice.uniform(0, 0.03))
        reported = [counter, *map(int, end(process))][-1]
        counter = counter_in(path)
        assert reported <= counter <= reported + 1
        partials = set(os.listdir(folder)) - {"state"}
        assert len(partials) <= 1  # that of the one before is gone, unless this one did not come to its first save
        left_behind += len(partials)
    write_durably(path, counter.to_bytes(8, "big") * TIMES)
    assert os.listdir(folder) == ["state"]
    return left_behind


@pytest.mark.long
def test_a_writer_killed_at_20_random_moments_leaves_a_whole_file_no_older_than_the_last_reported(tmp_path):
    survive(20, tmp_path)


@pytest.mark.long
def test_a_writer_killed_at_200_random_moments_leaves_a_whole_file_no_older_than_the_last_reported(tmp_path):
    assert survive(200, tmp_path) > 0  # the kills did hit the middle of writing


CARELESS = {
    "open": """
size = int(sys.argv[2])
os.write(1, b"ready\\n")
while True:
    with open(path, "wb") as file:
        file.write(bytes(size))
""",
    "np.savez": """
sys.path[:0] = sys.argv[3].split(os.pathsep)
import numpy
arrays = [numpy.zeros(int(sys.argv[2]) // 8)]
os.write(1, b"ready\\n")
while True:
    with open(path, "wb") as file:
        numpy.savez(file, *arrays)
""",
}


def is_whole(path, size, how):
    if how == "open":
        return path.stat().st_size == size
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            return arrays["arr_0"].nbytes == size
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False


@pytest.mark.long
@pytest.mark.parametrize("how", CARELESS)
def test_written_carelessly_a_file_does_not_survive_a_kill_that_hits_the_middle_of_writing(how, tmp_path):
    path, size = tmp_path / "state", 2**25
    if how == "open":
        path.write_bytes(bytes(size))
    else:
        with open(path, "wb") as file:
            np.savez(file, np.zeros(size // 8))
    assert is_whole(path, size, how)
    process = child(CARELESS[how], path, size, os.pathsep.join(sys.path))
    assert process.stdout.readline() == b"ready\n"
    while is_whole(path, size, how):  # looked at while the writer stands still, as often as it takes
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
    end(process)
    assert not is_whole(path, size, how)


# --- killed at a chosen moment ---------------------------------------------------------------------------------------

KILLED_AT = """
import builtins, signal
moment = sys.argv[2]

def stop(*ignored, **named):
    os.kill(os.getpid(), getattr(signal, sys.argv[3]))

def half_of(file):
    whole = file.write
    class Half:
        fileno, flush, close = file.fileno, file.flush, file.close
        def __enter__(self): return self
        def __exit__(self, *error): file.close()
        def write(self, data): whole(data[: len(data) // 2]); file.flush(); stop()
    return Half()

def sync(descriptor, really=os.fsync, calls=[]):
    calls.append(descriptor)
    if moment == f"fsync {len(calls)}": stop()
    really(descriptor)

def replace(source, target, really=os.replace):
    if moment == "before replace": stop()
    really(source, target)
    if moment == "after replace": stop()

if moment == "write": _atomic.open = lambda *arguments: half_of(builtins.open(*arguments))
os.fsync, os.replace = sync, replace
write_durably(path, b"new")
"""
MOMENTS = {
    "write": b"old",
    "fsync 1": b"old",
    "before replace": b"old",
    "after replace": b"new",
    "fsync 2": b"new",
    "none": b"new",
}


@each_of(("moment", "expected"), MOMENTS.items())
def test_killed_at_any_step_of_writing_the_file_is_the_old_one_or_the_new_one(moment, expected, tmp_path):
    path = tmp_path / "state"
    path.write_bytes(b"old")
    process = child(KILLED_AT, path, moment, "SIGKILL")
    assert process.wait() == (0 if moment == "none" else -signal.SIGKILL)
    process.stdout.close()
    assert path.read_bytes() == expected
    assert len(os.listdir(tmp_path)) == (2 if expected == b"old" else 1)
    write_durably(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert os.listdir(tmp_path) == ["state"]


def test_the_partial_file_of_a_writer_that_lives_is_left_to_it(tmp_path):
    path = tmp_path / "state"
    process = child(KILLED_AT, path, "before replace", "SIGSTOP")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    write_durably(path, b"ours")
    assert len(os.listdir(tmp_path)) == 2
    process.send_signal(signal.SIGCONT)
    with process:
        assert process.wait() == 0
    assert path.read_bytes() == b"new"  # the last one wins
    assert os.listdir(tmp_path) == ["state"]


def test_two_writers_at_once_never_tear_the_file(tmp_path):
    path = tmp_path / "state"
    write_durably(path, bytes(8) * TIMES)
    writers = [child(AGAIN_AND_AGAIN, path, start, TIMES) for start in (10**6, 2 * 10**6)]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
        assert writer.stdout.readline()
    seen = {counter_in(path) // 10**6 for _ in range(60)}
    for writer in writers:
        assert writer.stdout.readline()  # each goes on to write beside the other, however long that takes
        end(writer)
    assert seen <= {1, 2}
    counter_in(path)


def test_threads_that_write_at_once_do_not_get_in_each_other_s_way(tmp_path):
    contents = [bytes([number]) * 100_000 for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(functools.partial(write_durably, tmp_path / "state"), contents * 10))
    assert (tmp_path / "state").read_bytes() in contents
    assert os.listdir(tmp_path) == ["state"]


# --- what is removed, and what is not ---------------------------------------------------------------------------------


@each_of("name", ["state", "net[1].fnn", "a.b", ".hidden", "ein Zustand", "\N{SNOWMAN}"])
def test_leftovers_of_the_dead_are_removed_and_nothing_else(name, tmp_path):
    dead, living = 2**22 + 1, 1  # no system gives out the one number, and the other is that of the first process
    leftovers = [f".{name}.{dead}-0a1b2c3d-0.partial", f".{name}.{dead}-ffffffff-17.partial"]
    earlier = f".{name}.{os.getpid()}-00000000-0.partial"  # of one that had our number before us, as in a container
    beyond = f".{name}.{10**30}-00000000-0.partial"  # not even a number that the system can be asked about
    kept = {
        f".{name}.{living}-0a1b2c3d-0.partial",
        f".{name}.{os.getpid()}-{_atomic._TOKEN}-1000000.partial",
        f".other{name}.{dead}-0a1b2c3d-0.partial",
        f".{name}.x-0a1b2c3d-0.partial",
        f".{name}.partial",
        f"{name}.partial",
        f"{name}.{dead}-0a1b2c3d-0.partial",
    }
    for each in [*leftovers, earlier, beyond, *kept]:
        (tmp_path / each).write_bytes(b"")
    write_durably(tmp_path / name, b"new")
    assert set(os.listdir(tmp_path)) == kept | {name}


def test_whose_process_cannot_be_asked_is_taken_to_live_and_on_windows_nobody_is_asked(monkeypatch):
    for error, lives in ((PermissionError(), True), (ProcessLookupError(), False), (OverflowError(), False)):
        with monkeypatch.context() as patch:
            patch.setattr(os, "kill", mock.Mock(side_effect=error))
            assert _atomic._lives(1, "0a1b2c3d") is lives
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        patch.setattr(os, "kill", lambda *ignored: pytest.fail("this would end the process"))
        assert _atomic._lives(1, "0a1b2c3d") is False
        assert _atomic._lives(os.getpid(), _atomic._TOKEN) is True


# --- the file --------------------------------------------------------------------------------------------------------


@each_of("data", [b"", b"a", bytes(range(256)), bytearray(b"ab"), memoryview(b"abc")], ids=len)
def test_what_is_written_is_what_was_given(data, tmp_path):
    for path in (tmp_path / "one", str(tmp_path / "two")):
        for _ in range(2):
            assert write_durably(path, data) is None
            assert Path(path).read_bytes() == data


def test_a_relative_path_is_seen_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_durably("state", b"new")
    assert (tmp_path / "state").read_bytes() == b"new"


def test_the_bytes_are_on_the_disk_before_the_name_is_given_and_the_name_before_it_returns(tmp_path, monkeypatch):
    done = []

    def sync(descriptor, really=os.fsync):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        done.append((f"fsync of the {kind}", os.fstat(descriptor).st_size if kind == "file" else None))
        really(descriptor)

    def replace(source, target, really=os.replace):
        done.append(("replace", Path(target).name))
        assert Path(source).parent == Path(target).parent
        really(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write_durably(tmp_path / "state", b"five!")
    assert done == [("fsync of the file", 5), ("replace", "state"), ("fsync of the folder", None)]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_a_new_file_has_the_permissions_that_open_would_give_it(mask, tmp_path):
    before = os.umask(mask)
    try:
        (tmp_path / "by open").write_bytes(b"")
        write_durably(tmp_path / "state", b"new")
    finally:
        os.umask(before)
    expected = 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "by open").stat().st_mode) == expected
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == expected


@each_of("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_keeps_its_permissions(mode, tmp_path):
    path = tmp_path / "state"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_durably(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link_and_the_file_that_it_points_to_is_replaced(exists, tmp_path):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real", tmp_path / "link"
    if exists:
        real.write_bytes(b"old")
    (tmp_path / "between").symlink_to(Path("far") / "real")
    link.symlink_to("between")
    write_durably(link, b"new")
    assert link.is_symlink()
    assert not real.is_symlink()
    assert real.read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["between", "far", "link"]
    assert os.listdir(tmp_path / "far") == ["real"]


# --- what can go wrong -----------------------------------------------------------------------------------------------

UNCHANGED = "; nothing was written, and what was there before is unchanged: "


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "state"
    path.write_bytes(b"old")
    return path


def is_as_it_was(old):
    return old.read_bytes() == b"old" and os.listdir(old.parent) == ["state"]


def raises(number):
    def fail(*ignored, **named):
        raise OSError(number, os.strerror(number), "somewhere else")

    return fail


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_if_a_step_of_it_fails_the_old_file_is_unchanged_and_the_error_names_it(name, number, old, monkeypatch):
    monkeypatch.setattr(os, name, raises(number))
    with pytest.raises(OSError, match=re.escape(f"{os.strerror(number)}{UNCHANGED}'{old}'")) as caught:
        write_durably(old, b"new")
    assert (caught.value.errno, caught.value.filename) == (number, str(old))
    assert type(caught.value) is type(OSError(number, ""))  # so a PermissionError stays one
    assert is_as_it_was(old)


class FullSoon(io.FileIO):
    """A file on a disk that has room for one more byte."""

    def write(self, data):
        super().write(data[:1])
        raises(errno.ENOSPC)()


def test_if_the_disk_is_full_halfway_the_old_file_is_unchanged(old, monkeypatch):
    monkeypatch.setattr(_atomic, "open", FullSoon, raising=False)
    with pytest.raises(OSError, match=re.escape(f"No space left on device{UNCHANGED}'{old}'")):
        write_durably(old, b"new")
    assert is_as_it_was(old)


REPORT = """
def report():
    try:
        write_durably(path, b"new" * 100_000)
    except OSError as error:
        print(type(error).__name__, error.errno, error, flush=True)
    else:
        print("written", flush=True)
"""


def reported(script, path):
    with child(REPORT + script, path) as process:
        return process.stdout.read().decode().strip()


def test_if_the_kernel_refuses_to_write_more_the_old_file_is_unchanged(old):
    script = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
report()
"""
    assert reported(script, old) == f"OSError {errno.EFBIG} [Errno {errno.EFBIG}] File too large{UNCHANGED}'{old}'"
    assert is_as_it_was(old)


@functools.cache
def can_mount():
    """Return whether this user may mount a file system of its own."""
    if shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", folder]  # seen by nobody else, and gone with it
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_if_the_disk_is_really_full_the_old_file_is_unchanged(tmp_path):
    if not can_mount():
        pytest.skip("needs leave to mount a small file system: unshare -rm")
    script = """
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "none", os.path.dirname(path)], check=True)
write_durably(path, b"old")
report()
print(open(path, "rb").read(), os.listdir(os.path.dirname(path)))
"""
    command = ["unshare", "-rm", sys.executable, "-I", "-S", "-c", BEGIN + REPORT + script, str(tmp_path / "state")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    path = tmp_path / "state"
    assert said[0] == f"OSError {errno.ENOSPC} [Errno {errno.ENOSPC}] No space left on device{UNCHANGED}'{path}'"
    assert said[1] == "b'old' ['state']"


WITHOUT_RIGHTS = """
if os.getuid() == 0:  # to root nothing is forbidden
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
report()
"""


@pytest.fixture
def open_folder():
    """A folder that every user reaches; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_in_a_folder_that_may_not_be_written_to_the_old_file_is_unchanged(open_folder):
    path = open_folder / "state"
    path.write_bytes(b"old")
    path.chmod(0o666)
    open_folder.chmod(0o555)
    expected = f"PermissionError {errno.EACCES} [Errno {errno.EACCES}] Permission denied{UNCHANGED}'{path}'"
    assert reported(WITHOUT_RIGHTS, path) == expected
    assert is_as_it_was(path)


def test_a_file_that_is_write_protected_is_not_replaced(open_folder):
    path = open_folder / "state"
    path.write_bytes(b"old")
    path.chmod(0o444)
    open_folder.chmod(0o777)
    expected = f"PermissionError {errno.EACCES} [Errno {errno.EACCES}] the file is write-protected: '{path}'"
    assert reported(WITHOUT_RIGHTS, path) == expected
    assert is_as_it_was(path)


def test_a_folder_that_may_be_written_to_but_not_read_will_do(open_folder):
    open_folder.chmod(0o333)
    assert reported(WITHOUT_RIGHTS, open_folder / "state") == "written"
    assert (open_folder / "state").read_bytes() == b"new" * 100_000


def test_a_folder_that_is_not_there_is_an_error_and_is_not_made(tmp_path):
    message = re.escape(f"there is no such folder to write to; make it first: '{tmp_path / 'mistyped'}'")
    with pytest.raises(FileNotFoundError, match=message):
        write_durably(tmp_path / "mistyped" / "state", b"new")
    assert os.listdir(tmp_path) == []


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "file").write_bytes(b"old")
    for name, kind, message in (
        ("folder", IsADirectoryError, "expected the path of a file to write, and this is a folder: "),
        ("pipe", OSError, "expected the path of a file to write, and this is a device or a pipe: "),
        ("a", OSError, "Too many levels of symbolic links: "),
        ("file/state", NotADirectoryError, "Not a directory: "),
    ):
        with pytest.raises(kind, match=re.escape(f"{message}'{tmp_path / name}'")):
            write_durably(tmp_path / name, b"new")
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "file", "folder", "pipe"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize(("number", "is_error"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_folder_is_forced_to_the_disk_where_the_system_can(number, is_error, old, monkeypatch):
    def sync(descriptor, really=os.fsync):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raises(number)()
        really(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    if is_error:
        message = f"{os.strerror(number)}; the new file is there, but might not outlive a power failure: '{old}'"
        with pytest.raises(OSError, match=re.escape(message)):
            write_durably(old, b"new")
    else:
        write_durably(old, b"new")
    assert old.read_bytes() == b"new"


def test_a_folder_that_cannot_be_opened_is_not_forced_to_the_disk(old, monkeypatch):
    monkeypatch.setattr(os, "open", raises(errno.EACCES))
    write_durably(old, b"new")
    assert old.read_bytes() == b"new"


@pytest.mark.parametrize("wrong", ["text", None, 3])
def test_what_are_no_bytes_is_refused_before_anything_changes(wrong, old):
    with pytest.raises(TypeError, match="bytes-like"):
        write_durably(old, wrong)
    assert is_as_it_was(old)


def test_an_interruption_leaves_nothing_behind(old, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_durably(old, b"new")
    assert is_as_it_was(old)
