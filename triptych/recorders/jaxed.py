"""What the recorders of JAX models share: one compiled call, with its gradients."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from triptych.recorders.common import Itself, Tape
from triptych.recorders.modules import module_of
from triptych.recorders.training import Plan, Step
from triptych.recorders.values import Refused, weights_of

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


def release() -> None:
    """Lets go of compiled programs."""
    jax.clear_caches()


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


# A run of updates


def stepped(
    call: Call,
    values: tuple[Mapping[str, Any], Mapping[str, Any]],
    given: Mapping[str, Any],
    plan: Plan,
    last: bool,
) -> list[Step]:
    """Updates by optax of what is trained; values: that, and what else is kept."""
    rule, apply = _optimizer(plan)
    inputs = {k: jnp.asarray(v) for k, v in given.items()}

    def loss_of(trained: Any, fixed: Any) -> Any:
        tape = Tape(is_tensor, lambda value: None)
        outputs, new = call({**fixed, **trained}, inputs, tape)
        return _squares(outputs, last), {k: new.get(k, v) for k, v in fixed.items()}

    def update(trained: Any, fixed: Any, state: Any) -> Any:
        differentiate = jax.value_and_grad(loss_of, has_aux=True)
        (loss, fixed), grads = differentiate(trained, fixed)
        changes, state = rule.update(grads, state, trained)
        return loss, apply(trained, changes), fixed, state

    trained, fixed = dict(values[0]), dict(values[1])
    state = rule.init(trained)
    run, found = jax.jit(update), []
    for _ in range(plan.steps):
        try:
            loss, trained, fixed, state = run(trained, fixed, state)
        except jax.errors.ConcretizationTypeError:
            run = update  # a model that looks at values
            loss, trained, fixed, state = run(trained, fixed, state)
        own, other = (jax.tree.map(array, tree) for tree in (trained, fixed))
        found.append(Step(float(loss), own, other, dict(_slots(state))))
    return found


SLOTS = {"mu": "first", "nu": "second", "trace": "first"}


def _slots(state: Any) -> Iterator[tuple[str, Any]]:
    """What optax keeps of each parameter."""
    for part in jax.tree.leaves(state, is_leaf=lambda value: hasattr(value, "_fields")):
        for field in getattr(part, "_fields", ()):
            if field in SLOTS:
                yield SLOTS[field], jax.tree.map(array, getattr(part, field))


def _optimizer(plan: Plan) -> Any:
    try:
        import optax
    except ModuleNotFoundError:
        raise Refused("a run of updates needs optax: pip install optax") from None
    own = plan.settings
    if plan.name == "sgd":
        momentum = own["momentum"] or None
        rule = optax.sgd(own["lr"], momentum, bool(own["nesterov"]))
    elif plan.name == "adam":
        rule = optax.adam(own["lr"], own["beta1"], own["beta2"], own["eps"])
    else:
        moments = own["beta1"], own["beta2"], own["eps"]
        rule = optax.adamw(own["lr"], *moments, weight_decay=own["weight_decay"])
    return rule, optax.apply_updates


def _squares(outputs: Mapping[str, Any], last: bool) -> Any:
    total = jnp.zeros(())
    for i, output in enumerate(outputs.values()):
        if jnp.issubdtype(output.dtype, jnp.floating):
            fixed = jnp.asarray(weights_of(i, output.shape, last), output.dtype)
            total += jnp.square(output - fixed).mean()
    return total
