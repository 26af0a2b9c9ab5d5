"""What the recorders of JAX models share: one compiled call, with its gradients."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from triptych.recorders.common import Itself, Tape, module_of
from triptych.recorders.values import weights_of

# Of values, inputs and a tape: the outputs by path, and what is kept but not trained.
Call = Callable[[Any, Any, Tape], tuple[Any, Any]]


def is_tensor(value: Any) -> bool:
    return isinstance(value, jax.Array | np.ndarray) and not jnp.issubdtype(
        value.dtype, jax.dtypes.prng_key
    )


def array(value: Any) -> Any:
    return np.asarray(value)


def seed() -> None:
    """Does nothing: what JAX draws depends on the keys that it is given."""


def prepare(dtype: str) -> None:
    jax.config.update("jax_enable_x64", dtype == "float64")


@contextlib.contextmanager
def widened(dtype: str) -> Iterator[None]:
    """Sets JAX to a precision, and back to what it was."""
    usual = jax.config.jax_enable_x64
    try:
        prepare(dtype)
        yield
    finally:
        jax.config.update("jax_enable_x64", usual)


def environment_of(package: Any) -> dict[str, Any]:
    """The versions of JAX and of the package that models are written in."""
    own = {"jax": jax.__version__, package.__name__: package.__version__}
    return {**own, "device": str(jax.devices()[0])}


def tree_of(modules: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries of modules, whose paths tell which holds which."""
    return [
        module_of(path, module, [p for p in modules if p and _parent(p) == path != p])
        for path, module in modules.items()
    ]


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def slot_of(name: str, trained: bool, also: list[str]) -> dict[str, Any]:
    """The entry of a variable, which is said by its path."""
    module, _, leaf = name.rpartition(".")
    entry = {"name": name, "module": module, "leaf": leaf, "also": also}
    return {**entry, "trainable": trained}


def traced(call: Call, values: Any, given: Mapping[str, Any]) -> Tape:
    """The calls of one run, which computes nothing."""
    tape = Tape(is_tensor, Itself)
    jax.eval_shape(
        lambda inputs: call(values, inputs, tape)[0],
        {k: jnp.asarray(v) for k, v in given.items()},
    )
    return tape


def recorded_run(
    call: Call,
    trained: Mapping[str, Any],
    given: Mapping[str, Any],
    last: bool | None,
    forced: Mapping[str, Any],
) -> dict[str, Any]:
    """Outputs, calls and what is kept; with gradients unless `last` is None."""
    inputs = {k: jnp.asarray(v) for k, v in given.items()}
    floating = jnp.floating
    reals = {k: v for k, v in inputs.items() if jnp.issubdtype(v.dtype, floating)}
    order: list[dict[str, Any]] = []

    def function(wanted: Any, swaps: Any) -> Any:
        tape = Tape(is_tensor, forced=swaps)
        outputs, fixed = call(wanted["w"], {**inputs, **wanted["i"]}, tape)
        order[:] = tape.calls
        tensors = [(entry["inputs"], entry["outputs"]) for entry in tape.calls]
        return _total(outputs, last), (outputs, fixed, tensors)

    def step(wanted: Any, swaps: Any) -> Any:
        if last is None:
            return function(wanted, swaps)[1], {"w": {}, "i": {}}
        grads, rest = jax.grad(function, has_aux=True)(wanted, swaps)
        return rest, grads

    wanted = {"w": trained, "i": reals}
    swaps = {k: jnp.asarray(v) for k, v in forced.items()}
    try:
        found = jax.jit(step)(wanted, swaps)
    except jax.errors.ConcretizationTypeError:
        found = step(wanted, swaps)  # a model that looks at values
    (outputs, fixed, tensors), grads = jax.tree.map(array, found)
    calls = [
        {**entry, "inputs": entered, "outputs": left}
        for entry, (entered, left) in zip(order, tensors, strict=True)
    ]
    found = {"outputs": outputs, "calls": calls, "buffers": fixed}
    return found | {"gradients": grads["w"], "input_gradients": grads["i"]}


def _total(outputs: Mapping[str, Any], last: bool | None) -> Any:
    if last is None:
        return 0.0
    total = jnp.zeros(())
    for i, output in enumerate(outputs.values()):
        if jnp.issubdtype(output.dtype, jnp.floating):
            fixed = weights_of(i, output.shape, last)
            total += (output * jnp.asarray(fixed, output.dtype)).sum()
    return total
