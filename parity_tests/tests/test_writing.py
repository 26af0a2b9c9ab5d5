"""Files are written in one place: through links, devices and pipes, with the mode and
owner that were there, and never half."""

import ast
import contextlib
import os
import resource
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks import records
from parity_tests.tests.test_architecture import modules
from shared.errors import UsageError
from shared.files import sources, weights, writing
from shared.running import curves
from triptych.commands.terminal import Lines, write_json

NOBODY = 65534
ROOT = os.geteuid() == 0


def lines(path, content):
    with Lines(path) as opened:
        opened.add(content)


def through_a_path(path, content):
    with writing.written(path) as inside:
        inside.write_text(content)


def drawn(path, content):
    history = [{"epoch": 1, "loss": 1.0, "validation_loss": 1.0, "validation_f1": 1.0}]
    curves.draw(path, content, {"jax": history}, "f1", 1.0)


@cache
def aligned():
    return sources.aligned("linear")


def page(path, content):
    sources.write_page(path, content, aligned())


WRITERS = {
    "bytes": lambda path, content: writing.write_bytes(path, content.encode()),
    "json": write_json,
    "lines": lines,
    "weights": lambda path, content: weights.write(path, {content: np.ones(3)}, {}),
    "by path": through_a_path,
    "sources": page,
    "curves": drawn,
    "a line of a record": writing.append_line,
}


def name(text):
    return text.replace(" ", "-")


@pytest.fixture(params=WRITERS, ids=name)
def write(request):
    return WRITERS[request.param]


@pytest.fixture
def nobody(tmp_path):
    """A folder of a person who is not root; as whom the test goes on."""
    if not ROOT:
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(0)
        shutil.rmtree(folder)


@contextlib.contextmanager
def no_larger_than(size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_link_stays_and_its_target_is_written(write, tmp_path):
    target = tmp_path / "there" / "target.json"
    target.parent.mkdir()
    target.write_text("before\n")
    target.chmod(0o600)
    (tmp_path / "second").symlink_to(target)
    link = tmp_path / "link"
    link.symlink_to("second")
    write(link, "after")
    assert link.is_symlink()
    assert (tmp_path / "second").is_symlink()
    assert target.read_bytes() != b"before"
    assert mode(target) == 0o600
    assert list(target.parent.iterdir()) == [target]


def test_all_names_of_a_file_have_its_new_content(write, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("before, and longer than what comes" * 10_000 + "\n")
    other.hardlink_to(one)
    write(one, "after")
    assert one.samefile(other)
    assert one.stat().st_nlink == 2
    assert sorted(tmp_path.iterdir()) == [one, other]


def test_a_pipe_is_written_to(write, tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe, "after")
    reader.join(10)
    assert len(got[0]) >= 5
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_device_is_written_to_and_stays(write, tmp_path):
    device = Path("/dev/null")
    if ROOT:  # who could take it from everybody
        device = tmp_path / "null"
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    write(device, "after")
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_full_device_is_one_line(write):
    with pytest.raises(UsageError, match=r"/dev/full: cannot be written \(No space"):
        write(Path("/dev/full"), "after")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_standard_output_by_its_path_keeps_the_order(tmp_path):
    """Also into a file, which is not replaced under the shell that opened it."""
    done = tmp_path / "out"
    with done.open("w") as file:
        code = (
            "from pathlib import Path\n"
            "from shared.files.writing import write_text\n"
            "print('one')\n"
            "write_text(Path('/dev/stdout'), 'two\\n')\n"
            "print('three')\n"
        )
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert done.read_text().split() == ["one", "two", "three"]


def test_a_new_file_has_the_mode_that_the_person_has_set(write, tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "new", "after")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o640


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o664, 0o755])
def test_the_mode_stays(write, tmp_path, bits):
    path = tmp_path / "file"
    path.write_text("before\n")
    path.chmod(bits)
    write(path, "after")
    assert mode(path) == bits


