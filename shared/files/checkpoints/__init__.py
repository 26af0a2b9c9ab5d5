"""Rename tables to and from public checkpoints.

`shared/files/checkpoints/<family>.py` holds SOURCES, from_public and to_public where a
family's canonical names are not the public ones; `original(spec)` too where Keras reads
and writes the files through a model of keras.applications. A family without such a file
has the names of torchvision or timm, if they have the family at all.
"""

import importlib
import importlib.util
import pkgutil
from types import ModuleType
from typing import Any

from shared.arrays import Array, Weights
from shared.errors import UsageError

SAME_AS_TORCHVISION = (
    "alexnet",
    "fcn",
    "googlenet",
    "inception",
    "mobilenet_v2",
    "mobilenet_v3",
    "regnet",
    "resnet",
    "retinanet",
    "shufflenet",
    "squeezenet",
    "ssd",
    "vgg",
)
SAME_AS_TIMM = ("inception_v4", "mlp_mixer")


KERAS = "keras.applications"


def forms() -> tuple[str, ...]:
    """Every public form that some family has, as the tables say."""
    families = {name for _, name, _ in pkgutil.iter_modules(__path__)}
    families |= {*SAME_AS_TORCHVISION, *SAME_AS_TIMM}
    return tuple(sorted({source for name in families for source in sources(name)}))


def original(family: str, spec: Any) -> tuple[str, dict[str, Any]]:
    """The model of keras.applications that this spec is: its name and arguments."""
    _check(family, KERAS)
    table = _table(family)
    assert table is not None
    return table.original(spec)


def sources(family: str) -> tuple[str, ...]:
    """The public forms this family can be read from and written to."""
    table = _table(family)
    if table is not None:
        return table.SOURCES
    same = {"torchvision": SAME_AS_TORCHVISION, "timm": SAME_AS_TIMM}
    return tuple(source for source, families in same.items() if family in families)


def only(family: str) -> dict[str, str]:
    """Forms that not all variants have, and the first that does."""
    return getattr(_table(family), "ONLY", {})


def from_public(family: str, source: str, state: Weights) -> dict[str, Array]:
    _check(family, source)
    table = _table(family)
    if table is not None:
        return table.from_public(source, state)
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


def to_public(family: str, source: str, weights: Weights) -> dict[str, Array]:
    _check(family, source)
    table = _table(family)
    if table is not None:
        return table.to_public(source, weights)
    return dict(weights)


def _check(family: str, source: str) -> None:
    known = sources(family)
    if source not in known:
        allowed = ", ".join(known) or "none"
        raise UsageError(f"{family} has no {source} form; it has: {allowed}")


def _table(family: str) -> ModuleType | None:
    name = f"shared.files.checkpoints.{family}"
    if importlib.util.find_spec(name) is None:
        return None
    return importlib.import_module(name)
