"""GGUF files, as llama.cpp reads them: a header of named values, then tensors, most of
them quantised (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).

The header is read here, within bounds: whatever a file says of itself, no more is read
than it holds. The package `gguf` knows how the tensors are packed.
"""

import importlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.errors import UsageError, brief, one_line
from shared.reading import parsed, unreadable
from shared.specs.base import Spec

FORM = "gguf"
_MAGIC, _VERSIONS = b"GGUF", (2, 3)
# What a header may hold at most: some hundred values, of which vocabularies are long.
MOST_FIELDS, MOST_TENSORS, MOST_VALUES = 1 << 12, 1 << 16, 1 << 21
_LONGEST_NAME, _LONGEST_TEXT = 1 << 10, 1 << 20
_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
# A spec's fields by what a file of the architecture calls them.
_FIELDS = {
    "vocab_size": "vocab_size",
    "tokens": "context_length",
    "width": "embedding_length",
    "depth": "block_count",
    "heads": "attention.head_count",
    "kv_heads": "attention.head_count_kv",
    "mlp_width": "feed_forward_length",
    "rotary_base": "rope.freq_base",
    "rms_eps": "attention.layer_norm_rms_epsilon",
}


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies. kind: how its values are packed, by ggml's number; place: of
    its first byte in the file."""

    shape: tuple[int, ...]
    kind: int
    place: int
    size: int


@dataclass(frozen=True)
class GGUF:
    """fields: the header's values by name. entries: of the tensors."""

    path: Path
    fields: Mapping[str, Any]
    entries: Mapping[str, Entry]

    @classmethod
    def read(cls, path: Path) -> "GGUF":
        """Read the header; a file that is cut, or lies, is one line."""
        return _Header(path).whole()

    def field(self, name: str, kind: type) -> Any:
        found = self.fields.get(name)
        if not isinstance(found, kind):
            told = "missing" if found is None else f"of another type ({brief(found)})"
            raise UsageError(f"{self.path}: {name} is {told}")
        return found

    def tensors(self) -> dict[str, Array]:
        """All tensors as float32, in PyTorch's order of axes."""
        gguf = _package()
        data = np.memmap(self.path, np.uint8, "r")
        found = {}
        for name, entry in self.entries.items():
            where = f"{self.path}: {one_line(name)}"
            packed = np.array(data[entry.place : entry.place + entry.size])
            kind = gguf.GGMLQuantizationType(entry.kind)
            with parsed(where, "packed as it says", ValueError, NotImplementedError):
                rows = packed.reshape(*entry.shape[:-1], -1)
                values = gguf.quants.dequantize(rows, kind)
            found[name] = np.ascontiguousarray(values.reshape(entry.shape), np.float32)
        return found

    def state(self, spec: Spec) -> dict[str, Array]:
        """The tensors for a model of this spec, whose numbers the file must have."""
        self._refuse_other(spec)
        found = self.tensors()
        if getattr(spec, "rotary", "") == "interleaved":
            return found
        return {name: _unturned(name, value, spec) for name, value in found.items()}

    def _refuse_other(self, spec: Spec) -> None:
        kind = self.field("general.architecture", str)
        if kind != "llama":
            raise UsageError(f"{self.path} holds a {brief(kind)}; allowed: llama")
        for own, theirs in _FIELDS.items():
            said = self.fields.get(f"{kind}.{theirs}")
            wanted = getattr(spec, own)
            if said is not None and np.float32(said) != np.float32(wanted):
                raise UsageError(
                    f"{self.path}: {theirs} is {brief(said)}; allowed: {wanted}"
                )


