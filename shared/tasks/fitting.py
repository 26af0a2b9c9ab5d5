"""Do samples fit a model? Told here, before a framework fails over them in its way."""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Part, Ragged, Samples
from shared.definitions.losses import CrossEntropy
from shared.errors import UsageError
from shared.objectives.base import Objective
from shared.objectives.supervised import Supervised
from shared.specs.base import Spec
from shared.tensors import ANY, Tensor


def refuse_misfit(
    where: str, spec: Spec, objective: Objective, samples: Samples
) -> None:
    """A UsageError that names the array, the value and where it stands."""
    if not len(samples):
        raise UsageError(f"{where} has no sample")
    given = [tensor for tensor in spec.inputs() if not tensor.drawn]
    if len(given) != len(samples.inputs):
        names = ", ".join(tensor.name for tensor in given)
        raise UsageError(
            f"{where} has {len(samples.inputs)} inputs; the model takes {names}"
        )
    for tensor, part in zip(given, samples.inputs, strict=True):
        _refuse_input(f"{where}: input {tensor.name}", tensor, part)
    if isinstance(objective, Supervised) and isinstance(objective.loss, CrossEntropy):
        classes = spec.outputs(True)[0].shape[-1]
        for k, part in enumerate(samples.targets):
            _refuse_target(f"{where}: target {k}", part, classes, objective.loss)


def _values(part: Part) -> Array:
    found: Array = part.values if isinstance(part, Ragged) else part
    return found


def _refuse_input(where: str, tensor: Tensor, part: Part) -> None:
    values = _values(part)
    if values.shape[1:] != tensor.shape:
        raise UsageError(
            f"{where} has the shape {values.shape[1:]}; allowed: {tensor.shape}"
        )
    if tensor.below is None:
        if not np.isfinite(values).all():
            _refuse(where, ~np.isfinite(values), values, "a finite number")
    elif tensor.below != ANY:
        _refuse_whole(where, values, tensor.below)


def _refuse_target(where: str, part: Part, classes: int, loss: CrossEntropy) -> None:
    values = _values(part)
    if loss.ignore is not None:
        values = np.where(values == loss.ignore, 0, values)
    _refuse_whole(where, values, classes)


def _refuse_whole(where: str, values: Array, below: int) -> None:
    allowed = f"a whole number from 0 to {below - 1}"
    if values.dtype.kind not in "iu":
        raise UsageError(f"{where} has dtype {values.dtype}; allowed: {allowed}")
    wrong = (values < 0) | (values >= below)
    if wrong.any():
        _refuse(where, wrong, values, allowed)


def _refuse(where: str, wrong: Array, values: Array, allowed: str) -> None:
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    raise UsageError(
        f"{where}: sample {first[0]} has {values[first]}; allowed: {allowed}"
    )
