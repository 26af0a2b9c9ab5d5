"""What a framework's own forms of the definitions take; runs in the worker, where it is
asked for by name (shared/running/server.py)."""

import contextlib
import dataclasses
import importlib
import inspect
from typing import Any
from unittest import mock

from shared.errors import UsageError
from shared.frameworks import PACKAGES
from shared.messages import Steps, Stream

# Around every bound there is, each with its neighbours.
REALS = (
    *(
        float("-inf"),
        -1.0,
        -5e-324,
        0.0,
        5e-324,
        1e-323,
        9e-13,
        1e-12,
        0.4,
        0.5,
        1 - 2**-53,
        1.0,
    ),
    *(1 + 2**-52, 1 + 2**-51, 1.5, 2.0, 2.5, 1e300, float("inf"), float("nan")),
)
WHOLES = (-1, 0, 1, 2, 3, 50, 10**6)


def unfused(stream: Stream) -> Steps:
    """Follow a stream in torch without its kernels for a whole update, which want
    contiguous tensors."""
    tensor = importlib.import_module("torch").Tensor
    definitions = importlib.import_module(f"{PACKAGES['pytorch']}.definitions")
    with mock.patch.object(tensor, "is_contiguous", return_value=False):
        found: Steps = definitions.optimize(stream)
    return found


def of_no_tensors(definition: Any) -> int:
    """How many leaves JAX's form makes of an empty tree, over init and update."""
    jax = importlib.import_module("jax")
    names = [field.name for field in dataclasses.fields(definition)]
    values = {name: getattr(definition, name) for name in names}
    made = make(PACKAGES["jax"], "optimizers", definition, values)
    state = made.init({})
    return len(jax.tree.leaves(made.update({}, state, {})[0]))


def defaults(package: str, part: str, definition: Any) -> dict[str, Any]:
    """What is taken where nothing is said, by the definition's names."""
    given = inspect.signature(_native(package, part, definition)).parameters
    names = {"lr" if name == "learning_rate" else name: name for name in given}
    return {
        field.name: given[names[field.name]].default
        for field in dataclasses.fields(definition)
        if field.default is not dataclasses.MISSING
    }


def differently(package: str, part: str, definition: Any) -> list[str]:
    """The values that one of both refuses and the other takes."""
    found = []
    for name, value in _candidates(definition):
        try:
            dataclasses.replace(definition, **{name: value})
            wanted = "taken"
        except UsageError:
            wanted = "refused"
        if (said := _said(package, part, definition, {name: value})) != wanted:
            found.append(f"{name} = {value!r} is {said}, by the definition {wanted}")
    return found


def loosely(package: str, part: str, definition: Any) -> list[str]:
    """List where native settings, a frozen dataclass, can be changed, or given
    unnamed."""
    names = [field.name for field in dataclasses.fields(definition)]
    values = {name: getattr(definition, name) for name in names}
    kind, found = _native(package, part, definition), []
    for name in names:
        others = {other: value for other, value in values.items() if other != name}
        with contextlib.suppress(TypeError):
            kind(values[name], **others)
            found.append(f"{name} is taken unnamed")
        with contextlib.suppress(dataclasses.FrozenInstanceError):
            setattr(kind(**values), name, values[name])
            found.append(f"{name} can be changed")
    return found


