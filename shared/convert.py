"""Weights from one form to another, always through the canonical one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared import catalog, checkpoints, weights
from shared.contract import metadata
from shared.errors import UsageError, unknown
from shared.specs.base import Spec, from_plain
from shared.weights import Array
from shared.worker import NATIVE, RemoteModel, Worker

PUBLIC = ("torchvision", "huggingface")
FORMS = ("canonical", *NATIVE, *PUBLIC)
_TORCH = (".pt", ".pth", ".bin")
# What a worker can hold a model in.
_DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class _Known:
    """What is to be converted: the model, and the form the input has."""

    name: str
    spec: Spec
    form: str


def convert(source: Path, target: Path, to: str, from_: str, model: str) -> str:
    """Read `source`, check it against the model, write `target`; what was done."""
    for form in (to, from_):
        if form and form not in FORMS:
            raise unknown("form", form, FORMS)
    if not source.exists():
        raise UsageError(f"{source}: no such file")
    if not target.parent.is_dir():
        raise UsageError(f"{target}: no folder {target.parent}")
    known = _know(source, from_, model)
    values = _read(source, known)
    with Worker("pytorch", _dtype(source, values)) as worker:
        weights.check(worker.build(known.spec, known.name).entries(), values)
    _write(target, to, known, values)
    return f"{known.name}: {len(values)} tensors, {known.form} -> {to}, {target}"


def _know(source: Path, from_: str, model: str) -> _Known:
    header: dict[str, str] = {}
    if source.is_file() and source.suffix == ".safetensors":
        header = weights.read_header(source)[0]
    canonical = header.get("format") == weights.FORMAT
    form = from_ or ("canonical" if canonical else _guess(source))
    if canonical and not model:
        return _Known(header.get("model", ""), _spec_of(source, header), form)
    if not model:
        raise UsageError(f"{source} does not say which model it holds: give --model")
    return _Known(model, catalog.variant(model).spec, form)


def _guess(source: Path) -> str:
    if source.is_dir():
        return "jax"
    if source.suffix in _TORCH:
        return "pytorch"
    if source.name.endswith(".weights.h5") or source.suffix == ".keras":
        return "keras"
    raise UsageError(
        f"{source} does not say what form it has: give --from, "
        f"one of {', '.join(FORMS)}"
    )


def _spec_of(source: Path, header: Mapping[str, str]) -> Spec:
    """The spec a canonical file was written with: its own, or its name's."""
    name = header.get("model", "")
    if name not in catalog.VARIANTS:
        raise UsageError(f"{source} holds the unknown model {name!r}: give --model")
    kind = type(catalog.VARIANTS[name].spec)
    try:
        plain = json.loads(header.get("spec", ""))
    except ValueError:
        plain = None
    if not isinstance(plain, dict):
        raise UsageError(f"{source}: its spec is not a JSON object")
    return from_plain(kind, plain)


def _read(source: Path, known: _Known) -> dict[str, Array]:
    if known.form == "canonical":
        return weights.read(source)[0]
    if known.form in PUBLIC:
        state = _read_state(source, known)
        family = catalog.family_of(known.spec)
        return checkpoints.from_public(family, known.form, state)
    with Worker(known.form) as worker:
        return _built(worker, known).read_native(source)


def _read_state(source: Path, known: _Known) -> dict[str, Array]:
    if source.suffix not in _TORCH:
        return weights.read(source)[0]
    with Worker("pytorch") as worker:
        return _built(worker, known).read_native(source)


def _built(worker: Worker, known: _Known) -> RemoteModel:
    """With memory: Keras reads into a model that has values already."""
    model = worker.build(known.spec, known.name)
    model.fill(0)
    return model


def _dtype(source: Path, values: Mapping[str, Array]) -> str:
    dtypes = {str(value.dtype) for value in values.values()}
    if len(dtypes) == 1 and dtypes <= set(_DTYPES):
        return dtypes.pop()
    raise UsageError(
        f"{source} holds {', '.join(sorted(dtypes)) or 'nothing'}; "
        f"allowed: one of {', '.join(_DTYPES)}"
    )


def _write(target: Path, to: str, known: _Known, values: Mapping[str, Array]) -> None:
    if to == "canonical":
        weights.write(target, values, metadata(known.name, known.spec))
        return
    framework = to if to in NATIVE else "pytorch"
    if to in PUBLIC:
        values = checkpoints.to_public(catalog.family_of(known.spec), to, values)
        if target.suffix not in _TORCH:
            weights.write(target, values, {})
            return
    with Worker(framework, str(next(iter(values.values())).dtype)) as worker:
        worker.build(known.spec, known.name).write_native(target, values)
