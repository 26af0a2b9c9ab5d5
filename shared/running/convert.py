"""Weights from one form to another, always through the canonical one."""

import contextlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import catalog
from shared.arrays import Array
from shared.contract import metadata
from shared.errors import UsageError, brief, one_line, unknown
from shared.files import checkpoints, weights
from shared.files.gguf import FORM as GGUF_FORM
from shared.files.gguf import GGUF
from shared.frameworks import NATIVE
from shared.plain import from_plain
from shared.running.client import RemoteModel, Worker
from shared.specs.base import Spec

PUBLIC = checkpoints.forms()
FORMS = ("canonical", *NATIVE, *PUBLIC)
_TORCH = (".pt", ".pth", ".bin")
# What a worker can hold a model in.
_DTYPES = ("float16", "float32", "float64")


def read(source: Path, model: str, from_: str = "") -> dict[str, Array]:
    """Read the canonical weights of this model, from any form."""
    _there(source, from_)
    known = _know(source, from_, model)
    held = header(source).get("model", model)
    if held in catalog.VARIANTS and catalog.VARIANTS[held].spec != known.spec:
        raise UsageError(f"{source} holds {held}, not {model}")
    return _read(source, known)


def header(source: Path) -> dict[str, str]:
    """What a file of weights says of itself, if it can."""
    if source.is_file() and source.suffix == ".safetensors":
        return weights.read_header(source)[0]
    return {}


def _there(source: Path, *forms: str) -> None:
    for form in forms:
        if form and form not in FORMS:
            raise unknown("form", form, FORMS)
    if not source.exists():
        raise UsageError(f"{source}: no such file")


@dataclass(frozen=True)
class _Known:
    """What is to be converted: the model, and the form the input has."""

    name: str
    spec: Spec
    form: str


def convert(source: Path, target: Path, to: str, from_: str, model: str) -> str:
    """Read `source`, check it against the model, write `target`; what was done."""
    _there(source, to, from_)
    if not target.parent.is_dir():
        raise UsageError(f"{target}: no folder {target.parent}")
    known = _know(source, from_, model)
    values = _read(source, known)
    dtype = _only(source, {str(value.dtype) for value in values.values()})
    _write(target, to, known, values, dtype)
    return f"{known.name}: {len(values)} tensors, {known.form} -> {to}, {target}"


def _know(source: Path, from_: str, model: str) -> _Known:
    said = header(source)
    canonical = said.get("format") == weights.FORMAT
    form = from_ or ("canonical" if canonical else _guess(source))
    if canonical and not model:
        return _Known(said.get("model", ""), _spec_of(source, said), form)
    if not model:
        raise UsageError(f"{source} does not say which model it holds: give --model")
    return _Known(model, catalog.variant(model).spec, form)


def _guess(source: Path) -> str:
    if source.is_dir():
        return "jax"
    if source.suffix in _TORCH:
        return "pytorch"
    if source.suffix == ".gguf":
        return GGUF_FORM
    if source.name.endswith(".weights.h5") or source.suffix == ".keras":
        return "keras"
    raise UsageError(
        f"{source} does not say what form it has: give --from, "
        f"one of {', '.join(FORMS)}"
    )


def _spec_of(source: Path, said: Mapping[str, str]) -> Spec:
    """The spec of the model that a canonical file says it holds."""
    name = said.get("model", "")
    if name not in catalog.VARIANTS:
        raise UsageError(f"{source} holds the unknown model {name!r}: give --model")
    own = catalog.VARIANTS[name].spec
    try:
        plain = json.loads(said.get("spec", ""))
    except ValueError:
        plain = None
    if not isinstance(plain, dict):
        raise UsageError(f"{source}: its spec is not a JSON object")
    if from_plain(type(own), plain) != own:
        raise UsageError(f"{source}: its spec is not that of {name}: give --model")
    return own


def _read(source: Path, known: _Known) -> dict[str, Array]:
    if known.form == "canonical":
        return weights.read(source)[0]
    if known.form in PUBLIC:
        state = _read_state(source, known)
        family = catalog.family_of(known.spec)
        return checkpoints.from_public(family, known.form, state)
    dtype = keras_dtype(source) if known.form == "keras" else "float32"
    with Worker(known.form, dtype) as worker:
        return _built(worker, known).read_native(source)


def keras_dtype(source: Path) -> str:
    """Keras casts what it reads to the precision it runs in, so look first."""
    found: set[str] = set()
    others: list[str] = []

    def visit(name: str, item: Any) -> None:
        dtype = getattr(item, "dtype", None)
        if dtype is not None and dtype.kind == "f":
            found.add(str(dtype))
        elif dtype is not None and not _OF_TRAINING.search(name):
            others.append(f"{one_line(name)} is {dtype}")

    try:
        with _hdf5(source) as file:
            file.visititems(visit)
    except _BROKEN_HDF5 as error:
        raise UsageError(f"{source}: no Keras file ({brief(error)})") from None
    if others:
        raise UsageError(f"{source}: {brief(others[0])}; allowed: {', '.join(_DTYPES)}")
    return _only(source, found)