@pytest.mark.skipif(not ROOT, reason="only root gives files away")
def test_the_owner_stays(write, tmp_path):
    path = tmp_path / "file"
    path.write_text("before\n")
    os.chown(path, NOBODY, NOBODY)
    write(path, "after")
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


@pytest.mark.skipif(not ROOT, reason="only root has files of two people")
def test_a_file_of_somebody_else_that_may_be_written_stays_theirs(nobody):
    os.seteuid(0)
    path = nobody / "file"
    path.write_text("before\n")
    path.chmod(0o666)
    os.seteuid(NOBODY)
    writing.write_text(path, "after")
    assert path.stat().st_uid == 0
    assert path.read_text() == "after"


def test_a_folder_that_takes_no_new_file(nobody):
    """What is in it can be written, and nothing else can."""
    path = nobody / "file"
    path.write_text("before\n")
    nobody.chmod(0o555)
    try:
        writing.write_text(path, "after")
        with pytest.raises(UsageError, match="cannot be written"):
            writing.write_text(nobody / "new", "after")
        with pytest.raises(UsageError, match="closed folder"):
            writing.write_text(path, "never", whole=True)
        assert path.read_text() == "after"
        assert list(nobody.iterdir()) == [path]
    finally:
        nobody.chmod(0o755)


def test_a_file_that_may_not_be_written_stays(nobody):
    path = nobody / "file"
    path.write_text("before")
    path.chmod(0o444)
    with pytest.raises(UsageError, match=r"cannot be written \(Permission denied\)"):
        writing.write_text(path, "after")
    assert path.read_text() == "before"
    assert list(nobody.iterdir()) == [path]


def test_a_link_to_a_file_that_is_not_there_makes_it(write, tmp_path):
    (tmp_path / "link").symlink_to("target")
    write(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").stat().st_size


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.symlink_to(path.name), "symbolic links"),
        (lambda path: path.symlink_to("file/x"), "Not a directory"),
        (lambda path: path.symlink_to("no/such/folder"), "No such file"),
    ],
    ids=["folder", "circle", "below a file", "nowhere"],
)
def test_what_cannot_be_written_is_one_line(write, tmp_path, make, said):
    (tmp_path / "file").write_text("stays")
    make(tmp_path / "path")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=f"path: cannot be .*{said}"):
        write(tmp_path / "path", "after")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "file").read_text() == "stays"


@pytest.mark.parametrize("path", ["", ".", "..", "x" * 300, "x/" * 3000 + "x"])
def test_paths_that_cannot_be(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="cannot be written"):
        writing.write_text(Path(path), "after")
    assert list(tmp_path.iterdir()) == []


def test_a_name_as_long_as_can_be(tmp_path):
    writing.write_text(tmp_path / ("x" * 255), "after")


def test_a_disk_is_no_place_for_a_file(tmp_path):
    if not ROOT:
        pytest.skip("only root makes devices")
    disk = tmp_path / "disk"
    os.mknod(disk, 0o600 | stat.S_IFBLK, os.makedev(7, 200))
    with pytest.raises(UsageError, match="it is a disk"):
        writing.write_text(disk, "after")


@pytest.mark.parametrize("names", [1, 2])
def test_a_full_disk_leaves_what_was_there(tmp_path, names):
    path = tmp_path / "file"
    path.write_text("before")
    if names == 2:
        (tmp_path / "other").hardlink_to(path)
    before = sorted(tmp_path.iterdir())
    with no_larger_than(10_000), pytest.raises(UsageError, match="cannot be written"):
        writing.write_bytes(path, bytes(100_000))
    assert path.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_where_there_is_room_beside_but_not_within(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("before")
    (tmp_path / "other").hardlink_to(path)

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UsageError, match="No space left"):
        writing.write_bytes(path, bytes(100_000))
    assert path.read_text() == "before"


