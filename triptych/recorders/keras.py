"""The recorder of Keras models, on each of its back ends."""

import contextlib
import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import keras
from keras import ops
from keras.src.backend.common import dtypes
from keras.src.backend.common.stateless_scope import in_stateless_scope

from triptych.recorders.backends import (
    Call,
    array,
    gradients,
    is_jax,
    is_tensor,
    optimizer_of,
    squares_of,
    the_jax,
    total_of,
)
from triptych.recorders.common import Itself, Tape, run
from triptych.recorders.modules import module_of, quiet, settings_of
from triptych.recorders.training import Plan, Step
from triptych.recorders.values import (
    Refused,
    arguments_of,
    leaves,
    picked,
    swapped,
)

FRAMEWORK, LAST, KIND = "keras", True, "keras.Layer or keras.Model"
RATES = ("rate", "dropout", "recurrent_dropout", "_dropout", "drop_prob", "drop_rate")
# Where Keras and TensorFlow keep what is an attribute, too.
HIDDEN = ("_layers", "_functional", "_operations", "_tracker", "_obj_reference_counts")
# Where Keras itself draws what a seed generator's state decides.
STATES = "seed_generator_state"


def seed() -> None:
    keras.utils.set_random_seed(0)


def prepare(dtype: str) -> None:
    keras.config.set_floatx(dtype)
    if is_jax():
        the_jax().config.update("jax_enable_x64", dtype == "float64")
    if dtype == "float64":
        # Elsewhere than on TensorFlow means of float64 would be taken in float32.
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def release() -> None:
    """Lets go of Keras's graphs; JAX's programs are of models that are gone."""
    keras.utils.clear_session()
    if is_jax():
        the_jax().clear_caches()


@contextlib.contextmanager
def held(
    layer: keras.Layer, dtype: str, program: str, given: Mapping[str, Any]
) -> Iterator[keras.Layer]:
    """Lends a person's layer in a precision, and puts back what is changed for it."""
    if not layer.built:
        called(layer, program, given)
    usual, wide = keras.config.floatx(), dtypes.BIT64_TO_BIT32_DTYPE.get("float64")
    wide_jax = is_jax() and the_jax().config.jax_enable_x64
    saved: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        saved.append((owner, name, vars(owner)[name]))
        vars(owner)[name] = value

    try:
        prepare(dtype)
        for inner in _all_of(layer):
            put(inner, "_dtype_policy", keras.DTypePolicy(dtype))
            for name in RATES:
                if name in vars(inner):
                    put(inner, name, vars(inner)[name])
            for tensor in getattr(inner, "_inputs", ()):
                put(tensor, "_dtype", _widened(tensor.dtype, dtype))
        variables = [v for inner in _all_of(layer) for v in inner.variables]
        for variable in {id(v): v for v in variables}.values():
            value = ops.convert_to_numpy(variable.value)
            put(variable, "_dtype", _widened(variable.dtype, dtype))
            put(variable, "_value", None)
            variable._initialize(value.astype(variable._dtype))
        yield layer
    finally:
        for owner, name, value in reversed(saved):
            vars(owner)[name] = value
        keras.config.set_floatx(usual)
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = wide
        if is_jax():
            the_jax().config.update("jax_enable_x64", wide_jax)


def _widened(own: str, dtype: str) -> str:
    return dtype if "float" in own else own


