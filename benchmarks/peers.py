"""Public originals of our models, timed beside them with the same weights.

torchvision has no JAX, and no package that can be installed has these models in Flax;
there is no peer for JAX.
"""

import functools
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.ways import Way
from shared.arrays import Array, Weights
from shared.catalog import family_of, variant
from shared.errors import UsageError
from shared.files import checkpoints

_TARGETS = "parity_tests.originals"
_IN_TIMM = {"xception": "legacy_xception"}


@dataclass(frozen=True)
class Peer:
    """A public implementation is timed beside ours.

    known: as which people know it. weights: ours, under the peer's own names and in
    its layouts.
    """

    framework: str
    known: str
    target: str
    weights: Callable[[Weights], dict[str, Array]]

    @property
    def label(self) -> str:
        version = importlib.metadata.version(self.known.partition(".")[0])
        return f"{self.known} {version}"


def ways_of(model: str, offered: Mapping[str, Sequence[str]]) -> list[Way]:
    """Give the peers of one model, in the same modes as ours."""
    return [
        Way(peer.framework, mode, peer=model, label=peer.label)
        for peer in peers(model)
        if peer.framework in offered
        for mode in offered[peer.framework]
    ]


def peer(model: str, framework: str) -> Peer:
    return next(p for p in peers(model) if p.framework == framework)


def peers(model: str) -> Iterator[Peer]:
    found = variant(model)
    if found.tiny:
        return
    if "torchvision" in found.source and _has("torchvision"):
        renamed = functools.partial(_public, family_of(found.spec), "torchvision")
        yield Peer("pytorch", "torchvision", f"{_TARGETS}:{model}", renamed)
    if "timm" in found.source and _has("timm"):
        renamed = functools.partial(_public, family_of(found.spec), "timm")
        target = f"{_TARGETS}:timm_{_IN_TIMM.get(model, model)}"
        yield Peer("pytorch", "timm", target, renamed)
    if model == "gpt2" and _has("transformers"):
        yield Peer("pytorch", "transformers", f"{_TARGETS}:gpt2", _huggingface)
    if model in ("vgg16", "vgg19"):
        yield Peer(
            "keras",
            "keras.applications",
            f"{_TARGETS}:keras_{model.upper()}",
            _keras_vgg,
        )


def _has(package: str) -> bool:
    if importlib.util.find_spec(package) is None:
        raise UsageError(
            f"--peers: {package} is not installed: pip install .[originals]"
        )
    return True


def _public(family: str, source: str, ours: Weights) -> dict[str, Array]:
    """Give the public names, without tables of places (integers), which a model
    makes by itself."""
    state = checkpoints.to_public(family, source, ours)
    return {name: value for name, value in state.items() if value.dtype.kind == "f"}


def _huggingface(ours: Weights) -> dict[str, Array]:
    """Give Hugging Face's names, without the head, which is the embedding's own
    tensor over there too."""
    state = checkpoints.to_public("gpt", "huggingface", ours)
    return {name: value for name, value in state.items() if name != "lm_head.weight"}


def _keras_vgg(ours: Weights) -> dict[str, Array]:
    """Rename ours for keras.applications, which counts blocks and flattens with the
    channels last."""
    renamed = dict(zip(_blocks(ours), _convolutions(ours), strict=True))
    dense = {
        "fc1": "classifier.0",
        "fc2": "classifier.3",
        "predictions": "classifier.6",
    }
    state = {
        f"{new}.{leaf}": ours[f"{old}.{leaf}"]
        for new, old in {**renamed, **dense}.items()
        for leaf in ("weight", "bias")
    }
    first = state["fc1.weight"].reshape(4096, 512, 7, 7)
    state["fc1.weight"] = first.transpose(0, 2, 3, 1).reshape(4096, -1)
    return state


def _convolutions(ours: Weights) -> list[str]:
    return [n.removesuffix(".weight") for n in ours if _is_kernel(n)]


def _is_kernel(name: str) -> bool:
    return name.startswith("features.") and name.endswith(".weight")


def _blocks(ours: Weights) -> Iterator[str]:
    """A pooling layer stands where the numbers of convolutions jump by three."""
    numbers = [int(n.split(".")[1]) for n in _convolutions(ours)]
    steps = np.diff(numbers, prepend=numbers[0] - 3)
    block, place = 0, 0
    for step in steps:
        block, place = (block + 1, 1) if step == 3 else (block, place + 1)
        yield f"block{block}_conv{place}"