# What a file of Keras holds beside weights: counters, and the state of what is random.
_OF_TRAINING = re.compile(r"(^|/)(optimizer|optimizer_weights|seed_generator\w*)(/|$)")
# What h5py raises of a damaged file, and zipfile of the archive around it.
_BROKEN_HDF5 = (
    *(OSError, EOFError, KeyError, RuntimeError, TypeError, ValueError),
    *(NotImplementedError, zipfile.BadZipFile, zlib.error),
)


@contextlib.contextmanager
def _hdf5(source: Path) -> Iterator[Any]:
    """Open the weights in a `.weights.h5` file, or inside a `.keras` archive."""
    import h5py

    with contextlib.ExitStack() as stack:
        file: Any = source
        if source.suffix == ".keras":
            archive = stack.enter_context(zipfile.ZipFile(source))
            file = stack.enter_context(archive.open("model.weights.h5"))
        yield stack.enter_context(h5py.File(file))


def _read_state(source: Path, known: _Known) -> dict[str, Array]:
    if known.form == checkpoints.KERAS:
        original = _original(known)
        with Worker("keras", keras_dtype(source)) as worker:
            return worker.ask("keras_impl.applications:read", source, *original)
    if known.form == GGUF_FORM:
        return GGUF.read(source).state(known.spec)
    if source.suffix == ".h5":
        return _read_hdf5(source)
    if source.suffix not in _TORCH:
        return weights.read(source)[0]
    with Worker("pytorch") as worker:
        return _built(worker, known).read_native(source)


def _read_hdf5(source: Path) -> dict[str, Array]:
    """Every tensor of a file that Keras wrote, by its path there."""
    found: dict[str, Array] = {}

    def visit(name: str, item: Any) -> None:
        if hasattr(item, "dtype"):
            found[name] = item[()]

    keras_dtype(source)
    with _hdf5(source) as file:
        file.visititems(visit)
    return found


def _built(worker: Worker, known: _Known) -> RemoteModel:
    """Build the model with values, since Keras reads into those that there are."""
    model = worker.build(known.spec, known.name)
    model.fill(0)
    return model


def _original(known: _Known) -> tuple[str, dict[str, Any]]:
    return checkpoints.original(catalog.family_of(known.spec), known.spec)


def _only(source: Path, dtypes: set[str]) -> str:
    if len(dtypes) == 1 and dtypes <= set(_DTYPES):
        return next(iter(dtypes))
    raise UsageError(
        f"{source} holds {', '.join(sorted(dtypes)) or 'nothing'}; "
        f"allowed: one of {', '.join(_DTYPES)}"
    )


def refuse_misfit(
    worker: Worker, model: RemoteModel, name: str, values: Mapping[str, Array]
) -> None:
    """A UsageError where the values do not fit the model called `name`: which ones, and
    the model of the catalog that they are of."""
    reasons = weights.misfits(model.entries(), values)
    if reasons:
        raise weights.misfit(reasons, _advice(worker, name, values))


def _advice(worker: Worker, name: str, values: Mapping[str, Array]) -> str:
    """The variants that fit; else which of the family is nearest."""
    shapes = {tensor: value.shape for tensor, value in values.items()}
    total = sum(value.size for k, value in values.items() if not _is_buffer(k))
    alike = [k for k, v in catalog.VARIANTS.items() if v.parameters == total]
    if fitting := [k for k in alike if not _apart(worker, k, shapes)]:
        return f"they fit {', '.join(fitting)}"
    family = catalog.FAMILIES[catalog.family_of(catalog.variant(name).spec)].VARIANTS
    apart = {k: _apart(worker, k, shapes) for k in family}
    nearest = min(apart, key=lambda k: apart[k])
    return (
        f"no model of the catalog fits; {nearest} is nearest, {apart[nearest]} differ"
    )


def _is_buffer(name: str) -> bool:
    return name.endswith(("running_mean", "running_var"))


def _apart(worker: Worker, name: str, shapes: dict[str, tuple[int, ...]]) -> int:
    """How many names or shapes a variant has otherwise; it is built without values."""
    model = worker.build(catalog.variant(name).spec, name)
    own = {tensor: entry.shape for tensor, entry in model.entries().items()}
    model.drop()
    return sum(own.get(tensor) != shapes.get(tensor) for tensor in own | shapes)


def _write(
    target: Path, to: str, known: _Known, values: Mapping[str, Array], dtype: str
) -> None:
    if to == GGUF_FORM:
        raise UsageError(f"{target}: a GGUF is read here, not written")
    framework = "keras" if to == checkpoints.KERAS else "pytorch"
    with Worker(to if to in NATIVE else framework, dtype) as worker:
        model = worker.build(known.spec, known.name)
        refuse_misfit(worker, model, known.name, values)
        if to == "canonical":
            weights.write(target, values, metadata(known.name, known.spec))
            return
        if to in PUBLIC:
            values = checkpoints.to_public(catalog.family_of(known.spec), to, values)
        if to == checkpoints.KERAS:
            write = "keras_impl.applications:write"
            worker.ask(write, target, *_original(known), values)
        elif to in PUBLIC and target.suffix == ".safetensors":
            weights.write(target, values, {})
        else:
            model.write_native(target, values)
