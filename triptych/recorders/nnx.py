"""The recorder of Flax NNX models."""

import contextlib
import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import flax
import jax.numpy as jnp
from flax import linen, nnx
from jax.extend.core import get_opaque_trace_state

from triptych.recorders.common import Tape, run
from triptych.recorders.intercepted import interceptor
from triptych.recorders.jaxed import (
    array,
    environment_of,
    is_tensor,
    prepare,
    recorded_run,
    release,
    seed,
    slot_of,
    stepped,
    traced,
    tree_of,
    widened,
)
from triptych.recorders.modules import quiet
from triptych.recorders.training import Plan, Step
from triptych.recorders.values import Refused, arguments_of, picked

__all__ = ["prepare", "release", "seed"]  # of JAX, as it is

FRAMEWORK, LAST, KIND = "nnx", True, "flax.nnx.Module"
RATES = ("rate", "dropout_rate", "drop_rate", "dropout", "drop_prob")


def is_model(value: Any) -> bool:
    return isinstance(value, nnx.Module)


def environment() -> dict[str, Any]:
    return environment_of(flax)


@contextlib.contextmanager
def held(model: nnx.Module, dtype: str, program: str, given: Any) -> Iterator[Any]:
    """Lends a copy of a person's model; JAX's precision is put back."""
    with widened(dtype):
        yield nnx.clone(model)


def value_of(variable: nnx.Variable) -> Any:
    has = hasattr(variable, "get_value")
    return variable.get_value() if has else variable.value


def assign(variable: nnx.Variable, value: Any) -> None:
    if hasattr(variable, "set_value"):
        variable.set_value(value)
    else:
        variable.value = value


def walk(value: Any, path: str = "", seen: Any = None) -> Iterator[tuple[str, Any]]:
    """Yields (path, module or variable) by attribute, in the order of definition."""
    seen = set() if seen is None else seen
    inner = isinstance(value, nnx.Module | nnx.Variable)
    if inner:
        yield path, value
    if id(value) in seen or isinstance(value, nnx.Variable):
        return
    seen.add(id(value))
    if isinstance(value, nnx.Module) or type(value).__name__ in ("List", "Dict"):
        items = [(k, v) for k, v in vars(value).items() if k[0] != "_"]
    elif isinstance(value, Mapping):
        items = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(i), v) for i, v in enumerate(value)]
    else:
        return
    for name, item in items:
        yield from walk(item, f"{path}.{name}" if path else name, seen)


def modules_of(model: nnx.Module) -> dict[str, nnx.Module]:
    """The modules by path, each once."""
    found: dict[int, tuple[str, nnx.Module]] = {}
    for path, value in walk(model):
        if isinstance(value, nnx.Module) and type(value).__name__ != "RngStream":
            found.setdefault(id(value), (path, value))
    return dict(found.values())


def slots_of(model: nnx.Module) -> dict[str, tuple[nnx.Variable, list[str]]]:
    """The variables of real numbers by name, and the other names of tied ones."""
    skipped = (nnx.RngState, nnx.Cache, nnx.Intermediate)
    found: dict[int, tuple[str, nnx.Variable, list[str]]] = {}
    for path, value in walk(model):
        if not isinstance(value, nnx.Variable) or isinstance(value, skipped):
            continue
        held = value_of(value)
        if not is_tensor(held) or not jnp.issubdtype(held.dtype, jnp.floating):
            continue
        if id(value) in found:
            found[id(value)][2].append(path)
        else:
            found[id(value)] = path, value, []
    return {path: (variable, also) for path, variable, also in found.values()}


