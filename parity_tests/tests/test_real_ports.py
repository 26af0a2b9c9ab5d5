"""`triptych diff` on models that packages bring, against one another and hand ports.

`make test` asks a few; `make ports`, with TRIPTYCH_PORTS set, asks all of them.
"""

import os

import pytest

from parity_tests.ports.diff import Question, diff
from parity_tests.ports.targets import parse_input, parse_target
from shared.frameworks import ROOT

# torchvision's own operators may be built for another torch; no model here needs them.
TORCH = """
import sys, types
for module in ("_meta_registrations", "_autograd_registrations"):
    sys.modules.setdefault(f"torchvision.{module}", types.ModuleType(module))
import torch
import torch.nn.functional as F
from torch import nn
"""
KERAS = "import keras\n"
FLAX = """
import jax, jax.numpy as jnp
from flax import nnx
r = nnx.Rngs(0)
"""
SUITE = f"import sys; sys.path.append({str(ROOT)!r})\n"

VIT = (
    TORCH
    + """
from timm.models.vision_transformer import VisionTransformer

def make():
    return VisionTransformer(
        img_size=16, patch_size=8, embed_dim=12, depth=2, num_heads=3, num_classes=5
    )
"""
)
VIT_HF = (
    TORCH
    + """
from transformers import ViTConfig, ViTForImageClassification

def make():
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
            intermediate_size=48, image_size=16, patch_size=8, num_labels=5,
            layer_norm_eps=1e-6,
        )
    )
"""
)
RESNET = (
    TORCH
    + """
from timm.models.resnet import Bottleneck, ResNet

def make():
    return ResNet(Bottleneck, [1, 2, 1, 1], num_classes=5)
"""
)
RESNET_HF = (
    TORCH
    + """
from transformers import ResNetConfig, ResNetForImageClassification

def make():
    config = ResNetConfig(depths=[1, 2, 1, 1], num_labels=5)
    model = ResNetForImageClassification(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    return model
"""
)
CONVNEXT = (
    TORCH
    + """
from timm.models.convnext import ConvNeXt

def make():
    return ConvNeXt(depths=(1, 1, 2, 1), dims=(4, 8, 12, 16), num_classes=5)
"""
)
CONVNEXT_HF = (
    TORCH
    + """
from transformers import ConvNextConfig, ConvNextForImageClassification

def make():
    model = ConvNextForImageClassification(
        ConvNextConfig(depths=[1, 1, 2, 1], hidden_sizes=[4, 8, 12, 16], num_labels=5)
    )
    model.convnext.layernorm.eps = 1e-6  # 1e-12 as published
    return model
"""
)
CONVNEXT_KERAS = (
    KERAS
    + """
from keras.src.applications.convnext import ConvNeXt

def make():
    return ConvNeXt(
        depths=[1, 1, 2, 1], projection_dims=[4, 8, 12, 16], weights=None, classes=5,
        include_preprocessing=False, input_shape=(64, 64, 3),
        classifier_activation=None,
    )
"""
)
DENSENET = (
    TORCH
    + """
from timm.models.densenet import DenseNet

def make():
    model = DenseNet(growth_rate=32, block_config=(2, 2, 2, 2), num_classes=5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = 1.001e-5, 0.01
    return model
"""
)
DENSENET_KERAS = (
    KERAS
    + """
from keras.src.applications.densenet import DenseNet

def make():
    return DenseNet(
        [2, 2, 2, 2], weights=None, input_shape=(64, 64, 3), classes=5,
        classifier_activation=None,
    )
"""
)
GPT2 = (
    TORCH
    + """
from transformers import GPT2Config, GPT2LMHeadModel

def make():
    return GPT2LMHeadModel(
        GPT2Config(n_embd=12, n_layer=2, n_head=3, vocab_size=17, n_positions=8,
                   use_cache=False)
    )
"""
)
GPT2_HAND = (
    TORCH
    + """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(12), nn.LayerNorm(12)
        self.q, self.k, self.v, self.o = (nn.Linear(12, 12) for _ in range(4))
        self.up, self.down = nn.Linear(12, 48), nn.Linear(48, 12)

    def forward(self, x):
        y = self.n1(x)
        B, T, C = y.shape
        q, k, v = (f(y).view(B, T, 3, 4) for f in (self.q, self.k, self.v))
        q, k, v = (a.transpose(1, 2) for a in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.n2(x)), approximate="tanh"))

class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(17, 12), nn.Embedding(8, 12)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm = nn.LayerNorm(12)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tok.weight.T

make = GPT
"""
)
BERT = (
    TORCH
    + """
from transformers import BertConfig, BertModel

def make():
    return BertModel(
        BertConfig(hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
                   intermediate_size=20, vocab_size=19, max_position_embeddings=10,
                   pad_token_id=None)
    )
"""
)
BERT_HAND = (
    FLAX
    + """
class Layer(nnx.Module):
    def __init__(self):
        self.mha = nnx.MultiHeadAttention(3, 12, decode=False, rngs=r)
        self.ln1 = nnx.LayerNorm(12, epsilon=1e-12, rngs=r)
        self.ln2 = nnx.LayerNorm(12, epsilon=1e-12, rngs=r)
        self.w1, self.w2 = nnx.Linear(12, 20, rngs=r), nnx.Linear(20, 12, rngs=r)

    def __call__(self, x):
        x = self.ln1(x + self.mha(x))
        return self.ln2(x + self.w2(nnx.gelu(self.w1(x), approximate=False)))

class Bert(nnx.Module):
    def __init__(self):
        self.word = nnx.Embed(19, 12, rngs=r)
        self.kind = nnx.Embed(2, 12, rngs=r)
        self.place = nnx.Embed(10, 12, rngs=r)
        self.ln = nnx.LayerNorm(12, epsilon=1e-12, rngs=r)
        self.stack = nnx.List([Layer() for _ in range(2)])
        self.pool = nnx.Linear(12, 12, rngs=r)

    def __call__(self, ids):
        x = self.word(ids) + self.place(jnp.arange(ids.shape[1]))
        x = self.ln(x + self.kind(jnp.zeros_like(ids)))
        for layer in self.stack:
            x = layer(x)
        return x, jnp.tanh(self.pool(x[:, 0]))

make = Bert
"""
)
TV_RESNET = (
    TORCH
    + """
import torchvision

def make():
    return torchvision.models.resnet18(weights=None)
"""
)


