"""Where a command writes, and what it says where it cannot: one line and code 2, or
code 0 where the reader has seen enough."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
LIST = f"{sys.executable} -m triptych list linear"


def shell(command, **variables):
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"{LIST} --json README.md/x", "README.md/x: cannot be written (Not a dir"),
        (f"{LIST} --json /dev/full", "/dev/full: cannot be written (No space left"),
        (f"{LIST} > /dev/full", "standard output: No space left"),
        (f"{LIST} >&-", "standard output is closed"),
        (f"{LIST} --json - >&-", "standard output is closed"),
        (
            f"WORLD_SIZE=2 RANK=0 MASTER_PORT=1 TF_CONFIG='{{' {sys.executable} "
            "-m triptych train digits_mlp --framework pytorch",
            "TF_CONFIG is {; allowed",
        ),
    ],
)
def test_what_cannot_be_written_is_one_line_and_code_2(command, said):
    done = shell(command)
    assert done.returncode == 2, done
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_has_seen_enough_is_no_failure():
    done = shell(f"{LIST} | head -1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_nothing_is_printed_where_standard_error_is_closed():
    done = shell(f"{sys.executable} -m triptych list nothing 2>&-")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_link_of_a_person_stays(tmp_path):
    """The whole way from the command line: as in --json ~/latest.json."""
    target, link = tmp_path / "target.json", tmp_path / "latest.json"
    target.write_text("")
    target.chmod(0o600)
    link.symlink_to(target)
    assert shell(f"{LIST} --json {link}").returncode == 0
    assert link.is_symlink()
    assert target.read_text().startswith("[")
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("name", "body"), [("boom", "1 / 0"), ("bye", "exit(3)")])
def test_a_package_whose_import_raises_is_wrong_use(name, body, tmp_path, workers):
    (tmp_path / f"{name}_of_mine.py").write_text(body)
    worker = workers.get("numpy", "float64")
    with pytest.raises(UsageError, match=f"{name}_of_mine:Net: importing it raised"):
        worker.adopt(f"{name}_of_mine:Net", (), (str(tmp_path),))
    assert worker.alive
