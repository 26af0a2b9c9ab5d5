"""Models that live in this process: recorded here, and judged elsewhere.

The judge runs in a process of its own, because its folders are called `shared` and the
like, which a person's project may have, too; it asks this one for what it needs.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.recorders import HOMES, native_of
from triptych.recorders.common import Recorder, failed
from triptych.recorders.values import Refused, leaves, plain, write_tensors

PRECISIONS = ("float64", "float32")


class Held:
    """Live models by a key, and their recorders, one for each precision."""

    def __init__(self) -> None:
        self.models: dict[str, tuple[str, Any, Any]] = {}  # name, model, native
        self.recorders: dict[tuple[str, str], Recorder] = {}
        self.raised: Exception | None = None  # the last that a recorder met

    def take(self, model: Any) -> dict[str, str]:
        """Gives what the judge calls a model; one that none can record is refused."""
        native = native_of(model)
        if native is None:
            raise ValueError(
                f"{type(model).__name__} is not a model of {', '.join(HOMES)}, nor the "
                "folder of a dump, nor package.module:name"
            )
        name = type(model[0] if isinstance(model, tuple) else model).__name__
        same = [n for n, _, other in self.models.values() if other is native]
        if name in same:
            name = f"{name}, the second"
        key = str(len(self.models))
        self.models[key] = name, model, native
        return {"held": key, "framework": native.FRAMEWORK, "name": name}

    def recorder(self, key: str, dtype: str) -> Recorder:
        """Gives the recorder of a model in a precision."""
        name, model, native = self.models[key]
        if (key, dtype) not in self.recorders:
            self.recorders[key, dtype] = Recorder(native, {name: model})
        return self.recorders[key, dtype]

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Does what the judge asks of a model."""
        recorder = self.recorder(job["model"], job["dtype"])
        try:
            with quietly():
                getattr(recorder, job["do"])(**job["asked"])
        except Exception as error:
            self.raised = error
            return failed(error)
        return {"done": True}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Lets no warning of a framework about how it is recorded fail a person's test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def judged(question: Mapping[str, Any], held: Held) -> dict[str, Any]:
    """Asks the judge, does what it wants done here, and gives its last line."""
    package = str(Path(__file__).resolve().parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "triptych", "judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        with process:
            try:
                return _conversation(process, question, held)
            except (BrokenPipeError, EOFError):
                process.wait()
                errors.seek(0)
                said = errors.read().strip() or f"exit code {process.returncode}"
                raise RuntimeError(f"the judge ended: {said}") from None
            finally:
                process.kill()


def _conversation(
    process: "subprocess.Popen[str]", question: Mapping[str, Any], held: Held
) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    answer: Mapping[str, Any] = question
    while True:
        print(json.dumps(answer), file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            raise EOFError
        said: dict[str, Any] = json.loads(line)
        if "do" not in said:
            return said
        answer = held.answer(said)


def precisions(said: Sequence[Mapping[str, str]]) -> Sequence[str]:
    """Gives those to try in turn: a dump in float32 is met in no other."""
    for path in (Path(one["dump"]) for one in said if "dump" in one):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if json.loads((path / "dump.json").read_text()).get("dtype") == "float32":
                return PRECISIONS[1:]
    return PRECISIONS


# Inputs


def named(inputs: Any) -> dict[str, Any]:
    """Gives inputs by path: an array is `0`, a sequence counts, a mapping has names."""
    found = {path or "0": _array(v) for path, v in leaves(inputs, _is_array)}
    if not found:
        raise ValueError("no inputs: an array, or a sequence or mapping of arrays")
    return found


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__")


def _array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value
    return np.ascontiguousarray(plain(np.asarray(value)))


def written(inputs: Any, folder: Path) -> str:
    """Writes inputs where a recorder reads them; without any there is no file."""
    if inputs is None:
        return ""
    path = folder / "inputs.safetensors"
    write_tensors(path, named(inputs))
    return str(path)


# Records


def recorded(
    model: Any,
    dtypes: Sequence[str],
    out: Path,
    keep: str,
    training: tuple[int, str],
    **how: Any,
) -> None:
    """Writes a model's dump, in the first of the precisions in which it runs."""
    held = Held()
    taken = held.take(model)
    for dtype in dtypes:
        recorder = held.recorder(taken["held"], dtype)
        try:
            with quietly():
                recorder.open(taken["name"], dtype=dtype, out=str(out), **how)
                steps, optimizer = training
                recorder.record(
                    taken["name"],
                    str(out),
                    keep=keep,
                    steps=steps,
                    optimizer=optimizer,
                )
            return
        except Refused as error:
            raise ValueError(str(error)) from None
        except Exception:
            if dtype == dtypes[-1]:
                raise
