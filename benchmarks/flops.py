"""What a model has to multiply and add, by one formula for all frameworks.

Two operations for every weight at every place where its layer puts out something, or
takes something in if it is a transposed convolution: convolutions, matrices and
recurrent layers. Causal attention is counted in full.
Sums, norms, activations and pooling are left out: they are bound by memory. A step of
training is three times inference, since each product has two gradients.
"""

from collections.abc import Mapping

from shared.arrays import Array
from shared.contract import path_of
from shared.files.weights import Entry
from shared.messages import Layer
from shared.specs.base import Spec

TRAINING = 3


def of_one(
    spec: Spec, entries: Mapping[str, Entry], layers: Mapping[str, Layer]
) -> int:
    """Count the operations of one sample through the model; entries and layers as
    PyTorch names and lays them out, from a run of one sample."""
    products = spec.unnamed_products()
    calls: dict[str, list[Layer]] = {}
    for call, layer in layers.items():
        calls.setdefault(path_of(call), []).append(layer)
    for name, entry in entries.items():
        path, _, leaf = name.rpartition(".")
        if leaf.startswith("weight") and len(entry.shape) > 1:
            places = sum(_places(leaf, entry, layer) for layer in calls.get(path, ()))
            products += _size(entry.shape) * places
    return 2 * products


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _places(leaf: str, entry: Entry, layer: Layer) -> int:
    """How often the weight is used."""
    if layer.entered is not None and layer.entered.dtype.kind != "f":
        return 0  # an embedding is looked up
    if leaf != "weight":  # of a recurrent layer
        assert layer.entered is not None
        return layer.entered.shape[1]
    if layer.entered is not None and _transposed(entry, layer.entered, layer.left):
        return layer.entered.size // entry.shape[0]
    return layer.left.size // entry.shape[0]


def _transposed(entry: Entry, entered: Array, left: Array) -> bool:
    """Is it a convolution whose kernel lies (in, out)? Where as many channels enter as
    leave, it is the one whose map grows."""
    if len(entry.shape) < 3:
        return False
    c_in, c_out = entered.shape[1], left.shape[1]
    if c_in != c_out:
        return (c_in, c_out) == entry.shape[:2]
    return c_in == entry.shape[1] and left.size > entered.size
