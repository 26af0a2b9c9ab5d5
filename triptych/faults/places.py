"""Where commands write: devices, pipes, links, files of others' names, disks with no
room left, and folders that another run holds. Nobody's file is harmed, and what could
not be written is one line."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from shared.errors import UsageError
from shared.files.writing import TEMPORARY
from shared.reference.adapter import Adapter
from shared.running import training
from shared.running.training import Job
from shared.tasks import task
from triptych.faults import deaths, lines
from triptych.faults.oracle import Broken, Target
from triptych.faults.readers import memory

# Commands that write one file at `out`, and start no framework.
WRITERS = (
    ("list", "mlp", "--json", "out"),
    ("optimizers", "adam", "--json", "out"),
    ("port", "gelu", "--json", "out"),
    ("weights", "--json", "out"),
    ("show", "mlp_tiny", "--html", "out"),
    ("dump", "--write-recorder", "out", "--framework", "jax"),
)
VICTIM = b"what somebody else wrote\n" * 40


def _nothing(out: Path, victim: Path) -> None:
    pass


def _old(out: Path, victim: Path) -> None:
    out.write_bytes(VICTIM)


def _private(out: Path, victim: Path) -> None:
    out.write_bytes(VICTIM)
    out.chmod(0o600)


def _link(out: Path, victim: Path) -> None:
    out.symlink_to(victim)


def _chain(out: Path, victim: Path) -> None:
    out.with_name("between").symlink_to(victim.name)
    out.symlink_to("between")


def _broken_link(out: Path, victim: Path) -> None:
    out.symlink_to("gone")


def _link_of_links(out: Path, victim: Path) -> None:
    out.symlink_to("out")


def _hard_link(out: Path, victim: Path) -> None:
    out.hardlink_to(victim)


def _folder_there(out: Path, victim: Path) -> None:
    out.mkdir()


def _null(out: Path, victim: Path) -> None:
    out.symlink_to("/dev/null")


def _full(out: Path, victim: Path) -> None:
    out.symlink_to("/dev/full")


OBSTACLES: dict[str, Callable[[Path, Path], None]] = {
    "nothing": _nothing,
    "old": _old,
    "private": _private,
    "link": _link,
    "chain": _chain,
    "broken link": _broken_link,
    "link of links": _link_of_links,
    "hard link": _hard_link,
    "folder": _folder_there,
    "null": _null,
    "full": _full,
}
REFUSED = ("link of links", "folder", "full")
WRITTEN_THROUGH = ("link", "chain", "hard link")
# A writer's line, what stands in the way, and how many bytes a file may have.
Case = tuple[int, str, int | None]


@contextmanager
def room(most: int | None) -> Iterator[None]:
    """No file may grow beyond so many bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft if most is None else most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _write(case: Case) -> None:
    number, obstacle, most = case
    with TemporaryDirectory(dir=memory()) as name:
        out, victim = Path(name, "out"), Path(name, "victim")
        victim.write_bytes(VICTIM)
        OBSTACLES[obstacle](out, victim)
        before, mode = _seen(out), _mode(out)
        line = tuple(str(out) if word == "out" else word for word in WRITERS[number])
        code, said = lines.run(line, room(most))
        left = sorted(one.name for one in Path(name).glob(f"{TEMPORARY}*"))
        if left:
            raise Broken(f"left behind: {left}")
        if code not in (0, 2) or "Traceback" in said:
            raise Broken(f"code {code}: {said[:300]}")
        if _mode(out) != mode and obstacle not in ("nothing", "broken link"):
            raise Broken(f"{obstacle}: its mode was {mode}, it is {_mode(out)}")
        through = obstacle in WRITTEN_THROUGH
        if (victim.read_bytes() == VICTIM) == (through and code == 0):
            raise Broken(f"{obstacle}, code {code}: the other file is not as it should")
        if code == 2 and _seen(out) != before:
            raise Broken(f"{obstacle}: refused, and what was there is another")
        if code == 0 and obstacle in REFUSED:
            raise Broken(f"{obstacle}: written")
    if code:
        raise UsageError(said.splitlines()[-1])


