"""Public originals, for a worker to adopt (extra `[originals]`).

Imported in a worker only: `worker.adopt("parity_tests.originals:resnet18", ...)`.
"""

import functools
import importlib
import sys
import types
from typing import Any


def _without_operators() -> None:
    """torchvision's may be built for another torch; no model here needs them."""
    for module in ("_meta_registrations", "_autograd_registrations"):
        full = f"torchvision.{module}"
        sys.modules.setdefault(full, types.ModuleType(full))


def _torchvision(name: str, **arguments: Any) -> Any:
    _without_operators()
    models = importlib.import_module("torchvision.models")
    if not hasattr(models, name):  # such as mobilenet_v2_x0_5
        name, _, width = name.rpartition("_x")
        arguments["width_mult"] = float(width.replace("_", "."))
    return getattr(models, name)(weights=None, **arguments)


def gpt2() -> Any:
    """transformers' GPT-2 at its published size."""
    return _logits()


def small_gpt2() -> Any:
    """transformers' GPT-2 at the sizes of test_originals.SMALL_GPT2."""
    return _logits(vocab_size=101, n_positions=32, n_embd=48, n_layer=3, n_head=4)


def _logits(**sizes: int) -> Any:
    _without_operators()  # transformers imports torchvision where it is installed
    transformers = importlib.import_module("transformers")
    model: Any = transformers.GPT2LMHeadModel

    class Logits(model):
        def forward(self, tokens: Any) -> Any:
            return super().forward(tokens, use_cache=False).logits

    return Logits(transformers.GPT2Config(**sizes))


def keras_mobilenet_x0_25() -> Any:
    """The size that test_originals asks for; a Keras model has its own built in."""
    return _keras("MobileNet", alpha=0.25, input_shape=(61, 46, 3))


def _keras(name: str, **arguments: Any) -> Any:
    applications = importlib.import_module("keras").applications
    make = getattr(applications, name)
    return make(weights=None, classifier_activation=None, **arguments)


def _timm(name: str) -> Any:
    _without_operators()
    return importlib.import_module("timm").create_model(name, pretrained=False)


def __getattr__(name: str) -> Any:
    """`resnet18` and every other torchvision classifier by its own name, of another
    width `mobilenet_v2_x0_5`; `keras_VGG16` of keras.applications,
    `timm_inception_v4`."""
    if name.startswith("_"):
        raise AttributeError(name)
    origin, _, own = name.partition("_")
    makers = {"keras": _keras, "timm": _timm}
    if origin in makers:
        return functools.partial(makers[origin], own)
    return functools.partial(_torchvision, name)
