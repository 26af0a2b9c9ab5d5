"""Public originals, for a worker to adopt (extra `[originals]`).

Imported in a worker only: `worker.adopt("parity_tests.originals:resnet18", ...)`.
"""

import functools
import importlib
import itertools
import math
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


def _torchvision_segmentation(name: str) -> Any:
    """torchvision's, which drops nothing; of auxiliary heads what training has."""
    _without_operators()
    models = importlib.import_module("torchvision.models.segmentation")
    auxiliary = {} if name.startswith("lraspp") else {"aux_loss": True}
    model = getattr(models, name)(weights=None, weights_backbone=None, **auxiliary)
    base: Any = type(model)

    class Logits(base):
        def forward(self, image: Any) -> Any:
            return tuple(y.permute(0, 2, 3, 1) for y in super().forward(image).values())

    model.__class__ = Logits
    return model


def whole_ssd() -> Any:
    """torchvision's SSD300, of fewer channels and classes: the oracle of ssd."""
    _without_operators()
    nn = importlib.import_module("torch").nn
    own = importlib.import_module("torchvision.models.detection.ssd")
    anchors = importlib.import_module("torchvision.models.detection.anchor_utils")
    vgg = importlib.import_module("torchvision.models.vgg")
    stages = [4, "M", 6, "M", 8, 5, "M", 7, 8, "M", 6, "M"]
    backbone = own.SSDFeatureExtractorVGG(vgg.make_layers(stages), False)
    backbone.scale_weight = nn.Parameter(20 * backbone.scale_weight.new_ones(8))
    sizes = iter([(8, 6), (6, 9), (9, 9), (9, 5), (5, 7), (7, 4), (4, 6)])
    sizes = itertools.chain(sizes, [(6, 5), (5, 8), (8, 3), (3, 7)])
    for block in [m for m in backbone.extra.modules() if isinstance(m, nn.Sequential)]:
        for name, c in block.named_children():
            if isinstance(c, nn.Conv2d):
                around = c.kernel_size, c.stride, c.padding, c.dilation
                setattr(block, name, nn.Conv2d(*next(sizes), *around))
    boxes = anchors.DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    places = boxes.num_anchors_per_location()
    head = own.SSDHead([8, 9, 7, 6, 8, 7], places, 5)
    return own.SSD(backbone, boxes, (300, 300), 5, head=head)


def small_ssd() -> Any:
    """Make that SSD, as far as what it says of every anchor."""
    model = whole_ssd()
    base: Any = type(model)

    class Said(base):
        def forward(self, image: Any) -> Any:
            said = self.head([*self.backbone(image).values()])
            return said["cls_logits"], said["bbox_regression"]

    model.__class__ = Said
    return model


def whole_retinanet() -> Any:
    """torchvision's RetinaNet, of which no layer is frozen."""
    _without_operators()
    models = importlib.import_module("torchvision.models.detection")
    return models.retinanet_resnet50_fpn(weights=None, weights_backbone=None)


def retinanet() -> Any:
    """Make torchvision's RetinaNet, as far as what it says of every anchor."""
    model = whole_retinanet()
    base: Any = type(model)

    class Said(base):
        def forward(self, image: Any) -> Any:
            said = self.head([*self.backbone(image).values()])
            return said["cls_logits"], said["bbox_regression"]

    model.__class__ = Said
    return model


def small_convnext() -> Any:
    """Make ConvNeXt at the sizes of the oracle of convnext; it drops no branch."""
    _without_operators()
    own = importlib.import_module("torchvision.models.convnext")
    stages = [own.CNBlockConfig(12, 20, 2), own.CNBlockConfig(20, None, 3)]
    return own.ConvNeXt(stages, stochastic_depth_prob=0.0, num_classes=11)


def small_swin() -> Any:
    """Make Swin at the sizes of the oracle of swin; it drops no branch."""
    _without_operators()
    own = importlib.import_module("torchvision.models.swin_transformer")
    return own.SwinTransformer(
        [4, 4], 10, [3, 2], [2, 5], [5, 5], stochastic_depth_prob=0.0, num_classes=11
    )


def small_llama() -> Any:
    """transformers' LLaMA at the sizes of the oracles of llama."""
    return _exact_logits("Llama", **_SMALL_LLAMA)


def small_llama_tied() -> Any:
    return _exact_logits("Llama", **_SMALL_LLAMA, tie_word_embeddings=True)


def small_mistral() -> Any:
    return _exact_logits("Mistral", **_SMALL_LLAMA, sliding_window=5)


