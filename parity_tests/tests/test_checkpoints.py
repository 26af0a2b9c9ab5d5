"""The tables between public checkpoints and canonical weights, in NumPy alone."""

import numpy as np
import pytest

from shared.errors import UsageError
from shared.files.checkpoints import (
    bert,
    convnext,
    densenet,
    gpt,
    mnasnet,
    mobilenet,
    swin,
    vit,
    xception,
)
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


# Of a BERT: ours, its shape, and Hugging Face's without `bert.` in front.
BERT = [
    ("encoder.embeddings.word.weight", (11, 4), "embeddings.word_embeddings.weight"),
    ("encoder.embeddings.norm.bias", (4,), "embeddings.LayerNorm.bias"),
    ("encoder.blocks.10.attn.proj.bias", (4,), "attention.output.dense.bias"),
    ("encoder.blocks.10.norm1.weight", (4,), "attention.output.LayerNorm.weight"),
    ("encoder.blocks.10.mlp.fc1.weight", (6, 4), "intermediate.dense.weight"),
    ("encoder.blocks.10.mlp.fc2.weight", (4, 6), "output.dense.weight"),
    ("encoder.blocks.10.norm2.bias", (4,), "output.LayerNorm.bias"),
]
BERT_QKV = {"encoder.blocks.10.attn.qkv.weight": (12, 4)}
BERT_HEADS = {
    "": {"pooler.dense.bias": (4,)},
    "words": {"head.bias": (11,), "head.dense.weight": (4, 4), "head.norm.bias": (4,)},
    "classes": {"pooler.dense.bias": (4,), "classifier.weight": (5, 4)},
}


def own_bert(head: str) -> dict[str, np.ndarray]:
    shapes = {name: shape for name, shape, _ in BERT} | BERT_QKV | BERT_HEADS[head]
    return {name: weight(name, shape, 0) for name, shape in shapes.items()}


@pytest.mark.parametrize("head", BERT_HEADS)
def test_bert_there_and_back(head: str) -> None:
    own = own_bert(head)
    public = bert.to_public("huggingface", own)
    prefix = "bert." if head else ""
    for name, _, theirs in BERT:
        block = "encoder.layer.10." if "blocks" in name else ""
        assert np.array_equal(public[prefix + block + theirs], own[name])
    qkv = own["encoder.blocks.10.attn.qkv.weight"]
    for i, part in enumerate(("query", "key", "value")):
        name = f"{prefix}encoder.layer.10.attention.self.{part}.weight"
        assert np.array_equal(public[name], qkv[4 * i : 4 * i + 4])
    assert same(bert.from_public("huggingface", public), own)
    again = bert.to_public("huggingface", bert.from_public("huggingface", public))
    assert same(again, public)


def test_bert_with_a_head_has_the_tied_tensors_once_more() -> None:
    own = own_bert("words")
    public = bert.to_public("huggingface", own)
    decoder = "cls.predictions.decoder"
    word = own["encoder.embeddings.word.weight"]
    assert np.array_equal(public[f"{decoder}.weight"], word)
    assert np.array_equal(public[f"{decoder}.bias"], public["cls.predictions.bias"])
    fewer = {name: v for name, v in public.items() if not name.startswith(decoder)}
    assert same(bert.from_public("huggingface", fewer), own)
    for name in ("weight", "bias"):
        other = {**public, f"{decoder}.{name}": public[f"{decoder}.{name}"] + 1}
        with pytest.raises(UsageError, match=rf"{name} is not equal .* words are tied"):
            bert.from_public("huggingface", other)


def test_bert_of_an_older_file() -> None:
    own = own_bert("")
    public = bert.to_public("huggingface", own)
    older = {
        name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): v
        for name, v in public.items()
    }
    assert "encoder.layer.10.attention.output.LayerNorm.gamma" in older
    places = {"embeddings.position_ids": np.arange(9)[None]}
    assert same(bert.from_public("huggingface", older | places), own)


def test_bert_keeps_what_it_does_not_know_and_refuses_other_sources() -> None:
    more = {"cls.seq_relationship.bias": np.zeros(2)}
    assert same(bert.from_public("huggingface", more), more)
    for translate in (bert.from_public, bert.to_public):
        with pytest.raises(UsageError, match=r"'timm'.*huggingface"):
            translate("timm", {})


# A MobileNet's first and last layers and its last block: theirs -> ours, our shape.
MOBILENET = {
    "conv1.weight": ("conv_stem.weight", (4, 3, 3, 3)),
    "conv1_bn.running_var": ("bn1.running_var", (4,)),
    "conv_dw_1.weight": ("blocks.0.0.conv_dw.weight", (4, 1, 3, 3)),
    "conv_pw_2_bn.bias": ("blocks.1.0.bn2.bias", (6,)),
    "conv_pw_11.weight": ("blocks.3.5.conv_pw.weight", (6, 6, 1, 1)),
    "conv_dw_12_bn.weight": ("blocks.4.0.bn1.weight", (6,)),
    "conv_pw_13_bn.running_mean": ("blocks.4.1.bn2.running_mean", (8,)),
    "conv_preds.weight": ("classifier.weight", (5, 8)),
    "conv_preds.bias": ("classifier.bias", (5,)),
}


