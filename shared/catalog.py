"""Every family and every variant by name. A new family adds one import line here."""

from pathlib import Path
from types import ModuleType

from shared.errors import UsageError, unknown
from shared.specs.base import Spec, Variant
from shared.specs.classic import linear, mlp
from shared.specs.generative import (
    autoencoder,
    cvae,
    ddpm,
    dit,
    flow,
    gan,
    pix2pix,
    vae,
    vqvae,
)
from shared.specs.graph import gcn
from shared.specs.language import (
    albert,
    bert,
    gpt,
    lamda,
    llama,
    mamba,
    moe,
    t5,
    textcnn,
    transformer,
    whisper,
    word2vec,
)
from shared.specs.sequence import cnn1d, lstm, rnn, silero_vad, tcn, wavenet
from shared.specs.vision import (
    alexnet,
    capsule,
    convnext,
    densenet,
    efficientnet,
    fcn,
    googlenet,
    inception,
    inception_v4,
    lenet,
    mlp_mixer,
    mnasnet,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    regnet,
    resnet,
    retinanet,
    shufflenet,
    siamese,
    simple_cnn,
    squeezenet,
    ssd,
    stn,
    swin,
    unet,
    vgg,
    vit,
    xception,
)

FAMILIES: dict[str, ModuleType] = {
    name: value for name, value in globals().items() if isinstance(value, ModuleType)
}


def _variants() -> dict[str, Variant]:
    merged: dict[str, Variant] = {}
    for family, module in FAMILIES.items():
        for name, variant in module.VARIANTS.items():
            if name in merged:
                raise ValueError(f"variant {name!r} of {family} is already listed")
            merged[name] = variant
    return merged


VARIANTS: dict[str, Variant] = _variants()


def variant(name: str) -> Variant:
    if name not in VARIANTS:
        raise unknown("model", name, VARIANTS)
    return VARIANTS[name]


def refuse_program(model: str, program: str) -> None:
    """A UsageError, unless the model has the program."""
    known = variant(model).spec.programs()
    if program not in known:
        has = ", ".join(known) or "none"
        raise UsageError(f"{model} has no program {program!r}; it has {has}")


def family_of(spec: Spec) -> str:
    """The family's name, which is also the name of its model files."""
    return type(spec).__module__.rsplit(".", 1)[-1]


def place_of(family: str) -> Path:
    """Where a family's file stands in the folder of specs and in those of models."""
    *_, domain, name = FAMILIES[family].__name__.split(".")
    return Path(domain, f"{name}.py")


def select(names: list[str]) -> dict[str, Variant]:
    """Give the variants of these models and families; all of them for no name."""
    if not names:
        return dict(VARIANTS)
    chosen: dict[str, Variant] = {}
    for name in names:
        if name in FAMILIES:
            chosen |= FAMILIES[name].VARIANTS
        elif name in VARIANTS:
            chosen[name] = VARIANTS[name]
        else:
            raise unknown("model or family", name, [*VARIANTS, *FAMILIES])
    return chosen