def _seen(out: Path) -> bytes | None:
    return out.read_bytes() if out.is_file() and not out.is_symlink() else None


def _mode(out: Path) -> int | None:
    """Its kind and its mode; a link's are the link's own."""
    return out.lstat().st_mode if os.path.lexists(out) else None


@dataclass(eq=False)
class Disks:
    """A run of NumPy's network on a disk that is full at one size and another; once
    there is room it goes on, and ends as one that always had it."""

    @cached_property
    def whole(self) -> tuple[bytes, object]:
        with TemporaryDirectory(dir=memory()) as folder:
            _train(Path(folder))
            return deaths.ends(Path(folder))

    def attempt(self, sizes: tuple[int, ...]) -> None:
        whole, refusals = self.whole, list[UsageError]()
        with TemporaryDirectory(dir=memory()) as name:
            folder = Path(name) / "run"
            for most in (*sizes, None):
                try:
                    with room(most):
                        _train(folder)
                except UsageError as error:
                    refusals.append(error)
                deaths.stands(folder)
                left = [one.name for one in folder.rglob(f"{TEMPORARY}*")]
                if left or (most is None and len(refusals) > len(sizes)):
                    raise Broken(f"{refusals[-1:]}, and left behind: {left}")
            if deaths.ends(folder) != whole:
                raise Broken("it ends otherwise than where there is room")
        if refusals:
            raise refusals[0]


def _train(folder: Path) -> None:
    model = Adapter("float32", 1).build(task(deaths.TASK).spec, deaths.TASK)
    model.start(0)
    changes = {"epochs": 2, "save_every": 7}
    training.train(model, Job(deaths.TASK, folder, changes, resume=True))


@dataclass(eq=False)
class Holders:
    """Several processes that train in one folder: one at a time does, the others are
    told, whatever becomes of it."""

    @cached_property
    def whole(self) -> tuple[bytes, object]:
        return Disks().whole

    def attempt(self, starts: tuple[tuple[int, int], ...]) -> None:
        """starts: after how many milliseconds each begins, and is killed, if it is."""
        whole = self.whole
        with TemporaryDirectory(dir=memory()) as name:
            folder = Path(name) / "run"
            codes = _together(folder, starts)
            if set(codes) - {0, 2, -9}:
                raise Broken(f"they ended with {codes}")
            deaths.stands(folder)
            _train(folder)
            if deaths.ends(folder) != whole:
                raise Broken(f"{codes}: it ends otherwise than a run alone")


def _together(folder: Path, starts: tuple[tuple[int, int], ...]) -> list[int]:
    """Exit codes: 2 where it was told that another run writes the folder."""
    children = [_begin(folder, delay / 1000) for delay, _ in starts]
    begun = time.monotonic()
    for child, (delay, life) in sorted(
        zip(children, starts, strict=True), key=lambda pair: sum(pair[1])
    ):
        if life:
            time.sleep(max(0.0, begun + (delay + life) / 1000 - time.monotonic()))
            os.kill(child, 9)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _begin(folder: Path, delay: float) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        time.sleep(delay)
        _train(folder)
        code = 0
    except UsageError as error:
        code = 2 if "another run writes it" in str(error) else 3
    finally:
        os._exit(code)


def targets() -> list[Target]:
    written = st.tuples(
        st.integers(0, len(WRITERS) - 1),
        st.sampled_from(sorted(OBSTACLES)),
        st.one_of(st.none(), st.integers(0, 3000)),
    )
    sizes = st.lists(st.integers(0, 80_000), min_size=1, max_size=3).map(tuple)
    times = st.tuples(st.integers(0, 400), st.sampled_from((0, 0, 50, 150, 400)))
    starts = st.lists(times, min_size=2, max_size=4).map(tuple)
    return [
        Target("places", written, _write, (), ((0, "nothing", None),), 0.5),
        Target("disks", sizes, Disks().attempt, memory=None, most=150),
        Target("locks", starts, Holders().attempt, memory=None, most=100),
    ]
