"""The tables between public checkpoints and canonical weights, in NumPy alone."""

import numpy as np
import pytest

from shared.checkpoints import convnext, gpt, swin
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


# Of a ConvNeXt with two stages: torchvision's name, its shape, and ours.
CONVNEXT = [
    ("features.0.0.weight", (6, 3, 4, 4), "downsample_layers.0.0.weight"),
    ("features.0.1.bias", (6,), "downsample_layers.0.1.bias"),
    ("features.1.2.layer_scale", (6, 1, 1), "stages.0.2.gamma"),
    ("features.1.2.block.0.weight", (6, 1, 7, 7), "stages.0.2.dwconv.weight"),
    ("features.1.2.block.2.weight", (6,), "stages.0.2.norm.weight"),
    ("features.1.2.block.3.weight", (24, 6), "stages.0.2.pwconv1.weight"),
    ("features.1.2.block.5.bias", (6,), "stages.0.2.pwconv2.bias"),
    ("features.2.1.bias", (10,), "downsample_layers.1.1.bias"),
    ("features.3.11.layer_scale", (10, 1, 1), "stages.1.11.gamma"),
    ("classifier.0.weight", (10,), "norm.weight"),
    ("classifier.2.bias", (5,), "head.bias"),
]


def test_convnext_there_and_back() -> None:
    public = {name: weight(name, shape, 0) for name, shape, _ in CONVNEXT}
    own = convnext.from_public("torchvision", public)
    assert list(own) == [name for _, _, name in CONVNEXT]
    assert own["stages.0.2.gamma"].shape == (6,)
    assert same(convnext.to_public("torchvision", own), public)


def test_convnext_leaves_what_it_does_not_know() -> None:
    """The model that is to hold it says what it cannot."""
    for name, left in (
        ("fc.weight", "fc.weight"),
        ("features.1.weight", "features.1.weight"),
        ("features.1.0.block.4.weight", "stages.0.0.block.4.weight"),
    ):
        assert list(convnext.from_public("torchvision", {name: np.ones(2)})) == [left]
    for translate in (convnext.from_public, convnext.to_public):
        with pytest.raises(UsageError, match=r"'timm'.*torchvision"):
            translate("timm", {})


def test_swin_there_and_back() -> None:
    """Windows of two by two: nine ways, of which token 0 to itself is the middle."""
    own = {
        f"features.1.0.attn.{name}": weight(name, shape, 0)
        for name, shape in (
            ("relative_position_bias_table", (9, 3)),
            ("qkv.bias", (9,)),
        )
    }
    public = swin.to_public("torchvision", own)
    index = public.pop("features.1.0.attn.relative_position_index")
    assert index.tolist() == [4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4]
    assert same(public, own)
    with_index = public | {"features.1.0.attn.relative_position_index": index}
    assert same(swin.from_public("torchvision", with_index), own)
    for translate in (swin.from_public, swin.to_public):
        with pytest.raises(UsageError, match=r"'timm'.*torchvision"):
            translate("timm", {})