def test_mobilenet_there_and_back() -> None:
    own = {name: weight(name, shape, 0) for name, shape in MOBILENET.values()}
    public = mobilenet.to_public("keras.applications", own)
    assert list(public) == list(MOBILENET)
    for theirs, (name, shape) in MOBILENET.items():
        assert np.array_equal(public[theirs].reshape(shape), own[name])
    assert public["conv_preds.weight"].shape == (5, 8, 1, 1)
    assert same(mobilenet.from_public("keras.applications", public), own)


def test_mobilenet_keeps_what_it_does_not_know() -> None:
    """So that loading can say so."""
    more = {"conv_dw_14.weight": np.zeros((1, 1, 3, 3)), "alpha": np.zeros(1)}
    assert same(mobilenet.from_public("keras.applications", more), more)


def test_mobilenet_refuses_other_sources() -> None:
    for translate in (mobilenet.from_public, mobilenet.to_public):
        with pytest.raises(UsageError, match=r"'torchvision'.*keras.applications"):
            translate("torchvision", {})


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


# Of Xception: ours, its shape, theirs in keras.applications and how it lies there.
XCEPTION = [
    ("conv1.weight", (4, 3, 3, 3), "block1_conv1.weight", (4, 3, 3, 3)),
    ("bn2.running_var", (4,), "block1_conv2_bn.running_var", (4,)),
    (
        "block1.rep.3.conv1.weight",
        (4, 1, 3, 2),
        "block2_sepconv2.depthwise_kernel",
        (3, 2, 4, 1),
    ),
    ("block1.rep.4.bias", (5,), "block2_sepconv2_bn.bias", (5,)),
    (
        "block4.rep.7.pointwise.weight",
        (6, 5, 1, 1),
        "block5_sepconv3.pointwise_kernel",
        (1, 1, 5, 6),
    ),
    ("block4.rep.8.weight", (6,), "block5_sepconv3_bn.weight", (6,)),
    ("block1.skip.weight", (5, 4, 1, 1), "conv2d.weight", (5, 4, 1, 1)),
    ("block2.skip.weight", (7, 5, 1, 1), "conv2d_1.weight", (7, 5, 1, 1)),
    ("block1.skipbn.bias", (5,), "batch_normalization.bias", (5,)),
    (
        "conv4.conv1.weight",
        (6, 1, 3, 3),
        "block14_sepconv2.depthwise_kernel",
        (3, 3, 6, 1),
    ),
    ("bn3.weight", (6,), "block14_sepconv1_bn.weight", (6,)),
    ("fc.weight", (5, 6), "predictions.weight", (5, 6)),
]
OWN_XCEPTION = {name: weight(name, shape, 0) for name, shape, _, _ in XCEPTION}


def test_xception_there_and_back() -> None:
    public = xception.to_public("keras.applications", OWN_XCEPTION)
    shapes = {theirs: shape for _, _, theirs, shape in XCEPTION}
    assert {name: value.shape for name, value in public.items()} == shapes
    depthwise = public["block2_sepconv2.depthwise_kernel"]
    own = OWN_XCEPTION["block1.rep.3.conv1.weight"]
    assert depthwise[2, 1, 3, 0] == own[3, 0, 2, 1]
    assert same(xception.from_public("keras.applications", public), OWN_XCEPTION)
    timm = xception.to_public("timm", OWN_XCEPTION)
    assert same(timm, OWN_XCEPTION)
    more = timm | {"bn1.num_batches_tracked": np.array(3)}
    assert same(xception.from_public("timm", more), OWN_XCEPTION)


def test_xception_of_a_keras_that_made_other_models_before() -> None:
    public = {f"conv2d_{i}.weight": np.full((2, 2, 1, 1), i) for i in (11, 8, 9, 10)}
    own = xception.from_public("keras.applications", public)
    found = {name: value[0, 0, 0, 0] for name, value in own.items()}
    skips = {1: 8, 2: 9, 3: 10, 12: 11}
    assert found == {f"block{b}.skip.weight": i for b, i in skips.items()}


def test_xception_keeps_what_it_does_not_know() -> None:
    """So that loading can say so."""
    more = {"block15_conv1.weight": np.zeros((1, 1, 3, 3)), "alpha": np.zeros(1)}
    for translate in (xception.from_public, xception.to_public):
        assert same(translate("keras.applications", more), more)
        with pytest.raises(UsageError, match=r"'torchvision'.*keras.applications"):
            translate("torchvision", {})