def _all_of(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yields every layer, and the graph that a Sequential makes of its own."""
    for _, inner in walk(layer):
        yield inner
        if graph := vars(inner).get("_functional"):
            yield graph


def is_model(value: Any) -> bool:
    return isinstance(value, keras.Layer)


def environment() -> dict[str, Any]:
    backend = keras.backend.backend()
    version = __import__(backend).__version__
    return {"keras": keras.__version__, backend: version, "device": "cpu"}


def _known(value: Any) -> bool:
    """Whether a tensor has values, and is not one that is traced."""
    if not ops.is_tensor(value):
        return False
    traced = is_jax() and isinstance(value, the_jax().core.Tracer)
    return not traced if is_jax() else hasattr(value, "numpy")


def children(layer: keras.Layer) -> dict[str, keras.Layer]:
    """The layers that a layer holds, by attribute, else by their own name."""
    found: dict[str, keras.Layer] = {}
    named = isinstance(layer, keras.Sequential | _functional())
    for own in getattr(layer, "layers", ()) if named else ():
        found[own.name] = own
    for name, value in list(vars(layer).items()):
        if name in HIDDEN or name.startswith("_self_"):
            continue
        for path, own in _held(name.lstrip("_"), value):
            if own not in found.values() and own is not layer:
                found[path] = own
    for own in layer._layers:
        if own not in found.values() and own is not layer:
            found[own.name] = own
    return found


def _functional() -> type:
    from keras.src.models import Functional

    return Functional


def _held(name: str, value: Any) -> Iterator[tuple[str, keras.Layer]]:
    if isinstance(value, keras.Layer):
        yield name, value
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _held(f"{name}.{i}", item)
    elif isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        for key, item in value.items():
            yield from _held(f"{name}.{key}", item)


def walk(layer: keras.Layer, path: str = "", seen: Any = None) -> Iterator[Any]:
    """Yields (path, layer), each layer once, parents first."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield path, layer
    for name, own in children(layer).items():
        yield from walk(own, f"{path}.{name}" if path else name, seen)


def called(layer: keras.Layer, program: str, given: Mapping[str, Any]) -> None:
    """Calls a layer once, which makes its weights."""
    args, kwargs = _arguments(layer, given)
    (getattr(layer, program) if program else layer)(*args, **kwargs)


def _arguments(
    layer: keras.Layer, given: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    made = {k: ops.convert_to_tensor(v, v.dtype.name) for k, v in given.items()}
    args, kwargs = arguments_of(made)
    if len(args) > 1 and isinstance(layer, _functional()):
        return [args], kwargs
    if isinstance(layer, _functional()) and not args:
        return [kwargs], {}
    return args, kwargs


class Model:
    """A layer whose weights its first call makes, without dropout."""

    def __init__(self, native: Any, dtype: str, program: str, given: Any):
        self.native, self.program, self.dtype = native, program, dtype
        self.rates: dict[str, float] = {}
        self.wanted: tuple[str, ...] = ()
        called(native, program, given)
        self.paths = {id(layer): path for path, layer in walk(native)}
        self.layers = dict(walk(native))
        for path, layer in self.layers.items():
            for name in RATES:
                value = vars(layer).get(name)
                if isinstance(value, float) and 0 < value < 1:
                    setattr(layer, name, quiet(value, f"{path}:{name}", self.rates))

    def modules(self) -> list[dict[str, Any]]:
        found = []
        for path, layer in self.layers.items():
            inner = [f"{path}.{n}" if path else n for n in children(layer)]
            found.append(module_of(path, layer, inner, self._settings(layer)))
        return found

    def _settings(self, layer: keras.Layer) -> dict[str, Any]:
        found = settings_of(vars(layer))
        with contextlib.suppress(Exception):
            found |= settings_of(layer.get_config())
        for name, value in vars(layer).items():
            if name.endswith("activation") and callable(value):
                found[name] = getattr(value, "__name__", str(value))
        return {k: v for k, v in found.items() if "initializer" not in k}

    def _slots(self) -> dict[str, tuple[str, str, Any]]:
        found: dict[str, tuple[str, str, Any]] = {}
        seen: set[int] = set()
        for path, layer in self.layers.items():
            for variable in layer._trainable_variables + layer._non_trainable_variables:
                real = "float" in str(variable.dtype)
                if id(variable) in seen or not real or STATES in variable.name:
                    continue
                seen.add(id(variable))
                leaf = base = self._leaf(layer, variable)
                number = 1
                while (name := f"{path}.{leaf}" if path else leaf) in found:
                    leaf, number = f"{base}_{number}", number + 1
                found[name] = path, leaf, variable
        return found

    def _leaf(self, layer: keras.Layer, variable: Any) -> str:
        held = [k for k, v in vars(layer).items() if v is variable]
        return held[0].lstrip("_") if held else variable.name

    def weights(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for name, (path, leaf, variable) in self._slots().items():
            entry = {"name": name, "module": path, "leaf": leaf, "also": []}
            yield entry | {"trainable": variable.trainable}, array(variable.value)

    def load(self, values: Mapping[str, Any]) -> None:
        slots = self._slots()
        for name, value in values.items():
            if name not in slots:
                raise Refused(f"no variable {name!r} in the model")
            slots[name][2].assign(value)

    def calls(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls of one run, with the tensors themselves."""
        tape = Tape(_known, Itself)
        with recorded(self.paths, tape):
            self._run(given, False, None)
        return tape.calls

    def run(
        self,
        given: Mapping[str, Any],
        training: bool,
        last: bool | None,
        forced: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Runs the model; with gradients unless `last` is None."""
        slots = self._slots()
        fixed = {k: s[2] for k, s in slots.items() if not s[2].trainable}
        own = {k: array(v.value) for k, v in fixed.items()}
        swaps = {k: ops.convert_to_tensor(v, v.dtype.name) for k, v in forced.items()}
        tape = Tape(_known, array, swaps)
        try:
            with recorded(self.paths, tape):
                found = self._run(given, training, last)
            after = {k: array(v.value) for k, v in fixed.items()}
        finally:
            for name, variable in fixed.items():
                variable.assign(own[name])
        return {**found, "calls": tape.calls, "buffers": after}

    def _run(self, given: Any, training: bool, last: bool | None) -> dict[str, Any]:
        args, kwargs = _arguments(self.native, given)
        call = self._calling(args, kwargs, training)
        if last is None:
            outputs = call({})
            weights: dict[str, Any] = {}
            inputs: dict[str, Any] = {}
        else:
            slots = self._slots().items()
            trained = {k: s[2] for k, s in slots if s[2].trainable}
            reals = _reals(args, kwargs)
            total = functools.partial(total_of, last=last)
            outputs, grads = gradients(call, trained, reals, total)
            weights = {k: grads[f"w{k}"] for k in trained}
            inputs = {k: grads[f"i{k}"] for k in reals}
        return {
            "outputs": {k: array(o) for k, o in outputs.items()},
            "gradients": weights,
            "input_gradients": inputs,
        }

    def _calling(self, args: Any, kwargs: Any, training: bool) -> Call:
        """The outputs as a function of inputs that stand in the place of others."""

        def call(new: Mapping[str, Any]) -> dict[str, Any]:
            ours, named = _placed(args, kwargs, new)
            if self.program:
                result = getattr(self.native, self.program)(*ours, **named)
            else:
                result = self.native(*ours, training=training, **named)
            found: dict[str, Any] = picked(result, is_tensor, self.wanted)
            return found

        return call

    def steps(self, given: Mapping[str, Any], plan: Plan, last: bool) -> list[Step]:
        """Trains the model by its framework's optimizer, and puts back what it was."""
        every = [v for layer in self.layers.values() for v in layer.variables]
        own = {id(v): (v, ops.convert_to_numpy(v.value)) for v in every}
        slots = self._slots()
        trained = {k: s[2] for k, s in slots.items() if s[2].trainable}
        rule, kept = optimizer_of(plan)
        names = list(trained)
        rule.build(list(trained.values()))
        call = self._calling(*_arguments(self.native, given), True)
        total = functools.partial(squares_of, last=last)
        found = []
        try:
            for _ in range(plan.steps):
                outputs, grads = gradients(call, trained, {}, total)
                changes = [grads[f"w{k}"] for k in trained]
                rule.apply([ops.convert_to_tensor(g, g.dtype.name) for g in changes])
                now = {k: array(s[2].value) for k, s in slots.items()}
                state = {
                    slot: {
                        name: turn(array(v.value))
                        for name, v in zip(names, getattr(rule, at), strict=True)
                    }
                    for slot, (at, turn) in kept.items()
                }
                own_now = {k: now.pop(k) for k in trained}
                loss = float(array(total(outputs)))
                found.append(Step(loss, own_now, now, state))
        finally:
            for variable, value in own.values():
                variable.assign(value)
        return found


def _is_nest(args: list[Any]) -> bool:
    return len(args) == 1 and isinstance(args[0], list | dict)


def _reals(args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    whole = args[0] if _is_nest(args) else {**dict(_numbered(args)), **kwargs}
    found = leaves(whole, is_tensor)
    return {k: v for k, v in found if "float" in str(v.dtype)}


def _numbered(args: list[Any]) -> Iterator[tuple[str, Any]]:
    yield from ((str(i), value) for i, value in enumerate(args))


def _placed(
    args: list[Any], kwargs: dict[str, Any], new: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments with other tensors at the paths that `_reals` gives."""
    if not new:
        return args, kwargs
    if _is_nest(args):
        return [swapped(args[0], new)], kwargs
    ours = [swapped(value, new, name) for name, value in _numbered(args)]
    return ours, {name: swapped(value, new, name) for name, value in kwargs.items()}


@contextlib.contextmanager
def recorded(paths: Mapping[int, str], tape: Tape) -> Iterator[None]:
    """Puts the tape around every layer; Keras has no hooks: __call__ is patched."""
    call = keras.Layer.__call__

    @functools.wraps(call)
    def recording(layer: Any, *args: Any, **kwargs: Any) -> Any:
        path = paths.get(id(layer))
        if path is None or (is_jax() and in_stateless_scope()):
            return call(layer, *args, **kwargs)
        entry, args, kwargs = tape.enter(path, args, kwargs)
        return tape.leave(entry, call(layer, *args, **kwargs))

    keras.Layer.__call__ = recording
    try:
        yield
    finally:
        keras.Layer.__call__ = call


def main() -> None:
    sys.exit(run(sys.modules[__name__]))