def smollm2_135m() -> Any:
    """transformers' LLaMA at the sizes of SmolLM2-135M."""
    return _exact_logits(
        "Llama",
        vocab_size=49152,
        max_position_embeddings=8192,
        hidden_size=576,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        intermediate_size=1536,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
    )


_SMALL_LLAMA: dict[str, Any] = {
    "vocab_size": 101,
    "max_position_embeddings": 32,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "rms_norm_eps": 1e-3,
    "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
}


def _exact_logits(family: str, **sizes: Any) -> Any:
    """A causal language model of transformers. What it computes in float32 whatever the
    weights are, norms, angles and routes, it computes in float64 here."""
    _without_operators()
    transformers = importlib.import_module("transformers")
    model: Any = getattr(transformers, f"{family}ForCausalLM")
    exact = _in_float64()

    class Logits(model):
        def forward(self, tokens: Any) -> Any:
            with exact:
                return super().forward(tokens, use_cache=False).logits

    with exact:
        made = Logits(getattr(transformers, f"{family}Config")(**sizes))
    for module in made.modules():  # tables that it makes are no weights
        for name in [*module._buffers]:
            setattr(module, name, module._buffers.pop(name).clone())
    return made


def _in_float64() -> Any:
    """Inside it float64 is computed where float32 is asked for by name."""
    torch = importlib.import_module("torch")
    mode: Any = importlib.import_module("torch.overrides").TorchFunctionMode

    class Exact(mode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            def widened(value: Any) -> Any:
                return torch.float64 if value is torch.float32 else value

            if function is torch.Tensor.float:
                function = torch.Tensor.double
            named = {name: widened(value) for name, value in (kwargs or {}).items()}
            return function(*map(widened, args), **named)

    return Exact()


def gpt2() -> Any:
    """Make transformers' GPT-2 at its published size."""
    return _logits()


def small_gpt2() -> Any:
    """Make transformers' GPT-2 at the sizes of the oracle of gpt."""
    return _logits(vocab_size=101, n_positions=32, n_embd=48, n_layer=3, n_head=4)


def _logits(**sizes: int) -> Any:
    _without_operators()  # transformers imports torchvision where it is installed
    transformers = importlib.import_module("transformers")
    model: Any = transformers.GPT2LMHeadModel

    class Logits(model):
        def forward(self, tokens: Any) -> Any:
            return super().forward(tokens, use_cache=False).logits

    return Logits(transformers.GPT2Config(**sizes))


def efficientnet_b0_undropped() -> Any:
    return _torchvision("efficientnet_b0", dropout=0.0, stochastic_depth_prob=0.0)


def googlenet_no_aux() -> Any:
    return _torchvision("googlenet", aux_logits=False, init_weights=False)


def small_bert() -> Any:
    """Make transformers' BERT at the sizes of the spec's ORACLES."""
    return _bert("BertModel", **_SMALL_BERT)


def small_bert_masked_lm() -> Any:
    return _bert("BertForMaskedLM", **_SMALL_BERT)


def small_bert_classes() -> Any:
    return _bert("BertForSequenceClassification", **_SMALL_BERT, num_labels=5)


def small_bert_tokens() -> Any:
    return _bert("BertForTokenClassification", **_SMALL_BERT, num_labels=5)


def small_bert_questions() -> Any:
    return _bert("BertForQuestionAnswering", **_SMALL_BERT)


def small_roberta() -> Any:
    return _bert("RobertaModel", **_SMALL_ROBERTA)


def small_roberta_masked_lm() -> Any:
    return _bert("RobertaForMaskedLM", **_SMALL_ROBERTA)


def small_roberta_classes() -> Any:
    kind = "RobertaForSequenceClassification"
    return _bert(kind, **_SMALL_ROBERTA, num_labels=5)


def small_distilbert() -> Any:
    return _bert("DistilBertModel", **_SMALL_DISTILBERT)


def small_distilbert_masked_lm() -> Any:
    return _bert("DistilBertForMaskedLM", **_SMALL_DISTILBERT)


def small_distilbert_classes() -> Any:
    kind = "DistilBertForSequenceClassification"
    return _bert(kind, **_SMALL_DISTILBERT, num_labels=5)


def minilm_l6() -> Any:
    """Make transformers' BERT at the sizes of MiniLM-L6."""
    return _bert(
        "BertModel",
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    )


_SMALL_BERT: dict[str, Any] = {
    "vocab_size": 101,
    "max_position_embeddings": 32,
    "type_vocab_size": 3,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "layer_norm_eps": 1e-3,
    "pad_token_id": None,  # else its row is not trained
}


_SMALL_ROBERTA = {**_SMALL_BERT, "type_vocab_size": 1, "pad_token_id": 1}
_SMALL_DISTILBERT: dict[str, Any] = {
    "vocab_size": 101,
    "max_position_embeddings": 32,
    "dim": 48,
    "n_layers": 3,
    "n_heads": 4,
    "hidden_dim": 40,
    "pad_token_id": None,
}


def _bert(kind: str, **sizes: Any) -> Any:
    """transformers' BERT or a relative, which takes our inputs in our order; where an
    answer begins and ends together."""
    _without_operators()
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    model: Any = getattr(transformers, kind)

    class Outputs(model):
        def forward(self, *given: Any) -> Any:
            found = tuple(super().forward(*given).values())
            return torch.stack(found, 1) if "Question" in kind else found

    made = Outputs(model.config_class(**sizes))
    for module in made.modules():
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None  # else its row is not trained
    return made


def small_t5() -> Any:
    """Make transformers' T5 at the sizes of the spec's ORACLES."""
    return _t5()


def small_t5_1_1() -> Any:
    """The same of version 1.1, whose published weights have a head of its own."""
    torch = importlib.import_module("torch")
    made = _t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    made.lm_head.weight = torch.nn.Parameter(made.lm_head.weight.detach().clone())
    return made


def _t5(**kind: Any) -> Any:
    """What it computes in float32 whatever the weights are, it computes in float64."""
    _without_operators()
    transformers = importlib.import_module("transformers")
    model: Any = transformers.T5ForConditionalGeneration
    exact = _in_float64()

    class Logits(model):
        def forward(self, source: Any, mask: Any, target: Any) -> Any:
            with exact:
                given = {"decoder_input_ids": target, "use_cache": False}
                return super().forward(source, mask, **given).logits

    config = transformers.T5Config(
        vocab_size=101,
        d_model=48,
        num_layers=3,
        num_heads=4,
        d_kv=10,
        d_ff=40,
        relative_attention_num_buckets=12,
        relative_attention_max_distance=15,
        dropout_rate=0.0,
        layer_norm_epsilon=1e-3,
        **kind,
    )
    return Logits(config)


def t5_buckets(buckets: int, reach: int, both: bool) -> list[int]:
    """The bucket of each distance to a token before, as transformers' T5 has it."""
    _without_operators()
    torch = importlib.import_module("torch")
    own = importlib.import_module("transformers.models.t5.modeling_t5")
    ways = -torch.arange(600)
    bucket = own.T5Attention._relative_position_bucket
    found: list[int] = bucket(ways, both, buckets, reach).tolist()
    return found


def small_transformer() -> Any:
    """torch's layers of a Transformer at the sizes of the spec's ORACLES, with its
    embedding and positions around them."""
    torch = importlib.import_module("torch")
    nn = torch.nn
    vocabulary, width, heads, depth = 101, 48, 4, 3
    sizes = {"dim_feedforward": 40, "dropout": 0.0, "layer_norm_eps": 1e-3}
    sizes |= {"batch_first": True}

    class Transformer(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, width)
            reading = nn.TransformerEncoderLayer(width, heads, **sizes)
            self.encoder = nn.TransformerEncoder(
                reading, depth, enable_nested_tensor=False
            )
            saying = nn.TransformerDecoderLayer(width, heads, **sizes)
            self.decoder = nn.TransformerDecoder(saying, depth)

        def forward(self, source: Any, mask: Any, target: Any) -> Any:
            unseen, later = mask == 0, nn.Transformer.generate_square_subsequent_mask
            memory = self.encoder(self.placed(source), src_key_padding_mask=unseen)
            y = self.decoder(
                self.placed(target),
                memory,
                tgt_mask=later(target.shape[1], dtype=memory.dtype),
                memory_key_padding_mask=unseen,
            )
            return y @ self.embedding.weight.T

        def placed(self, tokens: Any) -> Any:
            """Number by number, as the paper's section 3.5 writes them."""
            x = self.embedding(tokens) * math.sqrt(width)
            for place in range(tokens.shape[1]):
                for i in range(0, width, 2):
                    angle = place / 10000 ** (i / width)
                    x[:, place, i] += math.sin(angle)
                    x[:, place, i + 1] += math.cos(angle)
            return x

    return Transformer()


def torch_elman() -> Any:
    """torch's own, at the sizes of the oracle of rnn; so are the next two."""
    return _torch_layers("RNN", bidirectional=True)


def torch_gru() -> Any:
    return _torch_layers("GRU", bidirectional=True)


def torch_lstm() -> Any:
    return _torch_layers("LSTM", proj_size=4)


def _torch_layers(kind: str, **arguments: Any) -> Any:
    """torch's recurrent layers, which take padded sequences and their lengths."""
    torch = importlib.import_module("torch")
    packing = importlib.import_module("torch.nn.utils.rnn")
    base: Any = getattr(torch.nn, kind)

    class Padded(base):
        def forward(self, x: Any, lengths: Any) -> Any:
            packed = packing.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            y, state = super().forward(packed)
            y, _ = packing.pad_packed_sequence(
                y, batch_first=True, total_length=x.shape[1]
            )
            parts = state if isinstance(state, tuple) else (state,)
            return y, *(part.transpose(0, 1) for part in parts)

    return Padded(6, 9, 3, batch_first=True, **arguments)


def inception_v3_no_aux() -> Any:
    return _torchvision("inception_v3", aux_logits=False)


def mobilenet_v2_x0_35() -> Any:
    return _torchvision("mobilenet_v2", width_mult=0.35)


def mobilenet_v3_large_x1_25() -> Any:
    return _torchvision("mobilenet_v3_large", width_mult=1.25)


def mobilenet_v3_small_x0_75() -> Any:
    return _torchvision("mobilenet_v3_small", width_mult=0.75)


def keras_mobilenet_x0_25() -> Any:
    """The size that test_originals asks for; a Keras model has its own built in."""
    return _keras("MobileNet", alpha=0.25, input_shape=(61, 46, 3))


def keras_xception() -> Any:
    """Keras's Xception at the size that test_originals asks for; its unnamed layers
    count from 0."""
    importlib.import_module("keras.src.utils.naming").reset_uids()
    return _keras("Xception", input_shape=(71, 86, 3))


def small_vit() -> Any:
    """Make torchvision's Vision Transformer at the sizes of the oracle of vit."""
    _without_operators()
    models = importlib.import_module("torchvision.models")
    return models.VisionTransformer(
        image_size=24,
        patch_size=8,
        num_layers=2,
        num_heads=3,
        hidden_dim=48,
        mlp_dim=40,
        num_classes=7,
    )


def small_vit_huggingface() -> Any:
    """Make transformers' Vision Transformer of the same sizes."""
    return _classifier("ViT", "ForImageClassification")


def small_deit_huggingface() -> Any:
    """Make transformers' DeiT, with a distillation token."""
    return _classifier("DeiT", "ForImageClassificationWithTeacher")


def read_huggingface(folder: str, kind: str) -> dict[str, Any]:
    """What transformers itself makes of a folder's model.safetensors, in memory."""
    _without_operators()
    transformers = importlib.import_module("transformers")
    model = getattr(transformers, kind).from_pretrained(
        folder, config=_sizes(kind.partition("For")[0]), dtype="float64"
    )
    return {name: value.numpy() for name, value in model.state_dict().items()}


def _classifier(family: str, task: str) -> Any:
    _without_operators()
    model: Any = getattr(importlib.import_module("transformers"), family + task)

    class Logits(model):
        def forward(self, image: Any) -> Any:
            return super().forward(image).logits

    return Logits(_sizes(family))


def _sizes(family: str) -> Any:
    transformers = importlib.import_module("transformers")
    return getattr(transformers, f"{family}Config")(
        image_size=24,
        patch_size=8,
        num_hidden_layers=2,
        num_attention_heads=3,
        hidden_size=48,
        intermediate_size=40,
        num_labels=7,
    )


def short_deit() -> Any:
    """Make timm's distilled DeiT, of two blocks and a small image; while it trains it
    has two outputs."""
    model = _timm("deit_tiny_distilled_patch16_224", img_size=(48, 32), depth=2)
    model.set_distilled_training(True)
    return model


def _keras(name: str, **arguments: Any) -> Any:
    applications = importlib.import_module("keras").applications
    make = getattr(applications, name)
    return make(weights=None, classifier_activation=None, **arguments)


def _timm(name: str, **arguments: Any) -> Any:
    _without_operators()
    return importlib.import_module("timm").create_model(
        name, pretrained=False, **arguments
    )


def __getattr__(name: str) -> Any:
    """Make an original by its name: `resnet18` and every other torchvision classifier,
    of another width `mobilenet_v2_x0_5`; `keras_VGG16` of keras.applications,
    `timm_inception_v4`; `segmentation_fcn_resnet50` of torchvision."""
    if name.startswith("_"):
        raise AttributeError(name)
    origin, _, own = name.partition("_")
    makers = {
        "keras": _keras,
        "timm": _timm,
        "segmentation": _torchvision_segmentation,
    }
    if origin in makers:
        return functools.partial(makers[origin], own)
    return functools.partial(_torchvision, name)
