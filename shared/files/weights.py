"""Canonical weights: torch's state_dict names and layouts, whoever holds them.

A framework describes where each canonical tensor lives in its model as a `Slot`; all
else (strict loading, saving, counting) is written here once.
"""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, brief
from shared.files.writing import opened

FORMAT = "triptych-weights-1"


# Layouts: how a framework's own arrangement of an array becomes the canonical one.


@dataclass(frozen=True)
class Layout:
    canonical: Callable[[Array], Array]
    native: Callable[[Array], Array]

    def shape(self, native: tuple[int, ...]) -> tuple[int, ...]:
        """Give the canonical shape of a native one."""
        return self.canonical(np.broadcast_to(np.float32(0), native)).shape


def _last_to_first(a: Array) -> Array:
    return a.transpose(a.ndim - 1, a.ndim - 2, *range(a.ndim - 2))


def _first_to_last(a: Array) -> Array:
    return a.transpose(*range(2, a.ndim), 1, 0)


def _turned_to_first(a: Array) -> Array:
    *window, c_in, c_out = range(a.ndim)
    return np.flip(a, tuple(window)).transpose(c_in, c_out, *window)


def _turned_to_last(a: Array) -> Array:
    c_in, c_out, *window = range(a.ndim)
    return np.flip(a, tuple(window)).transpose(*window, c_in, c_out)


def _depthwise_to_first(a: Array) -> Array:
    height, width, channels, multiplier = a.shape
    return a.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)


def _depthwise_to_last(channels: int) -> Callable[[Array], Array]:
    return lambda a: a.reshape(channels, -1, *a.shape[2:]).transpose(2, 3, 0, 1)


SAME = Layout(lambda a: a, lambda a: a)
DENSE = Layout(lambda a: a.T, lambda a: a.T)  # (in, out) <-> (out, in)
KERNEL = Layout(_last_to_first, _first_to_last)  # (*k, in, out) <-> (out, in, *k)
# (*k, in, out) <-> (in, out, *k), each axis of k from its end
TURNED = Layout(_turned_to_first, _turned_to_last)


def depthwise(channels: int) -> Layout:
    """Turn (h, w, channels, multiplier) into (channels * multiplier, 1, h, w) and
    back."""
    return Layout(_depthwise_to_first, _depthwise_to_last(channels))


@dataclass(frozen=True)
class Slot:
    """Where a canonical tensor lives: `place` is the framework's own handle."""

    place: Any
    shape: tuple[int, ...]  # canonical
    dtype: str
    trainable: bool
    layout: Layout = SAME

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Entry:
    """A slot as other processes see it."""

    shape: tuple[int, ...]
    dtype: str
    trainable: bool


Slots = Mapping[str, Slot]


def describe(slots: Slots) -> dict[str, Entry]:
    return {k: Entry(s.shape, s.dtype, s.trainable) for k, s in slots.items()}


def count(slots: Mapping[str, Slot] | Mapping[str, Entry]) -> int:
    """Count the trainable parameters."""
    return sum(math.prod(s.shape) for s in slots.values() if s.trainable)


def refuse_too_large(slots: Slots) -> None:
    """A UsageError where the machine has less memory than the values need; to describe
    and to count them takes none."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = sum(s.size * (8 if s.dtype == "float64" else 4) for s in slots.values())
    if needed > memory:
        raise UsageError(
            f"{count(slots):,} parameters need {needed / 2**30:,.1f} GiB; this machine "
            f"has {memory / 2**30:,.1f}"
        )


MOST_REASONS = 4  # that are told; of the others how many they are


def misfits(slots: Slots | Mapping[str, Entry], weights: Weights) -> list[str]:
    """Every reason why `weights` cannot be loaded, of each kind one before the next."""
    missing = [f"missing {name}" for name in slots if name not in weights]
    unknown = [f"unknown {name}" for name in weights if name not in slots]
    others = []
    for name, slot in slots.items():
        if name not in weights:
            continue
        shape, dtype = weights[name].shape, str(weights[name].dtype)
        if shape != slot.shape:
            others.append(f"{name} has shape {shape}, the model {slot.shape}")
        if dtype != slot.dtype:
            others.append(f"{name} has dtype {dtype}, the model {slot.dtype}")
    turns = zip_longest(missing, unknown, others)
    return [reason for turn in turns for reason in turn if reason]


def misfit(reasons: Sequence[str], advice: str = "") -> UsageError:
    """The first reasons in one line, and how many more there are."""
    told = [brief(reason) for reason in reasons[:MOST_REASONS]]
    more = len(reasons) - len(told)
    told += [f"and {more:,} more"] if more else []
    last = f"; {advice}" if advice else ""
    return UsageError(f"these weights do not fit: {'; '.join(told)}{last}")


def check(slots: Slots | Mapping[str, Entry], weights: Weights) -> None:
    """A UsageError where `weights` cannot be loaded, all of them."""
    reasons = misfits(slots, weights)
    if reasons:
        raise misfit(reasons)


# Files: safetensors, whose header says which model and which spec.


def _not_weights(path: Path, why: object) -> UsageError:
    return UsageError(f"{path}: not a readable safetensors file ({why})")


def read_header(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Read the file's metadata and its tensors' entries, without reading the
    tensors."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(100_000_000, path.stat().st_size - 8):
                raise _not_weights(path, f"a header of {length} bytes cannot be")
            header = json.loads(file.read(length))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise _not_weights(path, error) from None
    if not isinstance(header, dict):
        raise _not_weights(path, "its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    return metadata if isinstance(metadata, dict) else {}, header


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a file's tensors and its metadata; what is broken or hostile is refused in
    one line."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    metadata, _ = read_header(path)
    try:
        return load_file(path), metadata
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _not_weights(path, error) from None


_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_DTYPES |= {"int64": "I64", "int32": "I32", "uint8": "U8", "bool": "BOOL"}


def write(
    path: Path, weights: Weights, metadata: Mapping[str, str], *, whole: bool = False
) -> None:
    """Writes a safetensors file; the same tensors and metadata give the same bytes.

    whole: refuse a path where it could be seen half-written (shared/files/writing.py).

    Written here because the library orders metadata at random and needs a second copy
    of all tensors.
    """
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    offset = 0
    for name in sorted(weights):
        value = weights[name]
        if str(value.dtype) not in _DTYPES:
            raise UsageError(
                f"{path}: {name} has dtype {value.dtype}; allowed: {', '.join(_DTYPES)}"
            )
        header[name] = {
            "dtype": _DTYPES[str(value.dtype)],
            "shape": list(value.shape),
            "data_offsets": [offset, offset + value.nbytes],
        }
        offset += value.nbytes
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with opened(path, whole=whole) as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for name in sorted(weights):
            file.write(
                np.ascontiguousarray(weights[name]).reshape(-1).view(np.uint8).data
            )
