"""The tables between public checkpoints and canonical weights, in NumPy alone."""

import numpy as np
import pytest

from shared.checkpoints import densenet, gpt, mnasnet
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


def test_densenet_of_either_age() -> None:
    """The published files say norm.1 where torchvision's model now has norm1."""
    layer = "features.denseblock1.denselayer2"
    names = [f"{layer}.{part}.weight" for part in ("norm1", "conv1", "norm2", "conv2")]
    names += ["features.transition1.conv.weight", "features.norm5.running_mean"]
    own = {name: np.full(3, i) for i, name in enumerate(names)}
    older = {
        name.replace("norm1", "norm.1")
        .replace("conv1", "conv.1")
        .replace("norm2", "norm.2")
        .replace("conv2", "conv.2"): value
        for name, value in own.items()
    }
    assert f"{layer}.norm.1.weight" in older
    counted = {"features.norm5.num_batches_tracked": np.array(7)}
    assert same(densenet.from_public("torchvision", older | counted), own)
    assert same(densenet.from_public("torchvision", own), own)
    assert same(densenet.to_public("torchvision", own), own)
    with pytest.raises(UsageError, match=r"'timm'.*torchvision"):
        densenet.from_public("timm", own)


def test_mnasnet_there_and_back() -> None:
    names = {
        "features.0.weight": "layers.0.weight",
        "features.8.0.block.3.weight": "layers.8.0.layers.3.weight",
        "features.14.running_mean": "layers.14.running_mean",
        "classifier.1.bias": "classifier.1.bias",
    }
    own = {name: np.full(3, i) for i, name in enumerate(names)}
    public = mnasnet.to_public("torchvision", own)
    assert list(public) == list(names.values())
    counted = {"layers.14.num_batches_tracked": np.array(7)}
    assert same(mnasnet.from_public("torchvision", public | counted), own)
    with pytest.raises(UsageError, match=r"features\.0\.weight is no name"):
        mnasnet.from_public("torchvision", own)
    for translate in (mnasnet.from_public, mnasnet.to_public):
        with pytest.raises(UsageError, match=r"'timm'.*torchvision"):
            translate("timm", own)
