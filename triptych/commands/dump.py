"""`triptych dump`: a model's record, in a folder that `diff` takes."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from parity_tests.ports.targets import parse_target, pythons
from shared.errors import UsageError
from shared.files.writing import write_text
from triptych.commands.terminal import one_of
from triptych.recorders import FRAMEWORKS, bundle


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is recorded, and what of it is kept."""

    target: str
    inputs: tuple[str, ...]
    out: Path
    weights: Path | None
    dtype: str
    keep: str
    same_layout: bool
    program: str
    steps: int
    optimizer: str
    python: tuple[str, ...]


def run(asked: Asked) -> int:
    """Runs the recorder as a person would on another machine; its exit code."""
    if not asked.target or not asked.inputs:
        raise UsageError("a target and at least one --input are needed")
    one_of("keep", asked.keep, ("all", "statistics", "hash"))
    target = parse_target(asked.target)
    python = pythons(asked.python).get(target.framework, sys.executable)
    command = [target.path, "--out", str(asked.out), "--dtype", asked.dtype]
    command += ["--keep", asked.keep]
    if asked.steps:
        command += ["--steps", str(asked.steps), "--optimizer", asked.optimizer]
    command += [part for text in asked.inputs for part in ("--input", text)]
    if asked.weights:
        command += ["--weights", str(asked.weights)]
    if asked.program:
        command += ["--program", asked.program]
    command += ["--same-layout"] if asked.same_layout else []
    with tempfile.TemporaryDirectory(prefix="triptych-") as folder:
        file = Path(folder, f"{target.framework}_recorder.py")
        file.write_text(bundle(target.framework))
        return subprocess.run([python, str(file), *command], check=False).returncode


def write_recorder(framework: str, path: Path) -> None:
    """Writes the recorder of a framework as one file, to be taken elsewhere."""
    one_of("framework", framework, FRAMEWORKS)
    write_text(path, bundle(framework))
    print(f"wrote {path}: python {path.name} package.module:name --input 2,3,32,32")
