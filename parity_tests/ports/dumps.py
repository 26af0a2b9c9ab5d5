"""What a recorder wrote, read with care: a dump may come from anywhere."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from parity_tests.compare import Array
from shared.errors import UsageError

FORMAT, VERSION = "triptych-dump", 1
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
LABELS = {"nnx": "jax"}
CHANNELS_FIRST = ("pytorch", "equinox", "onnx")


@dataclass(frozen=True)
class Module:
    """A module of the tree; its settings are what JSON can say of them."""

    path: str
    kind: str
    package: str = ""
    base: str = ""  # the library's layer that a person's own is derived from
    settings: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    file: str | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """The file and line of the module's class, for people."""
        return f"{Path(self.file).name}:{self.line}" if self.file else self.package


@dataclass(frozen=True)
class Weight:
    """A parameter or buffer under its own name; `also` has those tied to it."""

    name: str
    module: str
    leaf: str
    trainable: bool
    tensor: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """A module's n-th call; inputs and outputs are keys of tensors by path."""

    path: str
    number: int
    start: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.path if self.number == 1 else f"{self.path}#{self.number}"


@dataclass(frozen=True)
class Run:
    calls: tuple[Call, ...]
    outputs: Mapping[str, str]
    gradients: Mapping[str, str]
    input_gradients: Mapping[str, str]
    buffers: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """What an update left: keys of tensors by name; state, by what is kept."""

    loss: float
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]
    state: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Dump:
    """One model's record; tensors are mapped from the file when they are asked for."""

    target: str
    framework: str
    dtype: str
    program: str
    keep: str
    channels_last: bool
    environment: Mapping[str, Any]
    modules: Mapping[str, Module]
    rates: Mapping[str, float]
    weights: tuple[Weight, ...]
    inputs: Mapping[str, str]
    order: tuple[str, ...]
    sources: Mapping[str, str]  # a module -> the one whose output enters it
    runs: Mapping[str, Run]
    table: Mapping[str, Mapping[str, Any]]
    tensors: Mapping[str, Array]
    optimizer: str = ""  # of the updates, with its settings
    steps: tuple[Step, ...] = ()

    @property
    def label(self) -> str:
        return f"{LABELS.get(self.framework, self.framework)} ({self.target})"

    def array(self, key: str) -> Array:
        if key not in self.tensors:
            raise UsageError(f"{self.target}: the dump keeps no values ({self.keep})")
        return self.tensors[key]

    def arrays(self, keys: Mapping[str, str]) -> dict[str, Array]:
        return {path: self.array(key) for path, key in keys.items()}


def read(folder: Path) -> Dump:
    """Reads a dump; what is not one, or is damaged, is refused with one line."""
    try:
        said = json.loads((folder / "dump.json").read_text())
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}: dump.json") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{folder}: dump.json is not JSON ({error})") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise UsageError(f"{folder}: not a dump of triptych")
    if said.get("version") != VERSION:
        found = said.get("version")
        raise UsageError(f"{folder}: a dump of version {found!r}; read: {VERSION}")
    tensors = read_tensors(folder / "tensors.safetensors")
    try:
        dump = _dump(said, tensors)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        kind = type(error).__name__
        raise UsageError(f"{folder}: a damaged dump ({kind}: {error})") from None
    _check(folder, dump)
    return dump


