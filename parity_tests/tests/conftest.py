"""One set of workers for the whole run: a framework is imported once."""

import os
import re
import textwrap
import zlib

import pytest

from parity_tests import kept
from parity_tests.engine import Workers
from parity_tests.ports.recording import Recorders
from shared.catalog import VARIANTS, family_of
from shared.data.files import VARIABLE, data_folder
from shared.running import forks
from shared.running.client import Worker, WorkerRaised
from shared.running.forks import Forks
from shared.running.training import Job
from shared.tasks import task

# MiB that a worker may have held, and all of a process together: three such processes
# leave memory to what tests start beside them.
HELD = 1000, 2500
FORKS = pytest.StashKey[Forks]()
# Parity and benchmarks outside the tests leave it as it is.
os.environ.setdefault("XLA_FLAGS", kept.QUICK)


def pytest_configure(config):
    """Workers of all processes of these tests are forks (shared/running/forks.py)."""
    config.stash[FORKS] = Forks().__enter__()


def pytest_unconfigure(config):
    config.stash[FORKS].__exit__(None, None, None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests stay in one process; tiny models are divided by family."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFamily(LoadFileScheduling):
        def _split_scope(self, nodeid):
            tiny = re.search(r"::test_\w*tiny\w*\[(\w+)", nodeid)
            if tiny and tiny[1] in VARIANTS:
                return family_of(VARIANTS[tiny[1]].spec)
            return super()._split_scope(nodeid)

    return ByFamily(config, log)


@pytest.fixture(scope="session")
def workers():
    if kept.workers is not None:
        yield kept.workers
        return
    with Workers() as running:
        yield running


@pytest.fixture(scope="session")
def recorders():
    with Recorders() as running:
        yield running


@pytest.fixture(autouse=True, scope="module")
def lean(workers):
    """What one file left in the frameworks' caches is not carried through the next."""
    yield
    workers.trim(*HELD)


@pytest.fixture
def children_alone(monkeypatch):
    """No forks: every worker is a child of the process that starts it."""
    monkeypatch.delenv(forks.VARIABLE, raising=False)


@pytest.fixture
def shakespeare():
    """A real text; where the folder is named, it must be there."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"set ${VARIABLE} to the folder that holds tinyshakespeare")
    folder = data_folder("tinyshakespeare", ["input.txt"])
    return (folder / "input.txt").read_text(encoding="utf-8")


@pytest.fixture
def within(workers, tmp_path):
    """Calls a function of a source in a framework's worker; what it asserts holds."""

    def call(framework, source, name, dtype="float64"):
        text = textwrap.dedent(source)
        # Where files change meanwhile a module would hold what it imported from them.
        once = text if kept.workers is None else f"{tmp_path}{text}"
        module = f"within_{zlib.crc32(once.encode()):x}"
        (tmp_path / f"{module}.py").write_text(text)
        worker = workers.get(framework, dtype)
        try:
            worker.ask(f"{module}:{name}", paths=(str(tmp_path),))
        except WorkerRaised as error:
            raise AssertionError(f"{error}\n{error.details}") from None

    return call


@pytest.fixture
def run(workers):
    """Train a task where the framework runs already, or `fresh` in its own process."""

    def trained(framework, folder, changes, dtype="float32", *, fresh=False, **job):
        if not fresh:
            return train(workers.get(framework, dtype), folder, changes, **job)
        with Worker(framework, dtype) as worker:
            return train(worker, folder, changes, **job)

    return trained


def train(worker, folder, changes, name="digits_mlp", **job):
    chosen = task(name)
    model = worker.build(chosen.spec, chosen.name)
    try:
        model.start(0)
        return model.train(Job(chosen.name, folder, changes, **job))
    finally:
        model.drop()
