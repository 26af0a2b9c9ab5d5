"""NumPy parameters <-> canonical ones: the names and layouts are the canon's own."""

from shared.files.weights import Slot
from shared.reference.module import Module, named_parameters


def slots(model: Module, dtype: str) -> dict[str, Slot]:
    """Give every tensor of the model, in order of definition."""
    return {
        name: Slot(parameter, parameter.shape, dtype, parameter.trainable)
        for name, parameter in named_parameters(model).items()
    }