@pytest.mark.parametrize("what", ["pipe", "two names", "device"])
def test_what_must_be_whole_is_refused_where_it_cannot(tmp_path, what):
    path = tmp_path / "path"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/full")
    else:
        path.write_text("before")
        (tmp_path / "other").hardlink_to(path)
    with pytest.raises(UsageError, match=r"cannot be written \(it"):
        weights.write(path, {"a": np.ones(3)}, {}, whole=True)


def test_what_a_stranger_laid_in_the_way_is_not_followed(tmp_path, monkeypatch):
    """Not even by one who knows the name that is to come."""
    victim = tmp_path / "victim"
    victim.write_text("stays")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)
    for planted in (f"{writing.TEMPORARY}{'0' * 16}", f".{os.getpid()}.file"):
        (tmp_path / planted).symlink_to(victim)
    with pytest.raises(UsageError, match=r"cannot be written \(File exists\)"):
        writing.write_text(tmp_path / "file", "after")
    assert victim.read_text() == "stays"
    writing.new(tmp_path / f".{os.getpid()}.file")
    assert victim.read_text() == "stays"


def test_the_names_of_what_is_not_whole_cannot_be_foretold(tmp_path):
    found = set()
    for _ in range(3):
        with writing.opened(tmp_path / "file") as file:
            found.add(Path(os.readlink(f"/proc/self/fd/{file.fileno()}")).name)
    assert len(found) == 3
    assert all(len(one) == len(writing.TEMPORARY) + 16 for one in found)


def test_half_a_line_goes_before_the_next(tmp_path):
    path = tmp_path / "record"
    for before in (b"", b"half", b"one\n" + b"half" * 5000):
        path.write_bytes(before)
        writing.append_line(path, "two")
        whole = before[: before.rfind(b"\n") + 1]
        assert path.read_bytes() == whole + b"two\n"


def test_records_go_where_a_person_says(tmp_path):
    """Also to a device, which has no last line to look for."""
    line = records.Round(run="a", number=0, seconds={})
    records.append(Path("/dev/null") if not ROOT else Path("/dev/stderr"), line)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be a folder, it is a file"):
        records.append(tmp_path / "file" / "record.jsonl", line)


# Who may write by himself: judges of copies of sources that are theirs, what holds the
# suite to account, what has a folder that nobody else sees, and what is taken to
# another machine and imports nothing of it.
OWN = (
    "shared.files.writing",
    "shared.running.forks",
    "shared.running.server",
    "parity_tests.model_judge",
    "parity_tests.definition_judge",
    "triptych.faults.",
    "parity_tests.ports.",
    "triptych.recorders.",
    "triptych.commands.dump",
)


def test_nothing_else_writes_files():
    found = [
        f"{module}:{node.lineno}"
        for module, path in modules().items()
        if not module.startswith(OWN)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and writes(node)
    ]
    assert found == []


def writes(call):
    """Whether a call writes a file, as far as its own text tells."""
    method = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if method in ("open", "fdopen"):
        given = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
        modes = [a.value for a in given if isinstance(a, ast.Constant)]
        kept = any(set(str(m)) & set("wax+") and len(str(m)) < 4 for m in modes)
        known = "devnull", "os.dup("  # nothing, and what is open already
        return kept and not any(word in ast.unparse(call) for word in known)
    if not isinstance(call.func, ast.Attribute):
        return False
    text = ast.unparse(call.func.value)
    written = method in ("write_text", "write_bytes") and text != "writing"
    return written or method in ("copyfile", "copy2", "save_file", "tofile")


def test_what_writes_is_seen():
    seen = "p.write_text('')", "p.open('w')", "open(p, mode='ab')", "shutil.copy2(a, b)"
    unseen = "p.open()", "open(p, 'rb')", "write_text(p, '')", "archive.open('a.txt')"
    calls = [ast.parse(text, mode="eval").body for text in (*seen, *unseen)]
    assert list(map(writes, calls)) == [True] * len(seen) + [False] * len(unseen)
