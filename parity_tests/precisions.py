"""Which operations of a training step take what in bfloat16, as each framework itself
runs or compiles them; what shared/precision.py keeps in float32 must not.

`found` runs in a framework's own process: forward and losses, of every step of the
objective. torch's kernels of norms and sums take bfloat16 and compute in float32
(docs/differences.md, `bfloat16`): of a norm its parameters count.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

from parity_tests import training
from shared import contract
from shared.errors import UsageError
from shared.frameworks import PACKAGES
from shared.objectives.plan import Plan
from shared.specs.base import Spec

# By the frameworks' own names. A softmax and a norm that are written out show in these.
TORCH = frozenset(
    {
        "_softmax",
        "_log_softmax",
        "logsumexp",
        "exp",
        "log",
        "log1p",
        "rsqrt",
        "softplus",
        "var_mean",
        "var",
        "nll_loss_forward",
        "nll_loss2d_forward",
        "binary_cross_entropy_with_logits",
        "huber_loss",
        "mse_loss",
    }
)
TORCH_NORMS = frozenset(
    {
        "native_layer_norm",
        "native_batch_norm",
        "_native_batch_norm_legit",
        "_native_batch_norm_legit_no_training",
        "cudnn_batch_norm",
    }
)
JAX = frozenset(
    {
        "exp",
        "log",
        "log1p",
        "rsqrt",
        "reduce_sum",
        "cumsum",
        "reduce_window_sum",
    }
)
TENSORFLOW = frozenset(
    {
        "Softmax",
        "LogSoftmax",
        "Exp",
        "Log",
        "Log1p",
        "Rsqrt",
        "Softplus",
        "Sum",
        "Mean",
        "Cumsum",
        "SquaredDifference",
        "FusedBatchNormV3",
    }
)
TORCH_INSIDE = ("sum", "mean")
LOW = ("bfloat16", "float16")
Seen = set[tuple[str, str]]  # operation and dtype


def lowered(
    framework: str, ask: Callable[..., Any], spec: Spec, name: str
) -> list[str]:
    """The operations that take what they should not, as `jax: exp of bfloat16`."""
    package = PACKAGES[framework]
    seen = ask("parity_tests.precisions:found", package, spec, name)
    if not seen:
        raise UsageError(
            f"{framework}: no operation of {name} was seen; of Keras they are seen on "
            "TensorFlow alone"
        )
    return [f"{framework}: {kind} of {dtype}" for kind, dtype in seen if dtype in LOW]


def found(package: str, spec: Spec, name: str) -> list[tuple[str, str]]:
    """List what operations took in bfloat16, in forward and losses of every step."""
    plan = replace(training.plans(spec)["momentum"], precision="bfloat16")
    if getattr(plan.objective, "penalty", 0.0):  # which goes back, and that is not seen
        plan = replace(plan, objective=replace(plan.objective, penalty=0.0))  # type: ignore[call-arg]
    seen: Seen = set()
    steps = _steps(package, spec, name, plan)
    run = {"pytorch_impl": _torch, "keras_impl": _keras, "jax_impl": _jax}[package]
    for trainer, step, batch, drawn in steps:
        run(trainer, step, batch, drawn, seen)
    return sorted(seen)


def losses(
    package: str, spec: Spec, name: str, precision: Literal["float64", "bfloat16"]
) -> dict[str, float]:
    """Give the losses of a first batch, by step; nothing goes back, none is updated."""
    plan = replace(training.plans(spec)["momentum"], precision=precision)
    run = {
        "pytorch_impl": _torch_losses,
        "keras_impl": _keras_losses,
        "jax_impl": _jax_losses,
    }[package]
    told: dict[str, float] = {}
    for trainer, step, batch, drawn in _steps(package, spec, name, plan):
        here = {k: float(v) for k, v in run(trainer, step, batch, drawn).items()}
        told |= trainer.named(step, here)
    return told


def _steps(
    package: str, spec: Spec, name: str, plan: Plan
) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Every step of a first batch, from the same start, with the suite's own draws."""
    dtype = "float64" if plan.precision == "float64" else "float32"
    adapter = importlib.import_module(f"{package}.adapter").Adapter(dtype, 1)
    model = adapter.build(spec, name)
    model.fill(training.SEED)
    trainer = model.trainer(plan)
    (batch,) = training.batches(spec, 1)
    for update in trainer.updates:
        last = model.channels_last
        drawn = contract.drawn(
            update.step, len(batch), training.SEED, 0, channels_last=last
        )
        yield trainer, update.step, batch, drawn


