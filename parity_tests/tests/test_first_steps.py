"""What README tells a new user to type is what the command line takes, and prints."""

import os
import re
import shlex
import subprocess
import sys

import pytest
import typer

from benchmarks import readme
from shared.catalog import FAMILIES, VARIANTS
from shared.frameworks import ROOT
from shared.tasks import TASKS
from triptych.cli import app

TEXT = readme.README.read_text()
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [(kind, body) for kind, body in FENCED.findall(TEXT)]
PLACEHOLDERS = re.compile(r"\[|\.\.\.| \||\b[A-Z]{2,}\b")


def commands():
    """The lines of README that begin with `triptych`, in blocks and in sentences."""
    typed = [
        line.removeprefix("$ ").partition(" #")[0].strip()
        for kind, body in BLOCKS
        for line in body.splitlines()
        if kind != "python"
    ]
    said = re.findall(r"`(triptych [^`]+)`", FENCED.sub("", TEXT))
    found = [one for one in (*typed, *said) if one.startswith("triptych ")]
    return list(dict.fromkeys(one for one in found if not PLACEHOLDERS.search(one)))


def test_there_are_commands_to_check():
    assert len(commands()) > 20


@pytest.mark.parametrize("line", commands())
def test_a_command_of_readme_is_one(line):
    """Its options are there, and its models and tasks; nothing is run."""
    _, *words = shlex.split(line)
    command, name = typer.main.get_command(app), "triptych"
    while hasattr(command, "commands") and words and words[0] in command.commands:
        name = words.pop(0)
        command = command.commands[name]
    assert name != "triptych", line
    if words == ["compare"]:
        return
    given = command.make_context(name, words).params
    if given.get("model"):
        assert given["model"] in {*VARIANTS, *FAMILIES}
    if name == "train" and given["task"]:
        assert given["task"] in TASKS


def test_every_command_stands_in_the_table():
    table = set(re.findall(r"^\| `triptych (\w+)", TEXT, re.M))
    assert table == set(typer.main.get_command(app).commands)


def test_the_targets_of_make_that_readme_names_are_there():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", TEXT, re.M))
    assert named
    assert named <= targets


def test_readme_says_where_the_command_is_after_the_first_one():
    makefile = (ROOT / "Makefile").read_text()
    assert "BIN := .venv/bin" in makefile
    before, _, after = TEXT.partition("`source .venv/bin/activate`")
    assert "`.venv/bin/triptych`" in before
    assert "## What comes out" in after


def test_the_example_of_a_port_prints_what_readme_shows(tmp_path):
    """Both files as README has them, run in their folder; figures to two digits."""
    part = TEXT.partition("### Your own port")[2].partition("\n## ")[0]
    (_, one), (_, two), (_, shown) = FENCED.findall(part)[:3]
    (tmp_path / "one.py").write_text(one)
    (tmp_path / "two.py").write_text(two)
    command, _, expected = shown.partition("\n")
    words = shlex.split(command.removeprefix("$ triptych "))
    done = subprocess.run(
        [sys.executable, "-m", "triptych", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
    )
    assert done.returncode == 1, done.stderr
    assert _rounded(done.stdout) == _rounded(expected)


def _rounded(text):
    lines = [line.rstrip() for line in text.splitlines()]
    number = re.compile(r"\d\.\d+(?:e-?\d+)?")
    return [number.sub(lambda m: f"{float(m[0]):.1e}", line) for line in lines]
