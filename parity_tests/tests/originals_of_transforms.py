"""torchvision's transforms, for a worker to ask. Imported in a worker only.

Pictures come and go as arrays [rows, columns, channels] of bytes; `how` is "pictures"
where torchvision works with Pillow, and "tensors" where it works alone (v2).
"""

import importlib
from typing import Any
from unittest import mock

import numpy as np

from parity_tests.originals.operators import without_operators
from shared.arrays import Array


def _modules(*names: str) -> list[Any]:
    without_operators()
    return [importlib.import_module(name) for name in names]


def apply(how: str, name: str, pixels: Array, arguments: dict[str, Any]) -> Array:
    """A function of torchvision.transforms.functional, or of its v2."""
    transforms, v2 = _modules(
        "torchvision.transforms.functional", "torchvision.transforms.v2.functional"
    )
    module = transforms if how == "pictures" else v2
    if "interpolation" in arguments:
        mode = transforms.InterpolationMode(arguments["interpolation"])
        arguments = {**arguments, "interpolation": mode}
    found = getattr(module, name)(_inward(how, pixels), **arguments)
    return _outward(how, found)


def operate(how: str, name: str, pixels: Array, index: int, sign: int) -> Array:
    """RandAugment's, with its own magnitudes."""
    auto, transforms = _modules(
        "torchvision.transforms.autoaugment", "torchvision.transforms.functional"
    )
    rows, columns = pixels.shape[:2]
    table = auto.RandAugment()._augmentation_space(31, (rows, columns))
    magnitudes, _ = table[name]
    magnitude = float(magnitudes[index]) if magnitudes.ndim else 0.0
    mode = transforms.InterpolationMode("nearest")
    found = auto._apply_op(
        _inward(how, pixels), name, sign * magnitude, interpolation=mode, fill=None
    )
    return _outward(how, found)


def operations() -> dict[str, bool]:
    """Names, in order, and whether a sign is drawn."""
    (auto,) = _modules("torchvision.transforms.autoaugment")
    space = auto.RandAugment()._augmentation_space(31, (10, 10))
    return {name: signed for name, (_, signed) in space.items()}


def as_tensor(pixels: Array, mean: list[float], std: list[float]) -> list[Array]:
    (transforms,) = _modules("torchvision.transforms.functional")
    x = transforms.to_tensor(_inward("pictures", pixels))
    return [x.numpy(), transforms.normalize(x, mean, std).numpy()]


def drawn(
    name: str, arguments: dict[str, Any], size: tuple[int, int], number: int
) -> Array:
    """What a random transform draws for a picture of this size, so many times."""
    torch, transforms = _modules("torch", "torchvision.transforms")
    torch.manual_seed(0)
    image = torch.zeros(3, *size, dtype=torch.uint8)
    one = getattr(transforms, name)

    def draw() -> Any:
        if name == "RandomResizedCrop":
            return one.get_params(image, **arguments)
        if name == "RandomCrop":
            return one.get_params(image, **arguments)[:2]
        if name == "RandomRotation":
            return [one.get_params(**arguments)]
        own = one(**arguments)
        order, *factors = own.get_params(
            own.brightness, own.contrast, own.saturation, own.hue
        )
        return [*order.tolist(), *factors]

    return np.array([draw() for _ in range(number)], float)


def mixed(images: Array, labels: Array, classes: int, share: float) -> list[Array]:
    torch, v2 = _modules("torch", "torchvision.transforms.v2")
    return _batch(torch, v2.MixUp(num_classes=classes), images, labels, {"lam": share})


def cut(
    images: Array, labels: Array, classes: int, share: float, y: int, x: int
) -> list[Array]:
    """With this share of the Beta distribution, and this middle of the box."""
    torch, v2 = _modules("torch", "torchvision.transforms.v2")
    one = v2.CutMix(num_classes=classes)
    one._dist = mock.Mock(sample=lambda shape: share)
    middle = [torch.tensor([x]), torch.tensor([y])]
    with mock.patch("torch.randint", side_effect=middle):
        params = one.make_params([torch.tensor(images)])
    return _batch(torch, one, images, labels, params)


def _batch(
    torch: Any, one: Any, images: Array, labels: Array, params: dict[str, Any]
) -> list[Array]:
    labels = torch.tensor(labels)
    params = {**params, "labels": labels, "batch_size": len(images)}
    both = one.transform(torch.tensor(images), params), one.transform(labels, params)
    return [value.numpy() for value in both]


def _inward(how: str, pixels: Array) -> Any:
    image, torch = _modules("PIL.Image", "torch")
    if how == "pictures":
        return image.fromarray(pixels.squeeze())
    return torch.tensor(pixels.transpose(2, 0, 1))


def _outward(how: str, found: Any) -> Array:
    if how == "pictures":
        return np.atleast_3d(np.asarray(found))
    return found.numpy().transpose(1, 2, 0)
