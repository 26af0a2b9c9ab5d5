"""What README tells a new user to type is what the command line takes, and prints."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from benchmarks import readme
from shared.catalog import FAMILIES, VARIANTS
from shared.errors import UsageError
from shared.frameworks import ROOT
from shared.tasks import TASKS
from triptych.cli import app
from triptych.commands import train

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
    commands = typer.main.get_command(app).commands
    assert table == {name for name, own in commands.items() if not own.hidden}


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


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "digits_lenet"),
        ({"epochs": 5, "save_every": 2, "seed": 0}, "digits_lenet"),
        ({"lr": TASKS["digits_lenet"].optimizer.lr}, "digits_lenet"),
        (
            {"optimizer": "lion", "lr": 3e-4, "epochs": 5},
            "digits_lenet-lion-lr0.0003",
        ),
        ({"batch_size": 7, "seed": 3}, "digits_lenet-seed3-batch7"),
        (
            {"precision": "bfloat16", "accumulate": 2, "patience": 9},
            "digits_lenet-bfloat16-accumulate2-patience9",
        ),
    ],
)
def test_a_run_s_folder_says_what_is_changed(changes, name):
    recipe = TASKS["digits_lenet"]
    folder = train.own_folder(Path("out/train/digits_lenet"), recipe, changes)
    assert folder == Path("out/train", name)


def test_an_unknown_optimizer_is_said_before_there_is_a_folder():
    with pytest.raises(UsageError, match="lyon"):
        train.own_folder(Path("a"), TASKS["digits_lenet"], {"optimizer": "lyon"})


@pytest.mark.thorough
def test_other_settings_are_another_run_and_resume_finds_it(tmp_path):
    def run(*more):
        words = ("train", "diabetes", "--framework", "pytorch", "--out", str(tmp_path))
        return subprocess.run(
            [sys.executable, "-m", "triptych", *words, "--epochs", "2", *more],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )

    other = ("--optimizer", "lion", "--lr", "3e-4")
    assert run().returncode in (0, 1)
    done = run(*other)
    assert done.returncode in (0, 1), done.stderr
    assert "-lion-lr0.0003/curves.png" in done.stdout.replace("\n", "")
    assert "--resume goes on with it" in run(*other).stderr
    again = run(*other, "--resume")
    assert again.returncode in (0, 1), again.stderr
    (history,) = tmp_path.glob("diabetes-lion-*/pytorch/history.jsonl")
    assert len(history.read_text().splitlines()) == 2


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