def ours(framework, name):
    """A model of this suite, as any other package's."""
    head = {"jax": FLAX, "keras": KERAS, "pytorch": TORCH}[framework]
    body = f"def make():\n    return {framework}_impl.build({name!r})\n"
    return f"{head}{SUITE}import {framework}_impl\n\n{body}"


IMAGE, SMALL, TOKENS = "2,3,64,64", "2,3,16,16", "2,6:17"
# name: input, reference, port, and a mistake: right, wrong, place, cause
PAIRS = {
    "timm and transformers, ResNet": (
        IMAGE, RESNET, RESNET_HF,
        ("eps = 1e-5", "eps = 1e-3", "first in bn1 ", "eps: 1e-05 against 0.001"),
    ),
    "transformers and a hand, GPT-2": (
        TOKENS, GPT2, GPT2_HAND,
        (', approximate="tanh"', "", "c_fc", "gelu (tanh) against gelu"),
    ),
    "timm and transformers, ViT": (
        SMALL, VIT, VIT_HF, ("1e-6", "1e-5", "norm1 ", "eps: 1e-06 against 1e-05"),
    ),
    "timm and transformers, ConvNeXt": (
        IMAGE, CONVNEXT, CONVNEXT_HF,
        ("eps = 1e-6", "eps = 1e-12", "first in head.norm ", "1e-06 against 1e-12"),
    ),
    "timm and keras.applications, ConvNeXt": (IMAGE, CONVNEXT, CONVNEXT_KERAS, None),
    "timm and keras.applications, DenseNet": (IMAGE, DENSENET, DENSENET_KERAS, None),
    "transformers and a hand, BERT": (
        TOKENS, BERT, BERT_HAND,
        ("approximate=False", "approximate=True", "intermediate", "against gelu (t"),
    ),
    "torchvision and Keras, ResNet-18": (
        IMAGE, TV_RESNET, ours("keras", "resnet18"), None,
    ),
    "torchvision and NNX, ResNet-18": (IMAGE, TV_RESNET, ours("jax", "resnet18"), None),
    "torchvision and PyTorch, ResNet-18": (
        IMAGE, TV_RESNET, ours("pytorch", "resnet18"), None,
    ),
}  # fmt: skip
SAMPLE = ("transformers and a hand, GPT-2", "timm and transformers, ViT")
ASKED = PAIRS if os.environ.get("TRIPTYCH_PORTS") else SAMPLE


@pytest.fixture
def compared(recorders, tmp_path):
    def compare(name, change=("", "")):
        given, *sources, _ = PAIRS[name]
        targets = []
        for i, source in enumerate(sources):
            kind = "wrong" if change[0] else "right"
            module = "".join(c if c.isalnum() else "_" for c in f"{kind} {name}")
            assert not i or change[0] in source
            code = source.replace(*change, 1) if i and change[0] else source
            (tmp_path / f"{module[:60]}{i}.py").write_text(code)
            framework = "keras" if KERAS in source else "jax" if FLAX in source else ""
            framework = framework or "pytorch"
            text = f"{framework}={module[:60]}{i}:make"
            targets.append(parse_target(text, tmp_path))
        question = Question(folder=tmp_path)
        return diff(targets, [parse_input(given)], recorders, question)

    return compare


@pytest.mark.parametrize("name", ASKED)
def test_a_right_pair_agrees_and_no_layer_is_blamed(name, compared):
    found = compared(name)
    assert [check.reason for check in found.checks if not check.passed] == []
    assert found.trace.agrees
    assert not any(found.guilty.values())


@pytest.mark.parametrize("name", [name for name in ASKED if PAIRS[name][-1]])
def test_a_mistake_in_a_real_model_is_named(name, compared):
    right, wrong, place, cause = PAIRS[name][-1]
    found = compared(name, (right, wrong))
    assert place in found.trace.verdict
    ((first, *_),) = found.guilty.values()
    assert cause in first.causes[0].said
