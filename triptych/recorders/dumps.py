"""A dump as it is written: a folder of JSON and tensors.

`dump.json` says what there is, `tensors.safetensors` holds it. Equal tensors are stored
once, under the hash of their content.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from triptych.recorders.training import Plan, Step
from triptych.recorders.values import Tensors, plain

FORMAT, VERSION = "triptych-dump", 1
KEEP = ("all", "statistics", "hash")


class Dump:
    """What is written: a table of tensors, and the files."""

    def __init__(self, folder: Path, keep: str = "all"):
        self.folder, self.keep = folder, keep
        self.said: dict[str, Any] = {"format": FORMAT, "version": VERSION, "keep": keep}
        self.weights: list[dict[str, Any]] = []
        self.table: dict[str, Any] = {}
        self.runs: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.tensors = Tensors(folder / "tensors.safetensors")

    def __enter__(self) -> "Dump":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        """Writes the files, unless something was raised."""
        if kind is None:
            self.write()
        else:
            self.tensors.drop()

    def say(self, name: str, value: Any) -> None:
        self.said[name] = value

    def tensor(self, value: Any, whole: bool = False) -> str:
        """The key of a tensor, which is kept as far as was asked."""
        value = np.ascontiguousarray(plain(value))
        digest = hashlib.blake2b(value.data, digest_size=12)
        digest.update(f"{value.dtype}{value.shape}".encode())
        key = digest.hexdigest()
        if key not in self.table:
            entry = {"dtype": value.dtype.name, "shape": list(value.shape)}
            if self.keep == "statistics":
                entry["statistics"] = statistics_of(value)
            self.table[key] = entry
        if whole or self.keep == "all":
            self.tensors.add(key, value)
        return key

    def run(self, mode: str, found: dict[str, Any]) -> None:
        own: dict[str, Any] = {}
        for name in ("outputs", "gradients", "input_gradients", "buffers"):
            own[name] = {k: self.tensor(v, whole=True) for k, v in found[name].items()}
        own["calls"] = []
        for call in found["calls"]:
            # What is written need not be held any longer.
            kept = {what: call.pop(what) for what in ("inputs", "outputs")}
            keys = {
                what: {k: self.tensor(values.pop(k)) for k in list(values)}
                for what, values in kept.items()
            }
            own["calls"].append({**call, **keys})
        self.runs[mode] = own

    def steps(self, plan: Plan, found: list[Step]) -> None:
        """Says what every update of a training run left."""

        def keys(values: Mapping[str, Any]) -> dict[str, str]:
            return {name: self.tensor(v, whole=True) for name, v in values.items()}

        each = [
            {
                "loss": step.loss,
                "parameters": keys(step.parameters),
                "buffers": keys(step.buffers),
                "state": {slot: keys(own) for slot, own in step.state.items()},
            }
            for step in found
        ]
        self.say("training", {"optimizer": plan.said, "steps": each})

    def write(self) -> None:
        self.tensors.close()
        whole = {**self.said, "weights": self.weights}
        whole |= {"tensors": self.table, "runs": self.runs}
        (self.folder / "dump.json").write_text(json.dumps(whole))


def statistics_of(value: Any) -> list[float]:
    """Mean, deviation, smallest, largest and norm: what a tensor is told by."""
    if not value.size:
        return [0.0] * 5
    wide = value.astype(np.float64)
    norm = float(np.sqrt(np.square(wide).sum()))
    return [float(x) for x in (wide.mean(), wide.std(), wide.min(), wide.max(), norm)]


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }
