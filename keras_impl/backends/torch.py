"""Keras's back end PyTorch: what keras_impl/backends/__init__.py tells of."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import torch
from keras import ops

from keras_impl.backends.base import Call, Found, Scalar, Update, Variables, first


def set_tf32(wanted: bool) -> None:
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    torch.backends.cudnn.allow_tf32 = wanted


def devices() -> list[str]:
    # Keras has no distribution here: it is where a new tensor lives.
    return [str(ops.zeros(()).device)]


def memory() -> int | None:
    if not torch.cuda.is_available():
        return None
    return torch.cuda.max_memory_allocated()


def finished(call: Call) -> Call:
    if not torch.cuda.is_available():
        return call

    def waited() -> Any:
        outputs = call()
        torch.cuda.synchronize()
        return outputs

    return waited


def on_cpu(weights: keras.Variable, form: Call, other: Call, *arrays: Any) -> Any:
    return other(*arrays)


def attend(written: Call, fused: Call, *arrays: Any) -> Any:
    q, _, _, *bias = arrays
    slow = q.dtype == torch.bfloat16 and q.device.type == "cpu"
    slow = slow or any(b.requires_grad for b in bias)
    return (written if slow else fused)(*arrays)


def compiles_lstm() -> bool:
    return True


def forward(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    whole: bool,
) -> tuple[Any, ...]:
    with torch.no_grad():
        return call(inputs)


def gradient(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    cotangents: Sequence[Any] | None,
) -> Found:
    reals = [x.requires_grad_() for x in inputs if x.is_floating_point()]
    outputs = call(inputs)
    cotangents = first(outputs) if cotangents is None else cotangents
    found = torch.autograd.grad(
        outputs,
        [*(v.value for v in trainable), *reals],
        [
            torch.as_tensor(c, dtype=o.dtype, device=o.device)
            for c, o in zip(cotangents, outputs, strict=True)
        ],
        allow_unused=True,
        materialize_grads=True,
    )
    return outputs, list(found[: len(trainable)]), list(found[len(trainable) :])


def slope(function: Scalar, x: Any) -> Any:
    x = x.detach().requires_grad_()
    (found,) = torch.autograd.grad(function(x), x, create_graph=True)
    return found


def is_known(x: Any) -> bool:
    return True


def compiled(function: Call) -> Call:
    return function


def graph(function: Call) -> Call:
    return function


def fuse_update(optimizer: keras.optimizers.Optimizer) -> None:
    pass


def update(
    optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]
) -> Update:
    return lambda gradients: optimizer.apply(gradients, variables)


def infer(run: Call, model: keras.Layer, inputs: list[Any], mode: str) -> Call:
    run = run if mode == "eager" else torch.compile(run)

    @torch.inference_mode()
    def call() -> Any:
        return run(*inputs)

    return call


def step(learner: keras.Model, batch: list[Any]) -> Call:
    learner.make_train_function(force=True)

    def call() -> Any:
        learner.train_function([tuple(batch)])
        return learner.last

    return call


def apply(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    gradients: list[Any],
    mode: str,
) -> Call:
    return lambda: optimizer.apply(gradients, variables)


def join() -> None:
    raise NotImplementedError


def strategy() -> Any:
    return None


def sharded(batches: Callable[[], Iterator[Any]]) -> Any:
    raise NotImplementedError


def total(values: list[Any]) -> list[Any]:
    raise NotImplementedError
