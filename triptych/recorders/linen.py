"""The recorder of Flax Linen models."""

import contextlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
from flax import linen

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
from triptych.recorders.training import Plan, Step
from triptych.recorders.values import Refused, arguments_of, picked

__all__ = ["prepare", "release", "seed"]  # of JAX, as it is

FRAMEWORK, LAST = "linen", True
KIND = "flax.linen.Module, nor one with its variables"
# What a model's own call names the switch between training and evaluation.
ON, OFF = ("train", "training", "is_training"), ("deterministic", "eval", "inference")
SKIPPED = ("intermediates", "cache")


def is_model(value: Any) -> bool:
    """A module, or a pair of one and its variables."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[0]
    return isinstance(value, linen.Module)


@contextlib.contextmanager
def held(model: Any, dtype: str, program: str, given: Any) -> Iterator[Any]:
    """Lends a person's model, of which recording changes nothing."""
    with widened(dtype):
        yield model


def environment() -> dict[str, Any]:
    return environment_of(flax)


def flat(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from flat(value, f"{path}.{name}" if path else name)
    else:
        yield path, tree


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return found


class Model:
    """A module and its variables, in the precision asked for, without dropout."""

    def __init__(self, native: Any, dtype: str, program: str, given: Any):
        self.native, variables = native if isinstance(native, tuple) else (native, None)
        self.program, self.wanted = program, ()
        self.rates: dict[str, float] = {}
        self.known: dict[str, linen.Module] = {}
        inputs = {k: jnp.asarray(v) for k, v in given.items()}
        if variables is None:
            args, kwargs = arguments_of(inputs)
            key = jax.random.key(0)
            options = {"method": program} if program else self._switch(False)
            keys = {"params": key, "dropout": key}
            variables = self.native.init(keys, *args, **kwargs, **options)
        self.places: dict[str, str] = {}  # a name's collection
        self.values: dict[str, Any] = {}
        for collection, tree in variables.items():
            for path, value in flat(tree):
                real = is_tensor(value) and jnp.issubdtype(value.dtype, jnp.floating)
                self.places[path] = collection
                self.values[path] = jnp.asarray(value, dtype) if real else value

    def _switch(self, training: bool) -> dict[str, bool]:
        names = inspect.signature(type(self.native).__call__).parameters
        found = {name: training for name in ON if name in names}
        return found | {name: not training for name in OFF if name in names}

    def _trained(self) -> dict[str, Any]:
        return {k: v for k, v in self.values.items() if self.places[k] == "params"}

    def modules(self) -> list[dict[str, Any]]:
        return tree_of(self.known)

    def weights(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for name, value in self.values.items():
            if self.places[name] in SKIPPED or not jnp.issubdtype(
                value.dtype, jnp.floating
            ):
                continue
            yield slot_of(name, self.places[name] == "params", []), array(value)

    def load(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name not in self.values:
                raise Refused(f"no variable {name!r} in the model")
            self.values[name] = jnp.array(value)

    def calls(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls of one run, which computes nothing."""
        tape = traced(self._calling(False), self._trained(), given)
        return tape.calls

    def _calling(self, training: bool) -> Any:
        """The model as a function of what it trains, its inputs and a tape."""

        def call(trained: Any, inputs: Any, tape: Tape) -> Any:
            collections: dict[str, dict[str, Any]] = {}
            for name, value in {**self.values, **trained}.items():
                collections.setdefault(self.places[name], {})[name] = value
            variables = {k: nested(v) for k, v in collections.items()}
            args, kwargs = arguments_of(inputs)
            options = {"method": self.program} if self.program else {}
            seen = interceptor(tape, self.known, self.rates, None)
            with linen.intercept_methods(seen):
                result, changed = self.native.apply(
                    variables,
                    *args,
                    **kwargs,
                    **options or self._switch(training),
                    rngs={"dropout": jax.random.key(0)},
                    mutable=[k for k in collections if k != "params"],
                )
            fixed = {p: v for tree in changed.values() for p, v in flat(tree)}
            return picked(result, is_tensor, self.wanted), fixed

        return call

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
        """Trains a copy of the variables by optax."""
        trained = self._trained()
        fixed = {
            name: value
            for name, value in self.values.items()
            if name not in trained and self.places[name] not in SKIPPED
        }
        return stepped(self._calling(True), (trained, fixed), given, plan, last)


def main() -> None:
    sys.exit(run(sys.modules[__name__]))
