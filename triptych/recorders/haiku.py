"""The recorder of Haiku models."""

import contextlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import haiku
import jax
import jax.numpy as jnp

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

FRAMEWORK, LAST = "haiku", True
KIND = "haiku.transform or haiku.transform_with_state, nor one with its parameters"
TRANSFORMED = (haiku.Transformed, haiku.TransformedWithState)
SWITCHES = ("is_training", "train", "training")
# A moving average is kept three times: as it is read, as it is summed, and its count.
AVERAGE, SUM, COUNT = "average", "hidden", "counter"
SETTLED = 1 << 20  # a count at which the sum is the average
ROLES = {"mean_ema": "mean", "var_ema": "var"}


def is_model(value: Any) -> bool:
    """What was transformed, or that with its parameters, and its state."""
    if isinstance(value, tuple) and not isinstance(value, TRANSFORMED) and value:
        value = value[0]
    return isinstance(value, TRANSFORMED)


@contextlib.contextmanager
def held(model: Any, dtype: str, program: str, given: Any) -> Iterator[Any]:
    """Lends a person's model, of which recording changes nothing."""
    with widened(dtype):
        yield model


def environment() -> dict[str, Any]:
    return environment_of(haiku)


def path_of(name: str) -> str:
    """`net/~/linear` as `net.linear`."""
    return ".".join(part for part in name.split("/") if part != "~")


class Model:
    """A transformed function and its values, without dropout."""

    def __init__(self, native: Any, dtype: str, program: str, given: Any):
        if program:
            raise Refused("a function that Haiku transformed has no methods")
        parts = (native,) if isinstance(native, TRANSFORMED) else tuple(native)
        pure, *values = parts
        self.stateful = isinstance(pure, haiku.TransformedWithState)
        self.function = getattr(pure.apply, "_original_fn", pure.apply)
        self.pure = pure if self.stateful else haiku.with_empty_state(pure)
        self.wanted: tuple[str, ...] = ()
        self.rates: dict[str, float] = {}
        self.known: dict[str, Any] = {}
        if not values:
            args, kwargs = arguments_of({k: jnp.asarray(v) for k, v in given.items()})
            with self._quiet():
                values = self.pure.init(
                    jax.random.key(0), *args, **kwargs, **self._switch(True)
                )
        trees = {"params": values[0], "state": values[1] if len(values) > 1 else {}}
        # Of a value the collection, the module's own name, and its name there.
        self.places: dict[str, tuple[str, str, str]] = {}
        self.values: dict[str, Any] = {}
        for collection, tree in trees.items():
            for module, leaves in tree.items():
                for leaf, value in leaves.items():
                    name = f"{path_of(module)}.{leaf}"
                    real = jnp.issubdtype(value.dtype, jnp.floating)
                    self.places[name] = collection, module, leaf
                    self.values[name] = jnp.asarray(value, dtype) if real else value

    def _switch(self, training: bool) -> dict[str, bool]:
        names = inspect.signature(self.function).parameters
        return {name: training for name in SWITCHES if name in names}

    def _trained(self) -> dict[str, Any]:
        return {k: v for k, v in self.values.items() if self.places[k][0] == "params"}

    def modules(self) -> list[dict[str, Any]]:
        return tree_of(self.known)

    def weights(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for name, value in self.values.items():
            collection, _, leaf = self.places[name]
            if collection == "params":
                yield slot_of(name, True, []), array(value)
            elif leaf == AVERAGE:
                yield self._average(name), array(value)

    def _average(self, name: str) -> dict[str, Any]:
        """A statistic belongs to the norm that keeps its average."""
        norm, _, kept = name.rpartition(".")[0].rpartition(".")
        entry = slot_of(name, False, [])
        return {**entry, "module": norm, "leaf": ROLES.get(kept, kept)}

    def load(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name not in self.values:
                raise Refused(f"no value {name!r} in the model")
            self.values[name] = jnp.array(value)
            start = name.removesuffix(AVERAGE)
            if self.places[name][2] == AVERAGE and start + SUM in self.values:
                self.values[start + SUM] = jnp.array(value)
                count = self.values[start + COUNT]
                self.values[start + COUNT] = jnp.full_like(count, SETTLED)

    def calls(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls of one run, which computes nothing."""
        return traced(self._calling(False), self._trained(), given).calls

    def _calling(self, training: bool) -> Any:
        """The model as a function of what it trains, its inputs and a tape."""

        def call(trained: Any, inputs: Any, tape: Tape) -> Any:
            trees: dict[str, dict[str, dict[str, Any]]] = {"params": {}, "state": {}}
            for name, value in {**self.values, **trained}.items():
                collection, module, leaf = self.places[name]
                trees[collection].setdefault(module, {})[leaf] = value
            args, kwargs = arguments_of(inputs)
            kwargs |= self._switch(training)
            with self._quiet(), haiku.intercept_methods(self._interceptor(tape)):
                result, state = self.pure.apply(
                    trees["params"], trees["state"], jax.random.key(0), *args, **kwargs
                )
            fixed = {
                f"{path_of(module)}.{leaf}": value
                for module, leaves in state.items()
                for leaf, value in leaves.items()
            }
            return picked(result, is_tensor, self.wanted), fixed

        return call

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        """Dropout is a function in Haiku; its rates are told in their order."""
        drop, self.rates = haiku.dropout, {}

        def kept(rng: Any, rate: Any, x: Any, *rest: Any, **more: Any) -> Any:
            if isinstance(rate, float) and 0 < rate < 1:
                quiet(rate, f":{len(self.rates)}", self.rates)
            return x

        haiku.dropout = kept
        try:
            yield
        finally:
            haiku.dropout = drop

    def _interceptor(self, tape: Tape) -> Any:
        def intercept(function: Any, args: Any, kwargs: Any, context: Any) -> Any:
            if context.method_name != "__call__":
                return function(*args, **kwargs)
            path = path_of(context.module.module_name)
            if path.rpartition(".")[2] in ROLES:
                return function(*args, **kwargs)
            self.known[path] = context.module
            entry, args, kwargs = tape.enter(path, args, kwargs)
            return tape.leave(entry, function(*args, **kwargs))

        return intercept

    def run(
        self,
        given: Mapping[str, Any],
        training: bool,
        last: bool | None,
        forced: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Runs the model; with gradients unless `last` is None."""
        call = self._calling(training)
        return recorded_run(call, self._trained(), given, last, forced)

    def steps(self, given: Mapping[str, Any], plan: Plan, last: bool) -> list[Step]:
        """Trains a copy of the values by optax."""
        trained = self._trained()
        fixed = {k: v for k, v in self.values.items() if k not in trained}
        return stepped(self._calling(True), (trained, fixed), given, plan, last)


def main() -> None:
    sys.exit(run(sys.modules[__name__]))
