"""The recorder of Equinox models, which take one sample or a whole batch.

What is called within a `vmap` of the model's own is handed out beside its result.
"""

import contextlib
import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import equinox
import jax
import jax.numpy as jnp
from jax.extend.core import get_opaque_trace_state

from triptych.recorders.common import Tape, run
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

FRAMEWORK, LAST = "equinox", False
KIND = "equinox.Module, nor one with its State"
RATES = ("p", "dropout_rate", "rate")
BATCH = "batch"  # the axis that Equinox's own norms ask for


def is_model(value: Any) -> bool:
    """A module, or a pair of one and its state."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[0] if isinstance(value[1], equinox.nn.State) else None
    return isinstance(value, equinox.Module)


@contextlib.contextmanager
def held(model: Any, dtype: str, program: str, given: Any) -> Iterator[Any]:
    """Lends a person's model, of which a copy is recorded."""
    with widened(dtype):
        yield model


def environment() -> dict[str, Any]:
    return environment_of(equinox)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (path, module or array) by attribute, in the order of definition."""
    if isinstance(value, equinox.nn.StateIndex):
        return
    if isinstance(value, equinox.Module) or is_tensor(value):
        yield path, value
    if isinstance(value, equinox.Module):
        items = list(vars(value).items())
    elif isinstance(value, Mapping):
        items = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(i), v) for i, v in enumerate(value)]
    else:
        return
    for name, item in items:
        yield from walk(item, f"{path}.{name}" if path else name)


def modules_of(model: Any) -> dict[str, equinox.Module]:
    """The modules by path, each once."""
    found: dict[int, tuple[str, equinox.Module]] = {}
    for path, value in walk(model):
        if isinstance(value, equinox.Module):
            found.setdefault(id(value), (path, value))
    return dict(found.values())


def arrays_of(model: Any) -> dict[str, Any]:
    """The arrays of real numbers by name."""
    found = {p: v for p, v in walk(model) if not isinstance(v, equinox.Module)}
    return {p: v for p, v in found.items() if jnp.issubdtype(v.dtype, jnp.floating)}


def copied(value: Any, new: Mapping[str, Any], path: str = "") -> Any:
    """The same module with other arrays at these paths; nothing is shared."""
    if path in new:
        return new[path]

    def inner(name: str, item: Any) -> Any:
        return copied(item, new, f"{path}.{name}" if path else name)

    if isinstance(value, equinox.nn.StateIndex):
        return value
    if isinstance(value, equinox.Module):
        made = object.__new__(type(value))
        for name, item in vars(value).items():
            object.__setattr__(made, name, inner(name, item))
        return made
    if isinstance(value, dict):
        return {k: inner(str(k), v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(inner(str(i), v) for i, v in enumerate(value))
    return value


class Model:
    """A module in the precision that is asked for, without dropout."""

    def __init__(self, native: Any, dtype: str, program: str, given: Any):
        native, state = native if isinstance(native, tuple) else (native, None)
        self.state = jax.tree.map(functools.partial(_wide, dtype=dtype), state)
        wide = {k: v.astype(dtype) for k, v in arrays_of(native).items()}
        self.native, self.program = copied(native, wide), program
        self.rates: dict[str, float] = {}
        self.wanted: tuple[str, ...] = ()
        for path, module in modules_of(self.native).items():
            for name in RATES:
                value = vars(module).get(name)
                if isinstance(value, float) and 0 < value < 1:
                    rate = quiet(value, f"{path}:{name}", self.rates)
                    object.__setattr__(module, name, rate)
        self.alone = not self._takes_batches(given)

    def _takes_batches(self, given: Mapping[str, Any]) -> bool:
        """Whether the model itself takes what is given; else it takes one sample."""
        if self.state is not None:
            return False
        inputs = {k: jnp.asarray(v) for k, v in given.items()}
        args, kwargs = arguments_of(inputs)
        try:
            jax.eval_shape(lambda: self._entry(self.native)(*args, **kwargs))
        except (TypeError, ValueError, IndexError, AssertionError, RuntimeError):
            return False
        return True

    def _entry(self, model: Any) -> Any:
        return getattr(model, self.program) if self.program else model

    def modules(self) -> list[dict[str, Any]]:
        return tree_of(modules_of(self.native))

    def weights(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for name, value in arrays_of(self.native).items():
            yield slot_of(name, True, []), array(value)
        for name, (_, value) in self._statistics(self.state).items():
            yield slot_of(name, False, []), array(value)

    def _statistics(self, state: Any) -> dict[str, tuple[Any, Any]]:
        """The running means and variances of norms by name, with where they are."""
        found: dict[str, tuple[Any, Any]] = {}
        for path, module in modules_of(self.native).items():
            index = _index(module)
            if index is not None and state is not None:
                start = f"{path}." if path else ""
                for name, value in zip(STATISTICS, state.get(index), strict=True):
                    found[start + name] = module, value
        return found

    def load(self, values: Mapping[str, Any]) -> None:
        known, kept = arrays_of(self.native), self._statistics(self.state)
        for name in values:
            if name not in known and name not in kept:
                raise Refused(f"no array {name!r} in the model")
        own = {k: jnp.array(v) for k, v in values.items() if k in known}
        self.native = copied(self.native, own)
        self.state = self._with({k: jnp.array(v) for k, v in values.items()})

    def _with(self, values: Mapping[str, Any]) -> Any:
        """The state with other statistics; a state that is set is of no more use."""
        if self.state is None:
            return None
        state = jax.tree.map(lambda value: value, self.state)
        for name, (module, _) in self._statistics(self.state).items():
            start, _, what = name.rpartition("running_")
            if what != "mean" or name not in values:
                continue
            pair = tuple(values[start + one.rpartition(".")[2]] for one in STATISTICS)
            state = state.set(_index(module), pair)
            if getattr(module, "batch_counter", None) is None:
                state = state.set(module.ema_first_time_index, jnp.array(False))
            else:
                count = jnp.full_like(state.get(module.batch_counter), SETTLED)
                state = state.set(module.batch_counter, count)
        return state

    def calls(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls of one run, which computes nothing."""
        if not self.alone:
            return traced(self._calling(False), {}, given).calls
        native = equinox.nn.inference_mode(self.native)

        def call(trained: Any, inputs: Any, tape: Tape) -> Any:
            one = {k: v[0] for k, v in inputs.items()}
            result, _ = self._whole(native, self._with({}), one, tape)
            return picked(result, is_tensor, self.wanted), {}

        return traced(call, {}, given).calls

    def _calling(self, training: bool) -> Any:
        """The model as a function of what it trains, its inputs and a tape."""
        native = equinox.nn.inference_mode(self.native, value=not training)

        def call(trained: Any, inputs: Any, tape: Tape) -> Any:
            arrays = {k: v for k, v in trained.items() if k in arrays_of(native)}
            model = copied(native, arrays)
            state = self._with(trained)
            each = self._alone if self.alone else self._whole
            result, state = each(model, state, inputs, tape)
            fixed = {k: v for k, (_, v) in self._statistics(state).items()}
            return picked(result, is_tensor, self.wanted), fixed

        return call

    def _whole(self, model: Any, state: Any, inputs: Any, tape: Tape) -> Any:
        args, kwargs = arguments_of(inputs)
        extra = () if state is None else (state,)
        with recorded(model, tape):
            result = self._entry(model)(*args, *extra, **kwargs)
        return (result, None) if state is None else result

    def _alone(self, model: Any, state: Any, inputs: Any, tape: Tape) -> Any:
        """Each sample by itself; what its calls saw is handed out beside its result."""
        calls: list[dict[str, Any]] = []

        def sample(one: Any, swaps: Any, state: Any) -> Any:
            inner = Tape(is_tensor, forced=swaps)
            result, state = self._whole(model, state, one, inner)
            calls[:] = inner.calls
            seen = [(call["inputs"], call["outputs"]) for call in inner.calls]
            return (result, seen), state

        batched = jax.vmap(sample, (0, 0, None), (0, None), axis_name=BATCH)
        (result, seen), state = batched(inputs, dict(tape.forced), state)
        handed(tape, calls, seen)
        return result, state

    def run(
        self,
        given: Mapping[str, Any],
        training: bool,
        last: bool | None,
        forced: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Runs the model; with gradients unless `last` is None."""
        call = self._calling(training)
        return recorded_run(call, arrays_of(self.native), given, last, forced)

    def steps(self, given: Mapping[str, Any], plan: Plan, last: bool) -> list[Step]:
        """Trains a copy of the arrays by optax."""
        fixed = {k: v for k, (_, v) in self._statistics(self.state).items()}
        values = arrays_of(self.native), fixed
        return stepped(self._calling(True), values, given, plan, last)


STATISTICS = ("running_mean", "running_var")
SETTLED = 1 << 20  # a count at which a sum is the average


def _index(module: Any) -> Any:
    """Where a norm's statistics are, in either of its modes."""
    own = getattr(module, "ema_state_index", None)
    return getattr(module, "batch_state_index", None) if own is None else own


def _wide(value: Any, dtype: str) -> Any:
    real = is_tensor(value) and jnp.issubdtype(value.dtype, jnp.floating)
    return value.astype(dtype) if real else value


def handed(tape: Tape, calls: list[dict[str, Any]], seen: Any) -> None:
    """Puts the calls of a function that was mapped on the tape around it."""
    for call, (entered, left) in zip(calls, seen, strict=True):
        kept = {"inputs": entered, "outputs": left}
        held = {
            what: {path: tape.keep(v) for path, v in tensors.items()}
            for what, tensors in kept.items()
        }
        tape.calls.append({**call, **held})


class Rows(Mapping[str, Any]):
    """What is forced, as one of those that are mapped sees it."""

    def __init__(self, whole: Mapping[str, Any], number: Any):
        self.whole, self.number = whole, number

    def __getitem__(self, key: str) -> Any:
        return self.whole[key][self.number]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole)

    def __len__(self) -> int:
        return len(self.whole)


