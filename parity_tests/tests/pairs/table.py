"""Which model stands beside which, on what input, and what is planted in the second.

A model is a file of `models/`, and the last word of its name says whose it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Whose a model is -> the recorder, and whether it needs the environment of its own.
WHOSE = {
    "timm": ("pytorch", False),
    "torchvision": ("pytorch", False),
    "transformers": ("pytorch", False),
    "applications": ("keras", False),
    "hub": ("keras", True),
    "flax": ("linen", True),
    "torch": ("pytorch", False),
    "keras": ("keras", False),
    "nnx": ("nnx", False),
    "linen": ("linen", False),
    "equinox": ("equinox", True),
    "haiku": ("haiku", True),
    "onnx": ("onnx", True),
}
PACKAGED = ("timm", "torchvision", "transformers", "applications", "hub", "flax")


def whose(model: str) -> str:
    return model.rpartition("_")[2]


@dataclass(frozen=True)
class Pair:
    """Two models; given: the inputs by name, outputs: of the first -> of the second."""

    one: str
    two: str
    given: Mapping[str, str]
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.one} {self.two}"

    @property
    def real(self) -> bool:
        """Whether both sides come from packages."""
        return {whose(self.one), whose(self.two)} <= {*PACKAGED}

    @property
    def dtype(self) -> str:
        """An ONNX file computes as it says."""
        both = {whose(self.one), whose(self.two)}
        return "float32" if "onnx" in both else "float64"

    @property
    def extra(self) -> bool:
        return any(WHOSE[whose(model)][1] for model in (self.one, self.two))


IMAGE, SMALL, TOKENS = "2,3,64,64", "2,3,16,16", "2,8:19"


def pair(one: str, two: str, *given: str, **outputs: str) -> Pair:
    named = {}
    for number, text in enumerate(given):
        name, _, shape = text.rpartition("=")
        named[name or str(number)] = shape
    return Pair(one, two, named, outputs)


LAST = {"last_hidden_state": ""}
REAL = (
    pair("resnet_timm", "resnet_transformers", IMAGE),
    pair("vit_timm", "vit_transformers", SMALL),
    pair("vit_torchvision", "vit_timm", SMALL),
    pair("convnext_timm", "convnext_transformers", IMAGE),
    pair("convnext_torchvision", "convnext_timm", IMAGE),
    pair("convnext_timm", "convnext_applications", IMAGE),
    pair("densenet_timm", "densenet_applications", IMAGE),
    pair("densenet_torchvision", "densenet8_timm", IMAGE),
    pair("resnet18_torchvision", "resnet18_timm", IMAGE),
    pair("resnet_biased_transformers", "resnet50_applications", IMAGE),
    pair("swin_torchvision", "swin_transformers", IMAGE),
    pair("swin_timm", "swin_torchvision", IMAGE),
    pair("mobilenet_v2_torchvision", "mobilenet_v2_timm", IMAGE),
    pair("mobilenet_v2_same_timm", "mobilenet_v2_applications", IMAGE),
    pair("mobilenet_v1_transformers", "mobilenet_v1_applications", IMAGE),
    pair("mobilenet_v3_timm", "mobilenet_v3_applications", IMAGE),
    pair("vgg16_torchvision", "vgg16_applications", "2,3,32,32"),
    pair("efficientnet_v2_timm", "efficientnet_v2_applications", IMAGE),
    pair("regnet_torchvision", "regnet_transformers", IMAGE),
    pair("beit_timm", "beit_transformers", SMALL),
    pair("dinov2_transformers", "dinov2_timm", SMALL),
    pair("inception_torchvision", "inception_timm", "2,3,96,96"),
    pair("bert_tanh_transformers", "bert_hub", TOKENS),
    pair("gpt2_transformers", "gpt2_hub", TOKENS),
    pair("distilbert_transformers", "distilbert_hub", TOKENS),
    pair("albert_transformers", "albert_hub", TOKENS),
    pair("llama_transformers", "llama_hub", TOKENS),
    pair("mistral_transformers", "mistral_hub", TOKENS),
    pair("gemma_transformers", "gemma_hub", TOKENS),
    pair("gpt_neox_transformers", "gpt_neox_hub", TOKENS),
    pair("vit_backbone_transformers", "vit_hub", SMALL),
    pair("resnet_features_timm", "resnet_hub", IMAGE),
    pair("segformer_transformers", "segformer_hub", IMAGE),
    pair("bert_transformers", "bert_flax", TOKENS),
    pair("electra_transformers", "electra_flax", TOKENS),
    pair("gpt2_transformers", "gpt2_flax", TOKENS),
    pair("distilbert_transformers", "distilbert_flax", TOKENS),
    pair("llama_transformers", "llama_flax", TOKENS),
    pair("vit_transformers", "vit_flax", SMALL),
    pair("resnet_transformers", "resnet_flax", IMAGE),
)
WRITTEN = (
    pair("five_torch", "five_keras", "4,3,8,8"),
    pair("five_torch", "five_nnx", "4,3,8,8"),
    pair("flat_torch", "flat_keras", "2,3,4,4"),
    pair("attention_torch", "attention_keras", "2,5,8"),
    pair("attention_torch", "attention_nnx", "2,5,8"),
    pair("fused_torch", "fused_keras", "2,5,8"),
    pair("lstm_torch", "lstm_keras", "2,5,3"),
    pair("lstm_torch", "lstm_nnx", "2,5,3"),
    pair("gru_torch", "gru_keras", "2,5,3"),
    pair("nested_torch", "nested_keras", "2,6:9"),
    pair("nested_torch", "nested_nnx", "2,6:9"),
    pair("bridge_torch", "bridge_nnx", "3,4"),
    pair("mixed_torch", "mixed_linen", "4,3,8,8"),
    pair("gpt2_head_transformers", "gpt2_hand_torch", "2,6:17"),
    pair("bert_transformers", "bert_hand_nnx", TOKENS),
    pair("unet_torch", "unet_keras", SMALL),
    pair("squeezed_torch", "squeezed_nnx", SMALL),
    pair("bilstm_torch", "bilstm_keras", "2,5:11"),
    pair("cells_torch", "cells_nnx", "2,5,3"),
    pair("causal_torch", "causal_nnx", "2,12,3"),
    pair("tower_keras", "tower_nnx", "3,5", "3,5"),
    pair("tied_torch", "tied_linen", "4,8"),
    pair("cross_torch", "cross_keras", "2,5,8", "2,7,6"),
    pair("transposed_torch", "transposed_nnx", "2,5,8"),
    pair("steps_torch", "steps_keras", "2,3,8,8", "time=2,6"),
    pair("masked_torch", "masked_keras", "ids=2,6:13", "mask=2,6:bool"),
    pair("experts_torch", "experts_nnx", "5,4"),
    pair("llama_torch", "llama_linen", "2,6:13"),
    pair("mixer_keras", "mixer_linen", SMALL),
    pair("grouped_torch", "grouped_keras", "2,4,8,8"),
    pair("private_keras", "private_sub_keras", "4,3,8,8"),
    pair("elman_torch", "elman_keras", "2,5,3"),
    pair("video_torch", "video_keras", "2,2,8,8,8"),
    pair("twins_nnx", "twins_linen", "2,3,8,8"),
    pair("encoder_torch", "encoder_nnx", "2,5,8"),
    pair("named_torch", "sequence_torch", "2,3,8,8"),
    pair("pixels_torch", "pixels_equinox", "4,3,8,8"),
    pair("pixels_torch", "pixels_haiku", "4,3,8,8"),
    pair("pixels_torch", "pixels_onnx", "4,3,8,8"),
    pair("words_torch", "words_equinox", "2,5:9"),
    pair("words_torch", "words_haiku", "2,5:9"),
    pair("resnet18_torchvision", "resnet18_onnx", IMAGE),
    pair("resnet18_torchvision", "resnet18_nnx", IMAGE),
)
PAIRS = (*REAL, *WRITTEN)