def _dump(said: Mapping[str, Any], tensors: Mapping[str, Array]) -> Dump:
    return Dump(
        target=_text(said["target"]),
        framework=_text(said["framework"]),
        dtype=_text(said["dtype"]),
        program=_text(said["program"]),
        keep=_text(said["keep"]),
        channels_last=bool(said["channels_last"]),
        environment=dict(said["environment"]),
        modules={m["path"]: _module(m) for m in said["modules"]},
        rates={_text(k): float(v) for k, v in said["rates"].items()},
        weights=tuple(_weight(w) for w in said["weights"]),
        inputs=_keys(said["inputs"]),
        order=tuple(_text(path) for path in said.get("order", ())),
        sources=_keys(said.get("sources", {})),
        runs={_text(k): _run(r) for k, r in said["runs"].items()},
        table={_text(k): dict(v) for k, v in said["tensors"].items()},
        tensors=tensors,
        optimizer=_text(said.get("training", {}).get("optimizer", "")),
        steps=tuple(_step(s) for s in said.get("training", {}).get("steps", ())),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a word belongs")
    return value


def _keys(value: Mapping[str, Any]) -> dict[str, str]:
    return {_text(k): _text(v) for k, v in value.items()}


def _module(said: Mapping[str, Any]) -> Module:
    children = tuple(_text(child) for child in said["children"])
    known = {name: said[name] for name in ("package", "file", "line")}
    return Module(
        _text(said["path"]),
        _text(said["kind"]),
        base=_text(said.get("base", "")),
        settings=dict(said["settings"]),
        children=children,
        **known,
    )


def _weight(said: Mapping[str, Any]) -> Weight:
    return Weight(
        name=_text(said["name"]),
        module=_text(said["module"]),
        leaf=_text(said["leaf"]),
        trainable=bool(said["trainable"]),
        tensor=_text(said["tensor"]),
        also=tuple(_text(name) for name in said["also"]),
    )


def _run(said: Mapping[str, Any]) -> Run:
    calls = tuple(
        Call(
            _text(call["path"]),
            int(call["number"]),
            int(call["start"]),
            _keys(call["inputs"]),
            _keys(call["outputs"]),
        )
        for call in said["calls"]
    )
    names = ("outputs", "gradients", "input_gradients", "buffers")
    return Run(calls, *(_keys(said[name]) for name in names))


def _step(said: Mapping[str, Any]) -> Step:
    state = {_text(slot): _keys(own) for slot, own in said["state"].items()}
    kept = _keys(said["parameters"]), _keys(said["buffers"])
    return Step(float(said["loss"]), *kept, state)


def _check(folder: Path, dump: Dump) -> None:
    """Every tensor that is spoken of must be there, as the table describes it."""
    whole = [weight.tensor for weight in dump.weights] + list(dump.inputs.values())
    for run in dump.runs.values():
        whole += run.outputs.values()
    for step in dump.steps:
        for keys in (step.parameters, step.buffers, *step.state.values()):
            whole += keys.values()
    missing = [key for key in whole if key not in dump.tensors]
    if missing:
        raise UsageError(f"{folder}: a damaged dump (no tensor {missing[0]!r})")
    for key, value in dump.tensors.items():
        entry = dump.table.get(key, {})
        if list(value.shape) != entry.get("shape"):
            raise UsageError(f"{folder}: a damaged dump (tensor {key!r} has no entry)")


def read_tensors(path: Path) -> dict[str, Array]:
    """The tensors of a safetensors file, mapped; anything else is refused."""
    try:
        content = np.memmap(path, np.uint8, "r") if path.stat().st_size else None
        if content is None or content.size < 8:
            raise ValueError("it is too short")
        (length,) = struct.unpack("<Q", content[:8].tobytes())
        if length > content.size - 8:
            raise ValueError("its header is cut")
        header = json.loads(content[8 : 8 + length].tobytes())
        header.pop("__metadata__", None)
        body = content[8 + length :]
        return {name: _tensor(name, entry, body) for name, entry in header.items()}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: not a safetensors file ({error})") from None


def _tensor(name: str, entry: Mapping[str, Any], body: Array) -> Array:
    start, end = entry["data_offsets"]
    shape = tuple(int(n) for n in entry["shape"])
    kind = np.dtype(DTYPES[entry["dtype"]])
    if min((0, *shape)) < 0 or not 0 <= start <= end <= body.size:
        raise ValueError(f"{name} lies outside it")
    if end - start != int(np.prod(shape, dtype=object)) * kind.itemsize:
        raise ValueError(f"{name} has another size than its shape")
    aligned = body[start:end]
    found: Array = np.frombuffer(aligned, kind).reshape(shape)
    return found


def write_tensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """Writes arrays as safetensors, for a recorder to read."""
    kinds = {name: short for short, name in DTYPES.items()}
    header: dict[str, Any] = {}
    offset = 0
    for name, value in tensors.items():
        end = offset + value.nbytes
        header[name] = {"dtype": kinds[value.dtype.name], "shape": list(value.shape)}
        header[name]["data_offsets"] = [offset, end]
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            file.write(np.ascontiguousarray(value).tobytes())