def _torch_losses(trainer: Any, step: Any, batch: Any, drawn: Any) -> Any:
    trainer.native.train()
    trainer._draw(step, training.SEED, 0, None)
    return trainer.training_step(*trainer._tensors(batch), step, trainer._inputs(drawn))


def _keras_losses(trainer: Any, step: Any, batch: Any, drawn: Any) -> Any:
    ops, objectives = map(
        importlib.import_module, ("keras.ops", "keras_impl.objectives")
    )
    trainer._draw(training.SEED, 0, None, step)
    given, wanted = (
        tuple(map(ops.convert_to_tensor, part)) for part in trainer._arrays(batch)
    )
    if trainer.fits:
        outputs = trainer.learner(given, training=True)
        return {"loss": trainer.learner.compute_loss(None, wanted, outputs)}
    noise = tuple(map(ops.convert_to_tensor, trainer._real(drawn)))
    objective = trainer.plan.objective
    native = objectives.losses_of(objective, step)
    return native(objective, trainer.native, given, wanted, noise)


def _jax_losses(trainer: Any, step: Any, batch: Any, drawn: Any) -> Any:
    jax, kept = map(importlib.import_module, ("jax", "jax_impl.training"))
    number = jax.numpy.asarray(0)

    def draws(path: str) -> Any:
        return kept.StepDraws(training.SEED, trainer.label(step, path), number)

    trainer.draws = draws
    try:
        arguments = (
            trainer.state,
            *trainer._arrays(batch),
            trainer._inputs(drawn),
        )
        return jax.jit(_jax_step(trainer, step))(*arguments)
    finally:
        trainer.draws = None


def _jax_step(trainer: Any, step: Any) -> Callable[..., Any]:
    def losses(state: Any, given: Any, wanted: Any, noise: Any) -> Any:
        model = trainer._merge(trainer.graph, state.params, state.rest)
        return trainer.training_step(model, given, wanted, step, noise)

    return losses


def _torch(trainer: Any, step: Any, batch: Any, drawn: Any, seen: Seen) -> None:
    torch, dispatch = map(
        importlib.import_module, ("torch", "torch.utils._python_dispatch")
    )
    base: Any = dispatch.TorchDispatchMode

    class Recorder(base):
        def __torch_dispatch__(
            self, call: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = call.overloadpacket.__name__
            taken = args if name in TORCH else args[1:] if name in TORCH_NORMS else ()
            if name in TORCH_INSIDE:
                seen.add((name, "float32 inside"))
            for value in taken:
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    seen.add((name, str(value.dtype).removeprefix("torch.")))
            return call(*args, **(kwargs or {}))

    with Recorder():  # with gradients, which a penalty takes of its own
        _torch_losses(trainer, step, batch, drawn)


def _keras(trainer: Any, step: Any, batch: Any, drawn: Any, seen: Seen) -> None:
    callbacks = importlib.import_module("tensorflow.python.framework.op_callbacks")

    def record(kind: Any, inputs: Any, *_: Any, **__: Any) -> None:
        name = kind.decode() if isinstance(kind, bytes) else kind
        if name in TENSORFLOW:
            seen.update((name, x.dtype.name) for x in inputs if x.dtype.is_floating)

    callbacks.add_op_callback(record)
    try:
        _keras_losses(trainer, step, batch, drawn)
    finally:
        callbacks.remove_op_callback(record)


def _jax(trainer: Any, step: Any, batch: Any, drawn: Any, seen: Seen) -> None:
    traced = importlib.import_module("jax").make_jaxpr(_jax_step(trainer, step))(
        trainer.state, *trainer._arrays(batch), trainer._inputs(drawn)
    )
    for equation in _equations(traced.jaxpr):
        if equation.primitive.name in JAX:
            seen.update(
                (equation.primitive.name, str(x.aval.dtype))
                for x in equation.invars
                if str(getattr(x.aval, "dtype", "")).startswith(("float", "bfloat"))
            )


def _equations(jaxpr: Any) -> Iterator[Any]:
    """Yield the equations of a program and of those that it calls."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _equations(inner)
