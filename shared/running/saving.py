"""Checkpoints of a run: one file each, whole or not at all, no pickle.

A safetensors file holds the tensors, by name: `model/...` (canonical weights),
`optimizer/...` (`t`, `m/conv1.weight`, canonical layouts) and `random/...` (the
framework's own generators); its header holds the rest as JSON, and a digest of all of
it. A file that does not match its digest is not used.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, brief
from shared.files import weights

FORMAT = "triptych-checkpoint-2"
BEFORE = (
    "triptych-checkpoint-1"  # one loss and its heads, where there is an objective now
)
KEPT = 2  # the newest, and the one before in case it is damaged
SAID = {"plan", "position", "model", "framework", "step"}
PARTS = ("model", "optimizer", "random")


@dataclass(frozen=True)
class Checkpoint:
    model: Weights
    optimizer: Weights
    random: Weights
    about: Mapping[str, Any]

    def tensors(self) -> dict[str, Array]:
        return {
            f"{part}/{name}": value
            for part in PARTS
            for name, value in getattr(self, part).items()
        }


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:09d}.safetensors"


def found(folder: Path) -> list[Path]:
    """Find the checkpoints, the newest first."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


def write(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then forget those before the last KEPT."""
    about = json.dumps(checkpoint.about, sort_keys=True)
    tensors = checkpoint.tensors()
    digest = _digest(about, tensors)
    metadata = {"format": FORMAT, "about": about, "digest": digest}
    weights.write(path_of(folder, step), tensors, metadata, whole=True)
    for old in found(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def read(path: Path) -> Checkpoint:
    tensors, metadata = weights.read(path)
    if metadata.get("format") not in (FORMAT, BEFORE):
        raise UsageError(f"{path}: not a checkpoint of a training run")
    text = metadata.get("about", "")
    if _digest(text, tensors) != metadata.get("digest"):
        raise UsageError(f"{path}: damaged (its content does not match its digest)")
    parts: dict[str, dict[str, Array]] = {part: {} for part in PARTS}
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        if part not in PARTS:
            allowed = ", ".join(PARTS)
            raise UsageError(f"{path}: {name} is of no part; allowed: {allowed}")
        parts[part][rest] = value
    about = _about(path, text)
    if metadata["format"] == BEFORE:
        about = _renewed(about)
    return Checkpoint(**parts, about=about)


def _about(path: Path, text: str) -> dict[str, Any]:
    """What a checkpoint says of its run."""
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = brief(error)
        raise UsageError(
            f"{path}: what it says of its run is no JSON ({why})"
        ) from None
    objects = isinstance(about, dict) and all(
        isinstance(about.get(part, {}), dict) for part in ("plan", "position")
    )
    if objects and (odd := sorted(about.keys() - SAID)):
        raise UsageError(
            f"{path}: what it says of its run has unknown parts: {odd[:3]}"
        )
    step = about.get("step") if objects else None
    if not isinstance(step, int) or isinstance(step, bool) or step < 0:
        raise UsageError(f"{path}: its plan, position or step is none")
    return about


def _renewed(about: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint of the first format says, in today's words."""
    plan, position = dict(about.get("plan", {})), dict(about.get("position", {}))
    if "loss" in plan:
        plan["objective"] = {
            "kind": "Supervised",
            "copies": [],
            "loss": plan.pop("loss"),
            "heads": plan.pop("heads", [1.0]),
            "trains": ["*"],
        }
        plan["rates"] = []
    if "losses" in position:
        batch = position.get("batch", 0)
        position["losses"] = {"loss": position["losses"]} if batch else {}
        position["counted"] = {"loss": batch} if batch else {}
    return {**about, "plan": plan, "position": position}


def newest(
    folder: Path, check: Callable[[Checkpoint], None] = lambda checkpoint: None
) -> tuple[Checkpoint | None, list[str]]:
    """Gives the newest that is whole, and what was wrong with those that are newer.

    check: raises UsageError where one cannot be gone on from.
    """
    reasons: list[str] = []
    for path in found(folder):
        try:
            checkpoint = read(path)
        except UsageError as error:
            reasons.append(str(error))
            continue
        try:
            check(checkpoint)
        except UsageError as error:
            reasons.append(f"{path}: {error}")
            continue
        return checkpoint, reasons
    return None, reasons


def _digest(about: str, tensors: Weights) -> str:
    digest = hashlib.blake2b(about.encode(), digest_size=16)
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {value.dtype} {value.shape}".encode())
        digest.update(value.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