# The tapes of functions within one another, each with where it is traced.
Places = list[tuple[Tape, Any]]


@contextlib.contextmanager
def seen_in(vmap: Any, places: Places) -> Iterator[None]:
    """Has every `vmap` that a model asks for tell what is called in it."""

    def mapping(
        function: Any, in_axes: Any = 0, out_axes: Any = 0, **options: Any
    ) -> Any:
        name = options.setdefault("axis_name", None) or "rows"

        def mapped(*args: Any, **kwargs: Any) -> Any:
            tape, here = places[-1]
            if get_opaque_trace_state() != here:
                return vmap(function, in_axes, out_axes, **options)(*args, **kwargs)
            calls: list[dict[str, Any]] = []

            def one(*args: Any, **kwargs: Any) -> Any:
                row = jax.lax.axis_index(name)
                inner = Tape(is_tensor, forced=Rows(tape.forced, row))
                inner.numbers, inner.started = tape.numbers, tape.started
                places.append((inner, get_opaque_trace_state()))
                try:
                    result = function(*args, **kwargs)
                finally:
                    places.pop()
                tape.started = inner.started
                calls[:] = inner.calls
                return result, [(call["inputs"], call["outputs"]) for call in calls]

            named = {**options, "axis_name": name}
            result, seen = vmap(one, in_axes, (out_axes, 0), **named)(*args, **kwargs)
            handed(tape, calls, seen)
            return result

        return mapped

    jax.vmap = mapping
    try:
        yield
    finally:
        jax.vmap = vmap


