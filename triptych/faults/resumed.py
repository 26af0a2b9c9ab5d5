"""Checkpoints of a run that stands within an epoch, damaged, or whole and saying what
cannot be: the run goes on where it was, or from the checkpoint before, and says so."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from shared.arrays import Array
from shared.errors import UsageError
from shared.files import weights
from shared.reference.adapter import Adapter
from shared.running import saving, training
from shared.running.training import Job, Run
from shared.tasks import task
from triptych.faults.judged import changed
from triptych.faults.mutations import mutated
from triptych.faults.oracle import Broken, Target
from triptych.faults.readers import memory

TASK = "digits_mlp"
CHANGES = {"epochs": 2, "save_every": 7}


@dataclass
class Runs:
    """A run of NumPy's own network, and another that is to go on from it."""

    said: list[str] = field(default_factory=list)

    @cached_property
    def saved(self) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
        """Its newest checkpoint, and the one before."""
        with TemporaryDirectory(dir=memory()) as folder:
            model = Adapter("float32", 1).build(task(TASK).spec, TASK)
            model.start(0)
            training.train(model, Job(TASK, Path(folder), CHANGES))
            found = saving.found(Path(folder) / "checkpoints")
            newest, before = ((path.name, path.read_bytes()) for path in found)
            return newest, before

    @cached_property
    def inside(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What the newest says of its run, and its tensors."""
        with TemporaryDirectory(dir=memory()) as folder:
            path = Path(folder) / self.saved[0][0]
            path.write_bytes(self.saved[0][1])
            checkpoint = saving.read(path)
        return dict(checkpoint.about), checkpoint.tensors()

    @cached_property
    def run(self) -> Run:
        chosen = task(TASK)
        data = chosen.data()
        plan = chosen.plan_for(len(data.train), CHANGES)
        model = Adapter("float32", 1).build(chosen.spec, chosen.name)
        model.start(0)
        trainer = model.trainer(plan)
        return Run(trainer, plan, data, chosen.metric, Path(), self.said.append)

    def attempt(self, content: bytes) -> None:
        """Goes on from a checkpoint of these bytes, else from the one before."""
        newest, before = self.saved
        self.said.clear()
        with TemporaryDirectory(dir=memory()) as folder:
            saves = Path(folder) / "checkpoints"
            saves.mkdir()
            (saves / newest[0]).write_bytes(content)
            (saves / before[0]).write_bytes(before[1])
            self.run.folder, self.run.saves = Path(folder), saves
            self.run.resume()
        told = [
            line for line in self.said if "; using the checkpoint before it" in line
        ]
        at = f"step-{self.run.at.step:09d}.safetensors"
        if at != (before[0] if told else newest[0]) or len(told) > 1:
            raise Broken(f"it stands at {at} and says {self.said}")
        if told:
            raise UsageError(told[0])

    def sealed(self, about: str, tensors: dict[str, Array]) -> bytes:
        """A checkpoint that says this, and whose digest fits."""
        metadata = {
            "format": saving.FORMAT,
            "about": about,
            "digest": saving._digest(about, tensors),
        }
        with TemporaryDirectory(dir=memory()) as folder:
            path = Path(folder) / "x"
            weights.write(path, tensors, metadata)
            return path.read_bytes()


@st.composite
def _damaged(draw: DrawFn, runs: Runs) -> bytes:
    """Bytes of it are others: near its head, in which the words are, or anywhere."""
    whole = runs.saved[0][1]
    head = 8 + int.from_bytes(whole[:8], "little")
    if draw(st.booleans()):
        return draw(mutated((whole[:head],))) + whole[head:]
    return draw(mutated((whole,)))


@st.composite
def _told(draw: DrawFn, runs: Runs) -> bytes:
    """What it says is other, or a tensor is, and its digest fits."""
    about, tensors = runs.inside
    if draw(st.booleans()):
        said = draw(changed((json.dumps(about).encode(),))).decode()
        return runs.sealed(said.rstrip("\n"), tensors)
    name = draw(st.sampled_from(sorted(tensors)))
    rest = {k: v for k, v in tensors.items() if k != name}
    shape = draw(st.sampled_from(((), (0,), (3,), (2, 2), tensors[name].shape)))
    kind = draw(st.sampled_from(("f4", "f8", "f2", "i8", "u1", "?")))
    other = draw(st.sampled_from((name, "x", "model/x", "optimizer/t", "random/x", "")))
    kept = rest | ({other: np.zeros(shape, kind)} if draw(st.booleans()) else {})
    return runs.sealed(json.dumps(about), kept)


def targets() -> list[Target]:
    runs = Runs()
    return [
        Target("checkpoint", _damaged(runs), runs.attempt),
        Target("resume", _told(runs), runs.attempt),
    ]
