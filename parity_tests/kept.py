"""Runs tests again and again in one process, with frameworks that stay imported: only
the one whose files changed is imported anew.

    with KeptTests(root) as tests:
        tests.failing("jax", ["parity_tests/tests/test_layers.py"])
"""

import compileall
import json
import os
import py_compile
import subprocess
import sys
from collections.abc import Generator, Hashable, Sequence
from pathlib import Path
from typing import IO, Any, Self

import pytest

from parity_tests import touched
from parity_tests.engine import Workers
from parity_tests.touched import Line

# Those of the process that runs the tests; parity_tests/tests/conftest.py takes them.
workers: Workers | None = None
# What those frameworks answered that have not changed since, for tests to keep there.
answers: dict[str, dict[Hashable, Any]] = {}

# Most of the time would go into XLA's optimisations of programs that run once.
QUICK = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1"
)
# Of one second two files of one length would be one to Python's compiled files.
UNCOMPILED = {"PYTHONDONTWRITEBYTECODE": "1"}


def compiled(folder: Path) -> None:
    """Compile a folder's files; one that changes then is read, whenever it did."""
    compileall.compile_dir(
        folder,
        quiet=2,
        force=True,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )


class KeptTests:
    """The tests of a copy of the suite. Use as a context manager."""

    def __init__(self, root: Path):
        self.root = root
        self._process: subprocess.Popen[str] | None = None

    def failing(self, framework: str, arguments: Sequence[str]) -> str:
        """Give the first test that fails, or "": the framework's files are read anew.

        arguments: of pytest.
        """
        answer = self._asked(False, framework, arguments)
        if answer is None:
            return "the process of the tests died"
        return str(answer)

    def lines(
        self, framework: str, arguments: Sequence[str]
    ) -> dict[str, frozenset[Line]]:
        """Give, by test, the lines of the framework's layers that it runs."""
        found = self._asked(True, framework, arguments) or {}
        return {
            test: frozenset((file, line) for file, line in lines)
            for test, lines in found.items()
        }

    def _asked(self, lines: bool, framework: str, arguments: Sequence[str]) -> Any:
        process = self._process or self._start()
        told, said = _pipes(process)
        told.write(json.dumps([lines, framework, [*arguments]]) + "\n")
        told.flush()
        answer = said.readline()
        if not answer:
            self.close()
            return None
        code, found = json.loads(answer)
        if code > 1 and not found:
            raise RuntimeError(f"the tests could not be run: {arguments}, {code}")
        return found

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "parity_tests.kept"],
            cwd=self.root,
            env={**os.environ, **UNCOMPILED, "PYTHONPATH": str(self.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self._process

    def close(self) -> None:
        """End the process; it starts anew when it is asked again."""
        if self._process is not None:
            told, said = _pipes(self._process)
            told.close()
            self._process.wait()
            said.close()
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


class _First:
    """Leaves out the tests of other frameworks; remembers the first that failed, or
    the file that could not be read."""

    def __init__(self, framework: str):
        self.framework, self.failed = framework, ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self._concerned(item)]

    def _concerned(self, item: pytest.Item) -> bool:
        given = getattr(item, "callspec", None)
        of = given.params.get("framework") if given else None
        return of is None or of == self.framework

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


class _Lines(_First):
    """Notes what each test that passes runs of the framework's layers, asked anew."""

    def __init__(self, framework: str, workers: Workers):
        super().__init__(framework)
        self.workers, self.found = workers, dict[str, list[Line]]()
        self.odd: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.odd.add(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        answers.pop(self.framework, None)
        precisions = "float64", "float32"
        for dtype in precisions:
            touched.note(self.workers.get(self.framework, dtype))
        answer = yield
        of = [touched.noted(self.workers.get(self.framework, d)) for d in precisions]
        if item.nodeid not in self.odd:
            self.found[item.nodeid] = sorted(frozenset().union(*of))
        return answer


def main() -> None:
    """Answer each line, whether lines are asked for, a framework and arguments of
    pytest, by [its code, what failed or the lines]."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what tests and pytest print is nobody's answer
    global workers
    with Workers(timeout=180.0) as workers:
        for line in sys.stdin:
            lines, framework, arguments = json.loads(line)
            workers.renew(framework)
            answers.pop(framework, None)
            first = _Lines(framework, workers) if lines else _First(framework)
            quiet = ["-q" if lines else "-qx", "-p", "no:cacheprovider", "-W", PLUGGED]
            code = pytest.main([*quiet, *arguments], plugins=[first])
            found = first.found if isinstance(first, _Lines) else first.failed
            print(json.dumps([int(code), found]), file=told, flush=True)


# The second run finds the modules of the first.
PLUGGED = "ignore::pytest.PytestAssertRewriteWarning"


if __name__ == "__main__":
    # The tests import this module by its name, not as the one that runs.
    from parity_tests import kept

    kept.main()