@contextlib.contextmanager
def recorded(model: Any, tape: Tape) -> Iterator[None]:
    """Puts the tape around every module; Equinox has no hooks: types are patched."""
    modules = modules_of(model)
    paths = {id(module): path for path, module in modules.items()}
    kinds = {
        k for m in modules.values() for k in type(m).__mro__ if "__call__" in vars(k)
    }
    calls = {kind: vars(kind)["__call__"] for kind in kinds}
    running: set[int] = set()
    places: Places = [(tape, get_opaque_trace_state())]

    def recording(call: Any) -> Any:
        def wrapper(module: Any, *args: Any, **kwargs: Any) -> Any:
            own = call.__get__(module, type(module))
            tape, here = places[-1]
            known = id(module) in paths and id(module) not in running
            if not known or get_opaque_trace_state() != here:
                return own(*args, **kwargs)
            running.add(id(module))
            try:
                entry, args, kwargs = tape.enter(paths[id(module)], args, kwargs)
                return tape.leave(entry, own(*args, **kwargs))
            finally:
                running.discard(id(module))

        return wrapper

    for kind, call in calls.items():
        type.__setattr__(kind, "__call__", recording(call))
    try:
        with seen_in(jax.vmap, places):
            yield
    finally:
        for kind, call in calls.items():
            type.__setattr__(kind, "__call__", call)


def main() -> None:
    sys.exit(run(sys.modules[__name__]))
