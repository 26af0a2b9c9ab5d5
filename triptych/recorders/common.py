"""What every recorder shares: calls, targets, jobs, and the command line.

The scalar whose gradients are recorded is the sum of the outputs times fixed weights:
those of output i are drawn one after another by Philox, keyed by `cotangent/0/i`, in
the order of its values with the channels first where it has four axes or more.
"""

import argparse
import contextlib
import gc
import importlib
import importlib.util
import inspect
import json
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from triptych.recorders.dumps import KEEP, Dump, machine
from triptych.recorders.training import planned
from triptych.recorders.values import (
    Refused,
    leaves,
    parse_input,
    plain,
    read_tensors,
    swapped,
    write_tensors,
)

MODES = ("evaluation", "training")


# Calls


class Tape:
    """Every call of every module, in the order in which they end.

    forced: what is given to a call, or taken from it, in the place of its own:
    `path#n<path` of an input, `path#n>path` of an output.
    """

    def __init__(
        self,
        is_tensor: Callable[[Any], bool],
        keep: Callable[[Any], Any] = lambda value: value,
        forced: Mapping[str, Any] | None = None,
    ):
        self.is_tensor, self.keep, self.forced = is_tensor, keep, forced or {}
        self.calls: list[dict[str, Any]] = []
        self.numbers: dict[str, int] = {}
        self.started = 0

    def enter(self, path: str, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
        self.numbers[path] = number = self.numbers.get(path, 0) + 1
        self.started += 1
        given = {**{str(i): a for i, a in enumerate(args)}, **kwargs}
        call = {"path": path, "number": number, "start": self.started}
        call["inputs"] = self._kept(given)
        given = self._forced(call, "<", given)
        args = tuple(given.pop(str(i)) for i in range(len(args)))
        return call, args, given

    def leave(self, call: dict[str, Any], output: Any) -> Any:
        call["outputs"] = self._kept(output)
        self.calls.append(call)
        return self._forced(call, ">", output)

    def _kept(self, value: Any) -> dict[str, Any]:
        return {p: self.keep(v) for p, v in leaves(value, self.is_tensor)}

    def _forced(self, call: dict[str, Any], sign: str, value: Any) -> Any:
        start = f"{call['path']}#{call['number']}{sign}"
        new = {
            key.removeprefix(start): self.forced[key]
            for key in self.forced
            if key.startswith(start)
        }
        return swapped(value, new) if new else value


def sources_of(calls: list[dict[str, Any]]) -> dict[str, str]:
    """Gives the module whose output alone enters a module's first call, as it is.

    calls: with the tensors themselves; those that end first made what they hand on.
    """
    made: dict[Any, str] = {}
    for call in calls:
        entered = set(call["inputs"].values())
        for value in call["outputs"].values():
            if value not in entered:
                made.setdefault(value, call["path"])
    found: dict[str, str] = {}
    for call in calls:
        entered = set(call["inputs"].values())
        if call["number"] == 1 and len(entered) == 1 and entered <= made.keys():
            found[call["path"]] = made[entered.pop()]
    return found


class Itself:
    """A tensor that is known again by what it is, unless it was changed in place."""

    def __init__(self, value: Any):
        self.value = value  # kept, as another could have its place else
        self.key = id(value), getattr(value, "_version", 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


# Targets


def resolve(target: str, folder: str, ready: Callable[[Any], bool]) -> Any:
    """The model at `package.module:name` or `file.py:name`; a maker is called."""
    where, _, path = target.rpartition(":")
    if not where or not path:
        raise Refused(f"{target!r} is not of the form package.module:name")
    value = _module(target, where, folder)
    for part in path.split("."):
        if not hasattr(value, part):
            raise Refused(f"{target}: {where} has no {path}")
        value = getattr(value, part)
    if ready(value) or not callable(value):
        return value
    try:
        inspect.signature(value).bind()
    except TypeError as error:
        raise Refused(f"{target} cannot be called without arguments: {error}") from None
    except ValueError:
        pass
    return value()


def _module(target: str, where: str, folder: str) -> Any:
    importlib.invalidate_caches()
    try:
        if not where.endswith(".py"):
            return importlib.import_module(where)
        file = Path(folder, where)
        spec = importlib.util.spec_from_file_location(file.stem, file)
        if spec is None or spec.loader is None or not file.is_file():
            raise Refused(f"{where}: no such file")
        made = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = made
        spec.loader.exec_module(made)
        return made
    except (ModuleNotFoundError, SyntaxError) as error:
        raise Refused(f"{target}: {error}") from None


# The recorder


@dataclass
class Opened:
    """A target that was opened, how it is run, and what it was given last."""

    dtype: str
    program: str
    outputs: tuple[str, ...]
    last: bool  # whether its channels stand last
    given: dict[str, Any]
    gradients: bool
    weights: str = ""
    model: Any = None
    order: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, Any]:
        """Gives the inputs in the precision that was asked for."""
        return {
            path: value.astype(self.dtype if value.dtype.kind == "f" else value.dtype)
            for path, value in self.given.items()
        }


class Recorder:
    """It opens targets, and records what it is asked to.

    native: the part of the framework; it has FRAMEWORK, LAST, KIND, is_model,
    seed, prepare, held, release, environment, and Model. taken: models that others go
    on with, by target; after every job each is as it was.
    """

    def __init__(self, native: Any, taken: Mapping[str, Any] | None = None):
        self.native, self.taken = native, taken or {}
        self.models: dict[str, Opened] = {}

    def open(
        self,
        target: str,
        folder: str = ".",
        dtype: str = "float64",
        inputs: str = "",
        program: str = "",
        same_layout: bool = False,
        outputs: tuple[str, ...] = (),
        gradients: bool = True,
        out: str = "",
    ) -> None:
        """Makes a model, runs it once, and writes what it is made of."""
        if target not in self.taken:
            folder = self._first(folder)
            random.seed(0)
            np.random.seed(0)
            self.native.seed()
            self.native.prepare(dtype)
            made = self._resolved(target, folder)
        else:
            made = self.taken[target]
        if not self.native.is_model(made):
            raise Refused(f"{target}: {type(made).__name__} is no {self.native.KIND}")
        if program and not callable(getattr(made, program, None)):
            has = ", ".join(methods(made)) or "none"
            raise Refused(f"{target} has no method {program!r}; it has {has}")
        given = read_tensors(Path(inputs))
        last = self.native.LAST and not same_layout
        opened = Opened(dtype, program, tuple(outputs), last, given, gradients)
        if target not in self.taken:
            opened.model = self._model(made, opened)
        self.models[target] = opened
        self.record(target, out, modes=[])

    def _resolved(self, target: str, folder: str) -> Any:
        """The model at a target, which is a file where the framework reads files."""
        if ":" not in target and hasattr(self.native, "load"):
            return self.native.load(Path(folder, target))
        return resolve(target, folder, self.native.is_model)

    def close(self, target: str) -> None:
        """Lets go of a model, and of what the framework keeps for it."""
        self.models.pop(target, None)
        gc.collect()
        if target not in self.taken and not self.models:
            self.native.release()

    def _model(self, native: Any, opened: Opened) -> Any:
        made = self.native.Model(native, opened.dtype, opened.program, opened.inputs)
        made.wanted = opened.outputs
        return made

    @contextlib.contextmanager
    def _ready(self, target: str, weights: str) -> Iterator[Any]:
        """Gives the model with the weights that it was given last, or its own."""
        opened = self.models[target]
        opened.weights = weights or opened.weights
        if target not in self.taken:
            if weights:
                opened.model.load(read_tensors(Path(weights)))
            yield opened.model
            return
        way = opened.dtype, opened.program, opened.given
        with self.native.held(self.taken[target], *way) as native:
            model = self._model(native, opened)
            if opened.weights:
                model.load(read_tensors(Path(opened.weights)))
            yield model

    def _first(self, folder: str) -> str:
        """Puts a folder first on the path."""
        folder = os.path.abspath(folder)
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
        return folder

    def inputs(self, target: str, folder: str, out: str) -> None:
        """Writes what a person's function gives: arrays, or a nest of them."""
        made = resolve(target, self._first(folder), lambda value: False)
        found = dict(leaves(made, lambda value: hasattr(value, "__array__")))
        if not found:
            raise Refused(f"{target} gives no arrays")
        named = {path or "0": plain(np.asarray(value)) for path, value in found.items()}
        write_tensors(Path(out), named)

    def record(
        self,
        target: str,
        out: str,
        *,
        modes: list[str] | None = None,
        weights: str = "",
        forced: str = "",
        gradients: bool = False,
        keep: str = "all",
        inputs: str = "",
        steps: int = 0,
        optimizer: str = "",
    ) -> None:
        """Runs a model in each mode, trains it if asked, and writes its dump.

        forced: values in the place of calls' own; what the model holds is known then,
        and is not written again. gradients: of such a run, too; through these values
        none goes on.
        """
        opened = self.models[target]
        if inputs:
            opened.given = read_tensors(Path(inputs))
        swaps = read_tensors(Path(forced)) if forced else {}
        plan = planned(optimizer, steps, opened.dtype) if steps else None
        with Dump(Path(out), keep) as dump, self._ready(target, weights) as model:
            self._describe(target, model, dump, not forced)
            wanted = opened.gradients and (gradients or not swaps)
            cut = opened.last if wanted and not opened.program else None
            self._run(opened, model, dump, modes, swaps, cut)
            if plan is not None:
                dump.steps(plan, model.steps(opened.inputs, plan, opened.last))
            # Some kinds of model have none before they have run.
            dump.say("modules", model.modules())
            dump.say("rates", model.rates)

    def _describe(self, target: str, model: Any, dump: Dump, whole: bool) -> None:
        """Says what a model is, where it runs, what it holds and what it is given."""
        opened = self.models[target]
        dump.say("target", target)
        dump.say("framework", self.native.FRAMEWORK)
        dump.say("dtype", opened.dtype)
        dump.say("program", opened.program)
        dump.say("channels_last", opened.last)
        device = {"device": str(model.device)} if hasattr(model, "device") else {}
        dump.say("environment", {**machine(), **self.native.environment(), **device})
        given = opened.inputs
        if not opened.order:
            calls = model.calls(given)
            opened.order = [call["path"] for call in calls]
            opened.sources = sources_of(calls)
        dump.say("order", opened.order)
        dump.say("sources", opened.sources)
        for entry, value in model.weights() if whole else ():
            dump.weights.append({**entry, "tensor": dump.tensor(value, whole=True)})
        dump.say("inputs", {k: dump.tensor(v, whole=True) for k, v in given.items()})

    def _run(
        self,
        opened: Opened,
        model: Any,
        dump: Dump,
        modes: list[str] | None,
        swaps: Mapping[str, Any],
        cut: bool | None,
    ) -> None:
        """Records the modes that are asked for, else all that there are."""
        usual = getattr(self.native, "RUNS", MODES[: 1 if opened.program else 2])
        for mode in usual if modes is None else modes:
            found = model.run(opened.inputs, mode == "training", cut, swaps)
            dump.run(mode, found)


def methods(native: Any) -> list[str]:
    """Gives the methods that an object's own class has for others to call."""
    own = vars(type(native)).items()
    return [k for k, v in own if inspect.isfunction(v) and not k.startswith("_")]


# The command line


def serve(recorder: Recorder) -> None:
    """Answers jobs, one line of JSON each; what the model prints goes elsewhere."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            getattr(recorder, job.pop("do"))(**job)
            answer: dict[str, Any] = {"done": True}
        except Exception as error:
            answer = failed(error)
        print(json.dumps(answer), file=answers, flush=True)


def failed(error: Exception) -> dict[str, Any]:
    """Gives the answer to a job that failed: what was refused, or what was raised."""
    if isinstance(error, Refused):
        return {"refused": str(error)}
    first = (str(error).strip() or "no message").splitlines()[0]
    last = traceback.format_exception(error)[-12:]
    said = f"{type(error).__name__}: {first}"
    return {"raised": said, "details": "".join(last)}


def run(native: Any, argv: list[str] | None = None) -> int:
    """The recorder's command line; gives its exit code."""
    parser = argparse.ArgumentParser(description="Records a model into a folder.")
    parser.add_argument("target", nargs="?", help="package.module:name, file.py:name")
    parser.add_argument("--input", action="append", default=[], help="2,3,32,32")
    parser.add_argument("--out", default="dump", help="the folder to write")
    parser.add_argument("--weights", default="", help="safetensors to load first")
    parser.add_argument("--dtype", default="float64", help="float64 or float32")
    parser.add_argument("--keep", default="all", choices=KEEP)
    parser.add_argument("--program", default="", help="a method, instead of a call")
    parser.add_argument("--same-layout", action="store_true")
    parser.add_argument("--steps", type=int, default=0, help="updates to record")
    parser.add_argument("--optimizer", default="adamw", help="adamw:lr=0.001")
    parser.add_argument("--output", action="append", default=[], help="a path")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    recorder = Recorder(native)
    if asked.serve:
        serve(recorder)
        return 0
    try:
        record_one(recorder, asked)
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {asked.out}")
    return 0


def record_one(recorder: Recorder, asked: argparse.Namespace) -> None:
    """Records one target in one go, as a person asks for it by hand."""
    if not asked.target or not asked.input:
        raise Refused("a target and at least one --input are needed")
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    last = recorder.native.LAST and not asked.same_layout
    inputs = {}
    shapes: list[str] = []
    for i, text in enumerate(asked.input):
        name, _, shape = text.rpartition("=")
        value = parse_input(shape, shapes.count(shape))
        shapes.append(shape)
        moved = last and value.ndim >= 4
        inputs[name or str(i)] = np.moveaxis(value, 1, -1) if moved else value
    given = out / "inputs.safetensors"
    write_tensors(given, inputs)
    same = asked.same_layout
    recorder.open(
        asked.target,
        os.getcwd(),
        asked.dtype,
        str(given),
        asked.program,
        same,
        tuple(asked.output),
        out=asked.out,
    )
    given.unlink()
    recorder.record(
        asked.target,
        asked.out,
        weights=asked.weights,
        keep=asked.keep,
        steps=asked.steps,
        optimizer=asked.optimizer,
    )
