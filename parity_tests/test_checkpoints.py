"""The tables between public checkpoints and canonical weights, in NumPy alone."""

import numpy as np
import pytest

from shared.checkpoints import gpt, vit
from shared.errors import UsageError
from shared.randomness import weight

# A GPT of one block: canonical name -> shape.
GPT = {
    "wte.weight": (11, 4),
    "wpe.weight": (9, 4),
    "h.0.ln_1.weight": (4,),
    "h.0.ln_1.bias": (4,),
    "h.0.attn.c_attn.weight": (12, 4),
    "h.0.attn.c_attn.bias": (12,),
    "h.0.attn.c_proj.weight": (4, 4),
    "h.0.attn.c_proj.bias": (4,),
    "h.0.ln_2.weight": (4,),
    "h.0.ln_2.bias": (4,),
    "h.0.mlp.c_fc.weight": (16, 4),
    "h.0.mlp.c_fc.bias": (16,),
    "h.0.mlp.c_proj.weight": (4, 16),
    "h.0.mlp.c_proj.bias": (4,),
    "ln_f.weight": (4,),
    "ln_f.bias": (4,),
}
OWN = {name: weight(name, shape, 0) for name, shape in GPT.items()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[k], b[k]) for k in a)


def test_gpt_there_and_back() -> None:
    public = gpt.to_public("huggingface", OWN)
    assert public["transformer.h.0.mlp.c_fc.weight"].shape == (4, 16)
    assert set(public) == {"lm_head.weight", *(f"transformer.{k}" for k in GPT)}
    assert same(gpt.from_public("huggingface", public), OWN)
    assert same(
        gpt.to_public("huggingface", gpt.from_public("huggingface", public)), public
    )


def test_gpt_without_a_head_and_with_masks() -> None:
    public = {
        name.removeprefix("transformer."): value
        for name, value in gpt.to_public("huggingface", OWN).items()
        if name != "lm_head.weight"
    }
    masks = {"h.0.attn.bias": np.tri(9), "h.0.attn.masked_bias": np.array(-1e4)}
    assert same(gpt.from_public("huggingface", public | masks), OWN)


@pytest.mark.parametrize("left_out", [(), ("transformer.wte.weight",)])
def test_gpt_refuses_a_head_of_its_own(left_out: tuple[str, ...]) -> None:
    public = gpt.to_public("huggingface", OWN)
    public["lm_head.weight"] = public["lm_head.weight"] + 1
    for name in left_out:
        del public[name]
    with pytest.raises(UsageError, match="head is tied"):
        gpt.from_public("huggingface", public)


def test_gpt_refuses_other_sources() -> None:
    for translate in (gpt.from_public, gpt.to_public):
        with pytest.raises(UsageError, match=r"'torchvision'.*huggingface"):
            translate("torchvision", OWN)


# A ViT of one block, with a distillation token and without.
VIT = {
    "cls_token": (1, 1, 4),
    "pos_embed": (1, 5, 4),
    "patch_embed.proj.weight": (4, 3, 2, 2),
    "patch_embed.proj.bias": (4,),
    "blocks.10.norm1.weight": (4,),
    "blocks.10.norm1.bias": (4,),
    "blocks.10.attn.qkv.weight": (12, 4),
    "blocks.10.attn.qkv.bias": (12,),
    "blocks.10.attn.proj.weight": (4, 4),
    "blocks.10.attn.proj.bias": (4,),
    "blocks.10.norm2.weight": (4,),
    "blocks.10.norm2.bias": (4,),
    "blocks.10.mlp.fc1.weight": (6, 4),
    "blocks.10.mlp.fc1.bias": (6,),
    "blocks.10.mlp.fc2.weight": (4, 6),
    "blocks.10.mlp.fc2.bias": (4,),
    "norm.weight": (4,),
    "norm.bias": (4,),
    "head.weight": (7, 4),
    "head.bias": (7,),
}
DEIT = VIT | {
    "dist_token": (1, 1, 4),
    "head_dist.weight": (7, 4),
    "head_dist.bias": (7,),
}
OWN_VIT = {name: weight(name, shape, 0) for name, shape in VIT.items()}
OWN_DEIT = {name: weight(name, shape, 0) for name, shape in DEIT.items()}


@pytest.mark.parametrize(
    ("source", "own"),
    [
        ("torchvision", OWN_VIT),
        ("timm", OWN_VIT),
        ("timm", OWN_DEIT),
        ("huggingface", OWN_VIT),
        ("huggingface", OWN_DEIT),
    ],
)
def test_vit_there_and_back(source: str, own: dict[str, np.ndarray]) -> None:
    public = vit.to_public(source, own)
    assert (public.keys() == own.keys()) == (source == "timm")
    assert same(vit.from_public(source, public), own)


def test_vit_as_the_public_files_name_it() -> None:
    found = vit.to_public("huggingface", OWN_DEIT)
    key = found["deit.encoder.layer.10.attention.attention.key.weight"]
    assert np.array_equal(key, OWN_DEIT["blocks.10.attn.qkv.weight"][4:8])
    assert {"distillation_classifier.bias", "deit.layernorm.bias"} <= set(found)
    assert {"classifier.bias", "vit.layernorm.bias"} <= set(
        vit.to_public("huggingface", OWN_VIT)
    )
    layer = "encoder.layers.encoder_layer_10"
    assert {f"{layer}.self_attention.in_proj_bias", "heads.head.bias"} <= set(
        vit.to_public("torchvision", OWN_VIT)
    )


def test_vit_of_older_torchvision() -> None:
    old = {
        name.replace("mlp.0.", "mlp.linear_1.").replace(
            "mlp.3.", "mlp.linear_2."
        ): value
        for name, value in vit.to_public("torchvision", OWN_VIT).items()
    }
    assert "encoder.layers.encoder_layer_10.mlp.linear_2.bias" in old
    assert same(vit.from_public("torchvision", old), OWN_VIT)


def test_vit_keeps_what_it_does_not_know() -> None:
    """So that the check against the model can name it."""
    public = vit.to_public("huggingface", OWN_VIT)
    del public["vit.encoder.layer.10.attention.attention.value.bias"]
    public["vit.pooler.dense.bias"] = np.zeros(4)
    found = set(vit.from_public("huggingface", public))
    assert {"pooler.dense.bias", "blocks.10.attn.q.bias", "blocks.10.attn.k.bias"} <= (
        found
    )
    assert "blocks.10.attn.qkv.bias" not in found


def test_vit_refuses_what_a_source_does_not_have() -> None:
    with pytest.raises(UsageError, match="torchvision has no ViT with a distillation"):
        vit.to_public("torchvision", OWN_DEIT)
    for translate in (vit.from_public, vit.to_public):
        with pytest.raises(UsageError, match=r"'keras'.*huggingface"):
            translate("keras", OWN_VIT)
