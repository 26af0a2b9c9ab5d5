"""A short lesson a framework: build, train, save, load, predict. A test runs them."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from shared.catalog import FAMILIES
from shared.frameworks import NATIVE, ROOT
from shared.specs.base import Spec, Tensor

FOLDER = ROOT / "benchmarks" / "report" / "templates"
# Where the first full-size variant of a family is not the one people would begin with.
FIRST = {"linear": "softmax_regression", "lenet": "lenet"}
CLASSES = ("logits", "scores")


@dataclass(frozen=True)
class Lesson:
    """What the three texts need to know; shapes without the batch.

    outputs: while it trains, with auxiliary heads. predicted: else.
    """

    model: str
    batch: int
    canonical: tuple[int, ...]
    native: tuple[int, ...]
    below: int | None
    classes: int
    targets: tuple[int, ...]
    outputs: int
    predicted: int


def first_variant(family: str) -> str:
    variants = FAMILIES[family].VARIANTS
    large = [name for name, variant in variants.items() if not variant.tiny]
    return FIRST.get(family) or (large or list(variants))[0]


def lesson(model: str, spec: Spec, batch: int = 8) -> Lesson | None:
    """Write a lesson; None for a model of several inputs, which such a short text
    does not do well."""
    if len(spec.inputs()) != 1:
        return None
    (given,), outputs = spec.inputs(), spec.outputs(True)
    asked = outputs[0]
    classified = asked.name in CLASSES and asked.shape[-1] > 1
    return Lesson(
        model,
        batch,
        given.shape,
        _native(given),
        given.below,
        asked.shape[-1] if classified else 0,
        asked.shape[:-1] if classified else _native(asked),
        len(outputs),
        len(spec.outputs(False)),
    )


def _native(tensor: Tensor) -> tuple[int, ...]:
    """Give the shape as Keras and JAX have it, the channels last."""
    if not tensor.channels_first:
        return tensor.shape
    return (*tensor.shape[1:], tensor.shape[0])


@cache
def _templates() -> dict[str, Template]:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return {f: environment.get_template(f"lesson_{f}.txt") for f in NATIVE}


def texts(given: Lesson) -> dict[str, str]:
    return {f: one.render(lesson=given) for f, one in _templates().items()}