class Model:
    """A module in the precision that is asked for, without dropout."""

    def __init__(self, native: Any, dtype: str, program: str, given: Any):
        self.native, self.program = native, program
        self.rates: dict[str, float] = {}
        self.bridged: dict[str, linen.Module] = {}
        self.wanted: tuple[str, ...] = ()
        for path, module in modules_of(native).items():
            for name in ("dtype", "param_dtype", "carry_dtype"):
                if vars(module).get(name) is not None:
                    self._widen(module, name, dtype)
            for name in RATES:
                value = vars(module).get(name)
                if isinstance(value, float) and 0 < value < 1:
                    setattr(module, name, quiet(value, f"{path}:{name}", self.rates))
        for variable, _ in slots_of(native).values():
            assign(variable, jnp.asarray(value_of(variable), dtype))

    def _widen(self, module: nnx.Module, name: str, dtype: str) -> None:
        """A layer that was told to compute in float32 computes as the others do."""
        with contextlib.suppress(TypeError):
            if jnp.dtype(vars(module)[name]) == jnp.float32:
                setattr(module, name, jnp.dtype(dtype).type)

    def modules(self) -> list[dict[str, Any]]:
        return tree_of({**modules_of(self.native), **self.bridged})

    def weights(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for name, (variable, also) in slots_of(self.native).items():
            trained = isinstance(variable, nnx.Param)
            yield slot_of(name, trained, also), array(value_of(variable))

    def load(self, values: Mapping[str, Any]) -> None:
        slots = slots_of(self.native)
        for name, value in values.items():
            if name not in slots:
                raise Refused(f"no variable {name!r} in the model")
            assign(slots[name][0], jnp.array(value))

    def calls(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls of one run, which computes nothing."""
        self.native.eval()
        call = functools.partial(self._call, nnx.split(self.native))
        return traced(call, {}, given).calls

    def _call(self, parts: Any, values: Any, inputs: Any, tape: Tape) -> Any:
        """Outputs by path and buffers, of a copy that is forgotten."""
        model = nnx.merge(*parts, copy=True)
        slots = slots_of(model)
        for name, value in values.items():
            assign(slots[name][0], value)
        args, kwargs = arguments_of(inputs)
        entry = getattr(model, self.program) if self.program else model
        with recorded(model, tape, self.bridged, self.rates):
            result = entry(*args, **kwargs)
        fixed = {
            name: value_of(variable)
            for name, (variable, _) in slots.items()
            if not isinstance(variable, nnx.Param)
        }
        return picked(result, is_tensor, self.wanted), fixed

    def run(
        self,
        given: Mapping[str, Any],
        training: bool,
        last: bool | None,
        forced: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Runs the model; with gradients unless `last` is None."""
        self.native.train() if training else self.native.eval()
        try:
            call = functools.partial(self._call, nnx.split(self.native))
            return recorded_run(call, self._values(nnx.Param), given, last, forced)
        finally:
            self.native.eval()

    def _values(self, kind: type, *, others: bool = False) -> dict[str, Any]:
        """The values of the variables of a kind, or of the others."""
        slots = slots_of(self.native).items()
        return {n: value_of(v) for n, (v, _) in slots if isinstance(v, kind) != others}

    def steps(self, given: Mapping[str, Any], plan: Plan, last: bool) -> list[Step]:
        """Trains a copy of the model by optax."""
        self.native.train()
        try:
            call = functools.partial(self._call, nnx.split(self.native))
            values = self._values(nnx.Param), self._values(nnx.Param, others=True)
            return stepped(call, values, given, plan, last)
        finally:
            self.native.eval()


@contextlib.contextmanager
def recorded(
    model: nnx.Module,
    tape: Tape,
    bridged: dict[str, linen.Module],
    rates: dict[str, float],
) -> Iterator[None]:
    """Puts the tape around every module; NNX has no hooks, so types are patched.

    bridged: is told the Linen modules inside bridges.
    """
    paths = {id(module): path for path, module in modules_of(model).items()}
    kinds = {type(m) for m in modules_of(model).values() if callable(m)}
    calls = {kind: kind.__call__ for kind in kinds}
    inherited = {kind for kind in kinds if "__call__" not in vars(kind)}
    running: set[int] = set()
    here = get_opaque_trace_state()

    def held_by(module: Any, path: str) -> Any:
        if not isinstance(module, nnx.bridge.ToNNX):
            return contextlib.nullcontext()
        return linen.intercept_methods(interceptor(tape, bridged, rates, path))

    def recording(call: Any) -> Any:
        def wrapper(module: Any, *args: Any, **kwargs: Any) -> Any:
            # In the call of a type it is derived from, or in a scan, whose values
            # cannot be handed out.
            known = id(module) in paths and id(module) not in running
            if not known or get_opaque_trace_state() != here:
                return call(module, *args, **kwargs)
            running.add(id(module))
            try:
                path = paths[id(module)]
                entry, args, kwargs = tape.enter(path, args, kwargs)
                with held_by(module, path):
                    return tape.leave(entry, call(module, *args, **kwargs))
            finally:
                running.discard(id(module))

        return wrapper

    for kind, call in calls.items():
        kind.__call__ = recording(call)
    try:
        yield
    finally:
        for kind, call in calls.items():
            if kind in inherited:
                del kind.__call__
            else:
                kind.__call__ = call


def main() -> None:
    sys.exit(run(sys.modules[__name__]))