def _candidates(definition: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for field in dataclasses.fields(definition):
        value = getattr(definition, field.name)
        if field.name == "momentum" and getattr(definition, "nesterov", False):
            continue  # which the definition asks for together
        if isinstance(value, float):
            found += [(field.name, real) for real in REALS]
        elif isinstance(value, int) and not isinstance(value, bool):
            found += [(field.name, whole) for whole in WHOLES]
        elif isinstance(value, tuple):
            kinds = REALS if isinstance(value[0], float) else WHOLES
            found += [(field.name, (*value[:-1], one)) for one in kinds]
            found += [(field.name, (one, *value[1:])) for one in kinds]
    return found


def _said(package: str, part: str, definition: Any, changed: dict[str, Any]) -> str:
    fields = [field.name for field in dataclasses.fields(definition)]
    values = {name: getattr(definition, name) for name in fields}
    try:
        make(package, part, definition, {**values, **changed})
    except ValueError as error:
        return "refused" if "; allowed: " in str(error) else f"refused with {error}"
    return "taken"


def make(package: str, part: str, definition: Any, values: dict[str, Any]) -> Any:
    """The native form, by whatever else it wants."""
    native = _native(package, part, definition)
    wanted = inspect.signature(native).parameters
    more: dict[str, Any] = {}
    if "learning_rate" in wanted:
        values = {("learning_rate" if k == "lr" else k): v for k, v in values.items()}
    if {"parameters", "optimizer"} & set(wanted):
        torch = importlib.import_module("torch")
        one = [torch.nn.Parameter(torch.ones(2))]
        if "parameters" in wanted:
            more["parameters"] = one
        else:
            more["optimizer"] = torch.optim.SGD(one, lr=0.1)
    return native(**more, **values)


def _native(package: str, part: str, definition: Any) -> Any:
    module = importlib.import_module(f"{package}.{part}")
    if package == PACKAGES["jax"] and not hasattr(module, type(definition).__name__):
        adapter = importlib.import_module(f"{package}.definitions")
        return adapter.maker(module, definition)
    return getattr(module, type(definition).__name__)


# Callbacks (parity_tests/callbacks.py has them in NumPy)


def following_table(
    package: str, search: Any, arguments: tuple[Any, ...]
) -> tuple[Any, ...]:
    """A beam search with a model that knows the token before."""
    table, *rest = arguments
    if package == PACKAGES["keras"]:
        ops = importlib.import_module("keras").ops

        def score(sequences: Any, position: Any) -> Any:
            place = ops.maximum(position - 1, 0)
            before = ops.take(sequences, place, -1)
            return ops.take(ops.convert_to_tensor(table), before, 0)
    elif package == PACKAGES["jax"]:
        jnp = importlib.import_module("jax.numpy")

        def score(sequences: Any, position: Any) -> Any:
            place = jnp.maximum(position - 1, 0)
            return jnp.asarray(table)[jnp.take(sequences, place, -1)]
    else:
        torch = importlib.import_module("torch")

        def score(sequences: Any, position: Any) -> Any:
            return torch.tensor(table)[sequences[..., max(position - 1, 0)]]

    return _define(package, search, (score, *rest))


def adding_tokens(
    package: str, search: Any, arguments: tuple[Any, ...]
) -> tuple[Any, ...]:
    """A cached beam search with a model that keeps the sum of all tokens before."""
    table, *rest = arguments
    if package == PACKAGES["keras"]:
        ops = importlib.import_module("keras").ops

        def score(last: Any, position: Any, sums: Any) -> Any:
            sums = sums + ops.cast(ops.reshape(last, (-1, 1)), sums.dtype)
            before = ops.reshape(sums % len(table), ops.shape(last))
            return ops.take(ops.convert_to_tensor(table), before, 0), sums
    elif package == PACKAGES["jax"]:
        jnp = importlib.import_module("jax.numpy")

        def score(last: Any, position: Any, sums: Any) -> Any:
            sums = sums + last.reshape(-1, 1)
            return jnp.asarray(table)[(sums % len(table)).reshape(last.shape)], sums
    else:
        torch = importlib.import_module("torch")

        def score(last: Any, position: Any, sums: Any) -> Any:
            sums = sums + last.reshape(-1, 1)
            return torch.tensor(table)[(sums % len(table)).reshape(last.shape)], sums

    return _define(package, search, (score, *rest))


def scaling(package: str, sample: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """A sampler with a model that sees noise in a share of x, by the time."""
    scales, *rest = arguments
    if package == PACKAGES["keras"]:
        ops = importlib.import_module("keras").ops

        def predict(x: Any, t: Any) -> Any:
            return ops.take(ops.convert_to_tensor(scales), t)[:, None] * x
    elif package == PACKAGES["jax"]:
        jnp = importlib.import_module("jax.numpy")

        def predict(x: Any, t: Any) -> Any:
            return jnp.asarray(scales)[t][:, None] * x
    else:
        torch = importlib.import_module("torch")

        def predict(x: Any, t: Any) -> Any:
            return torch.tensor(scales)[t][:, None] * x

    return _define(package, sample, (predict, *rest))


def _define(package: str, definition: Any, arguments: tuple[Any, ...]) -> Any:
    return importlib.import_module(f"{package}.definitions").define(
        definition, arguments
    )
