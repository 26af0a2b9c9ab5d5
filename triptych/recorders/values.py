"""Numbers, tensors in files, and nested values, as every recorder needs them."""

import dataclasses
import hashlib
import json
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}


class Refused(Exception):
    """Wrong input: one line says what, where, and what is allowed (exit code 2)."""


# Numbers


def generator(*place: object) -> np.random.Generator:
    """A generator that depends on `place` alone, on every machine and version."""
    text = "/".join(str(part) for part in place).encode()
    key = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key))


def parse_input(text: str, again: int = 0) -> np.ndarray[Any, Any]:
    """`2,3,32,32` for reals, `2,16:100` for whole numbers, `2,16:bool` for a mask.

    again: how many inputs of the same text stand before it, which has other values.
    """
    shape_text, separator, below = text.partition(":")
    try:
        shape = tuple(int(n) for n in shape_text.split(","))
        limit = (2 if below == "bool" else int(below)) if separator else None
    except ValueError:
        shape, limit = (), None
    if not shape or min(shape) < 1 or (limit is not None and limit < 1):
        raise Refused(f"input {text!r}: allowed: 2,3,32,32 or 2,16:100 or 2,16:bool")
    draw = generator("diff", again, text)
    if below == "bool":
        return draw.integers(0, 2, shape).astype(bool)
    if limit is not None:
        return draw.integers(0, limit, shape, dtype=np.int64)
    return draw.standard_normal(shape).astype(np.float32)


def weights_of(index: int, shape: tuple[int, ...], last: bool) -> Any:
    """The fixed weights of an output's values; `last`: its channels stand last."""
    last = last and len(shape) >= 4
    canonical = (shape[0], shape[-1], *shape[1:-1]) if last else shape
    drawn = generator("cotangent", 0, index).standard_normal(canonical)
    return np.ascontiguousarray(np.moveaxis(drawn, 1, -1)) if last else drawn


# Tensors in files


class Tensors:
    """A safetensors file that is written tensor by tensor, none of which is held.

    Its header stands in front and is known last: the bytes wait in a file beside it.
    """

    def __init__(self, path: Path):
        self.path, self.beside = path, path.with_name(f"{path.name}.part")
        self.body = self.beside.open("w+b")
        self.header: dict[str, Any] = {}
        self.offset = 0

    def add(self, name: str, value: Any) -> None:
        """Writes a tensor, unless there is one of that name."""
        if name in self.header:
            return
        end = self.offset + value.nbytes
        self.header[name] = {
            "dtype": NAMES[value.dtype.name],
            "shape": list(value.shape),
            "data_offsets": [self.offset, end],
        }
        self.body.write(np.ascontiguousarray(value).data)
        self.offset = end

    def drop(self) -> None:
        """Forgets what was written, where something went wrong on the way."""
        self.body.close()
        self.beside.unlink(missing_ok=True)

    def close(self) -> None:
        """Puts header and bytes together."""
        text = json.dumps(self.header).encode()
        text += b" " * (-len(text) % 8)
        with self.path.open("wb") as file, self.body:
            file.write(struct.pack("<Q", len(text)) + text)
            self.body.seek(0)
            shutil.copyfileobj(self.body, file, 1 << 24)
        self.beside.unlink()


def write_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Writes a safetensors file by hand: the length of a header, the header, bytes."""
    made = Tensors(path)
    for name, value in tensors.items():
        made.add(name, value)
    made.close()


def read_tensors(path: Path) -> dict[str, Any]:
    """Reads what `write_tensors` wrote; a file that is anything else is refused."""
    kinds = {short: name for name, short in NAMES.items()}
    try:
        content = path.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        header.pop("__metadata__", None)
        found = {}
        for name, entry in header.items():
            start, end = (8 + length + int(n) for n in entry["data_offsets"])
            kind = np.dtype(kinds[entry["dtype"]])
            if not 0 <= start <= end <= len(content):
                raise ValueError(f"{name} lies outside the file")
            value = np.frombuffer(content[start:end], kind)
            found[name] = value.reshape(entry["shape"])
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
        raise Refused(f"{path}: not a safetensors file ({error})") from None
    return found


def plain(value: Any) -> Any:
    """An array that a dump can hold: bfloat16 and what NumPy lacks become float32."""
    value = np.asarray(value)
    return value if value.dtype.name in NAMES else value.astype(np.float32)


# Nested values by path


def leaves(value: Any, is_tensor: Callable[[Any], bool], at: str = "") -> Any:
    """Yields (path, tensor) of nested dicts, sequences and dataclasses; not None."""
    if value is None or isinstance(value, str):
        return
    if is_tensor(value):
        yield at, value
        return
    for name, item in _parts(value):
        yield from leaves(item, is_tensor, f"{at}.{name}" if at else str(name))


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name)


def picked(
    value: Any, is_tensor: Callable[[Any], bool], wanted: tuple[str, ...]
) -> dict[str, Any]:
    """The tensors of an output by path: those that are wanted in that order, or all."""
    found = dict(leaves(value, is_tensor))
    missing = [path for path in wanted if path not in found]
    if missing:
        has = ", ".join(repr(path) for path in found)
        raise Refused(f"no output {missing[0]!r}; there are {has}")
    return {path: found[path] for path in wanted} if wanted else found


def swapped(value: Any, new: Mapping[str, Any], at: str = "") -> Any:
    """The same nest with other tensors at these paths."""
    if at in new:
        return new[at]
    within = f"{at}." if at else ""
    if not any(path.startswith(within) for path in new):
        return value
    parts = {k: swapped(v, new, f"{within}{k}") for k, v in _parts(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{**dict(_parts(value)), **parts})
    if isinstance(value, Mapping):
        made = type(value)()
        made.update(parts)  # type: ignore[attr-defined]
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(**parts)
    return type(value)(parts.values()) if isinstance(value, list | tuple) else value


def arguments_of(named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of inputs by path: `0`, `1.mask`, `ids`."""
    root: dict[str, Any] = {}
    for path, value in named.items():
        *parents, last = path.split(".")
        place = root
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    made = _listed(root)
    if isinstance(made, list):
        return made, {}
    numbers = sorted(k for k in made if k.isdigit())
    rest = {k: v for k, v in made.items() if not k.isdigit()}
    return [made[k] for k in numbers], rest


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    made = {k: _listed(v) for k, v in value.items()}
    if made and all(k == str(i) for i, k in enumerate(made)):
        return list(made.values())
    return made