def _unturned(name: str, value: Array, spec: Any) -> Array:
    """Rows of queries and keys as two halves of a head; the file has pairs of rows as
    neighbours."""
    heads = {"attn_q.weight": "heads", "attn_k.weight": "kv_heads"}
    own = heads.get(name.partition(".")[2].partition(".")[2])
    if own is None:
        return value
    number = getattr(spec, own)
    if value.ndim != 2 or len(value) % (2 * number):
        raise UsageError(f"{name} has shape {value.shape}, for {number} heads")
    pairs = value.reshape(number, -1, 2, value.shape[-1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(value.shape)


def _package() -> Any:
    try:
        return importlib.import_module("gguf")
    except ModuleNotFoundError:
        raise UsageError(
            "the package gguf is not installed: pip install gguf"
        ) from None


class _Header:
    """Reads a header from its first byte on."""

    def __init__(self, path: Path):
        self.path, self.place, self.values = path, 0, 0
        try:
            with path.open("rb") as file:
                self.size = file.seek(0, 2)
                self.data = mmap(file.fileno(), 0, access=ACCESS_READ)
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from None

    def whole(self) -> GGUF:
        if self.data[:4] != _MAGIC:
            raise UsageError(f"{self.path}: not a GGUF file (it begins otherwise)")
        self.place = 4
        version = self.number("I")
        if version not in _VERSIONS:
            allowed = ", ".join(map(str, _VERSIONS))
            raise UsageError(
                f"{self.path}: GGUF of version {version}; allowed: {allowed}"
            )
        tensors = self.below(MOST_TENSORS, "tensors")
        fields = dict(
            self.field() for _ in range(self.below(MOST_FIELDS, "values in its header"))
        )
        listed = [self.entry() for _ in range(tensors)]
        return GGUF(self.path, fields, self.placed(listed, fields))

    def field(self) -> tuple[str, Any]:
        name = self.text(_LONGEST_NAME)
        return name, self.value(self.number("I"), name)

    def value(self, kind: int, name: str) -> Any:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _STRING:
            return self.text(_LONGEST_TEXT)
        if kind != _ARRAY:
            raise self.wrong(f"{one_line(name)} has the unknown type {kind}")
        inner = self.number("I")
        length = self.below(MOST_VALUES - self.values, f"values in {one_line(name)}")
        self.values += length
        if inner in _NUMBERS:
            form = np.dtype(_NUMBERS[inner]).newbyteorder("<")
            return np.frombuffer(self.take(length * form.itemsize), form).tolist()
        if inner != _STRING:
            raise self.wrong(f"{one_line(name)} is a list of the unknown type {inner}")
        return [self.text(_LONGEST_TEXT) for _ in range(length)]

    def entry(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self.text(_LONGEST_NAME)
        axes = self.number("I")
        if not 1 <= axes <= 4:
            raise self.wrong(f"{one_line(name)} has {axes} axes; allowed: 1 to 4")
        shape = tuple(self.number("Q") for _ in range(axes))
        return name, shape[::-1], self.number("I"), self.number("Q")

    def placed(
        self, listed: list[tuple[str, tuple[int, ...], int, int]], fields: Any
    ) -> dict[str, Entry]:
        """Where each tensor lies: inside the file, and apart from the others."""
        step = fields.get("general.alignment", 32)
        if not isinstance(step, int) or not 1 <= step <= 1 << 20:
            raise self.wrong(f"general.alignment is {brief(step)}")
        start = -(-self.place // step) * step
        sizes = _package().GGML_QUANT_SIZES
        found: dict[str, Entry] = {}
        for name, shape, kind, offset in listed:
            if kind not in sizes or name in found:
                why = (
                    "is there twice"
                    if name in found
                    else f"has the unknown kind {kind}"
                )
                raise self.wrong(f"{one_line(name)} {why}")
            values, (block, packed) = 1, sizes[kind]
            for length in shape:
                values *= length
            if not 0 < values <= self.size * block or shape[-1] % block:
                raise self.wrong(f"{one_line(name)} cannot have shape {shape}")
            size = values // block * packed
            found[name] = Entry(shape, int(kind), start + offset, size)
        end = start
        for name, entry in sorted(found.items(), key=lambda item: item[1].place):
            if entry.place < end or entry.place + entry.size > self.size:
                raise self.wrong(f"{one_line(name)} lies outside of it, or in another")
            end = entry.place + entry.size
        return found

    def below(self, most: int, what: str) -> int:
        number = self.number("Q")
        if number > most:
            raise self.wrong(f"it says it has {number:,} {what}; allowed: {most:,}")
        return number

    def text(self, most: int) -> str:
        length = self.number("Q")
        if length > most:
            raise self.wrong(f"a text of {length:,} bytes; allowed: {most:,}")
        with parsed(self.path, "a readable GGUF file", UnicodeDecodeError):
            return self.take(length).decode("utf-8")

    def number(self, form: str) -> Any:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(form)))[0]

    def take(self, length: int) -> bytes:
        if self.place + length > self.size:
            raise self.wrong(f"it ends after {self.size:,} bytes, inside its header")
        found = self.data[self.place : self.place + length]
        self.place += length
        return found

    def wrong(self, why: str) -> UsageError:
        return UsageError(f"{self.path}: not a readable GGUF file ({why})")
