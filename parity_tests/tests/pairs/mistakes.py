"""One mistake a pair: what is changed in the second model, where, and for what reason.

A line without a replacement is a statement that is put in front of the last `return`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """place: words of the sentence that names it; cause: a part of the cause's."""

    kind: str
    right: str
    wrong: str
    place: str
    cause: str


def planted(kind: str, place: str, cause: str, wrong: str, right: str = "") -> Mistake:
    return Mistake(kind, right, wrong, place, cause)


BN_EPS, LN_EPS = "epsilon of a batch norm", "epsilon of a layer norm"
MOMENTUM, FROZEN = "momentum", "statistics that do not move"
ACT, GELU, SLOPE = "another activation", "form of GELU", "slope of a leaky ReLU"
PAD, PAD_KIND = "padding", "padding of another kind"
DILATION, KERNEL = "dilation", "kernel turned round"
BIAS, SCALE, MASK = "bias left out", "scale", "mask or window"
RESIDUAL, LAYER = "residual", "layer left out"
POOL, COUNT = "kind of pooling", "count of padding"
FLATTEN, AXIS = "order of a flatten", "axis"
DROP, STOP, HEADS = "rate of dropout", "stopped gradient", "number of heads"

RELU_GELU = "activation: relu against gelu"
TANH = "gelu against gelu (tanh)"
STOPPED = "a gradient that is stopped"
KERAS_GELU = "keras.activations.gelu(x, approximate=True)"


def hub(layer: int) -> str:
    return f"model.get_layer('transformer_layer_{layer}')"


MISTAKES = {
    # Real ones
    "resnet_timm resnet_transformers": planted(
        BN_EPS, "layer2.1.bn2", "eps: 1e-05 against 0.001",
        "model.resnet.encoder.stages[1].layers[1].layer[1].normalization.eps = 1e-3",
    ),
    "vit_timm vit_transformers": planted(
        LN_EPS, "blocks.1.norm2", "eps: 1e-06 against 1e-05",
        "model.vit.layers[1].layernorm_after.eps = 1e-5",
    ),
    "vit_torchvision vit_timm": planted(
        HEADS, "self_attention", "heads: 3 against 4",
        "model.blocks[1].attn.num_heads, model.blocks[1].attn.head_dim = 4, 3",
    ),
    "convnext_timm convnext_transformers": planted(
        GELU, "stages.2.blocks.1.mlp", TANH,
        "model.convnext.encoder.stages[2].layers[1].act.forward = "
        "lambda x: __import__('torch').nn.functional.gelu(x, approximate='tanh')",
    ),
    "convnext_torchvision convnext_timm": planted(
        PAD_KIND, "features.1.0.block.0", "padding of another kind",
        "model.stages[0].blocks[0].conv_dw.padding_mode = 'reflect'",
    ),
    "convnext_timm convnext_applications": planted(
        ACT, "stages.2.blocks.0.mlp", "gelu against silu",
        "model.get_layer('convnext_stage_2_block_0_gelu').activation = "
        "__import__('keras').activations.silu",
    ),
    "densenet_timm densenet_applications": planted(
        POOL, "transition1.pool", "pooling",
        "model.get_layer('pool2_pool').pool_mode = 'max'",
    ),
    "densenet_torchvision densenet8_timm": planted(
        MOMENTUM, "denseblock2.denselayer1.norm2", "momentum: 0.9",
        "model.features.denseblock2.denselayer1.norm2.momentum = 0.9",
    ),
    "resnet18_torchvision resnet18_timm": planted(
        FROZEN, "layer2.0.bn1", "statistics",
        "model.layer2[0].bn1.train = lambda mode=True: model.layer2[0].bn1",
    ),
    "resnet_biased_transformers resnet50_applications": planted(
        SLOPE, "stages.1.layers.1.layer.0", "relu against leaky_relu (0.2)",
        "model.get_layer('conv3_block2_1_relu').activation = "
        "lambda x: __import__('keras').ops.leaky_relu(x, 0.2)",
    ),
    "swin_torchvision swin_transformers": planted(
        MASK, "features.1.1", "shift_size",
        "model.swin.encoder.layers[0].blocks[1].shift_size = 0",
    ),
    "swin_timm swin_torchvision": planted(
        GELU, "layers.1.blocks.0.mlp", TANH,
        "model.features[3][0].mlp[1].approximate = 'tanh'",
    ),
    "mobilenet_v2_torchvision mobilenet_v2_timm": planted(
        ACT, "features.2", "against relu",
        "model.blocks[1][0].bn1.act = __import__('torch').nn.ReLU()",
    ),
    "mobilenet_v2_same_timm mobilenet_v2_applications": planted(
        PAD, "blocks.2.0", "padding",
        "model.get_layer('block_3_pad').padding = ((1, 0), (1, 0))",
    ),
    "mobilenet_v1_transformers mobilenet_v1_applications": planted(
        DILATION, "layer.4", "dilation: 1 against 2",
        "model.get_layer('conv_dw_3').dilation_rate = (2, 2)",
    ),
    "mobilenet_v3_timm mobilenet_v3_applications": planted(
        BN_EPS, "blocks.1.0.bn1", "eps: 0.001 against 1e-05",
        "model.get_layer('expanded_conv_1_expand_bn').epsilon = 1e-5",
    ),
    "vgg16_torchvision vgg16_applications": planted(
        POOL, "0.9", "pooling", "model.get_layer('block2_pool').pool_mode = 'average'",
    ),
    "efficientnet_v2_timm efficientnet_v2_applications": planted(
        BIAS, "classifier", "bias left out",
        "model.get_layer('predictions').bias = None",
    ),
    "regnet_torchvision regnet_transformers": planted(
        RESIDUAL, "block3", "residual left out",
        "model.regnet.encoder.stages[2].layers[1].shortcut.forward = lambda x: x * 0",
    ),
    "beit_timm beit_transformers": planted(
        STOP, "blocks.0.mlp.fc1", STOPPED,
        "model.beit.layers[0].mlp.fc2.register_forward_pre_hook("
        "lambda m, x: (x[0].detach(),))",
    ),
    "dinov2_transformers dinov2_timm": planted(
        LAYER, "norm2", "layer left out",
        "model.blocks[1].norm2.forward = lambda x: x",
    ),
    "inception_torchvision inception_timm": planted(
        KERNEL, "Mixed_5b.branch5x5_2.conv", "kernel turned round",
        "conv = model.Mixed_5b.branch5x5_2.conv\n    "
        "conv.forward = lambda x: __import__('torch').conv2d("
        "x, conv.weight.flip(2, 3), padding=2)",
    ),
    "bert_tanh_transformers bert_hub": planted(
        GELU, "encoder.layer.1.intermediate", "gelu (tanh) against gelu",
        f"{hub(1)}._feedforward_intermediate_dense.activation = "
        "lambda x: __import__('keras').activations.gelu(x, approximate=False)",
    ),
    "gpt2_transformers gpt2_hub": planted(
        LN_EPS, "h.1.ln_2", "eps: 1e-05 against 0.001",
        f"{hub(1)}._feedforward_layer_norm.epsilon = 1e-3",
    ),
    "distilbert_transformers distilbert_hub": planted(
        DROP, "drops", "rate of dropout",
        f"{hub(1)}._feedforward_dropout.rate = 0.4",
    ),
    "albert_transformers albert_hub": planted(
        ACT, "ffn", "gelu (tanh) against relu",
        "model.transformer_layers[0][0]._feedforward_intermediate_dense.activation = "
        "__import__('keras').activations.relu",
    ),
    "llama_transformers llama_hub": planted(
        LN_EPS, "layers.1.post_attention_layernorm", "eps: 1e-06 against 0.001",
        f"{hub(1)}._feedforward_layernorm.epsilon = 1e-3",
    ),
    "mistral_transformers mistral_hub": planted(
        MASK, "layers.0.self_attn", "sliding_window: 4 against 2",
        "sliding_window=2", "sliding_window=4",
    ),
    "gemma_transformers gemma_hub": planted(
        LAYER, "norm", "layer left out",
        "model.layer_norm.call = lambda x: x",
    ),
    "gpt_neox_transformers gpt_neox_hub": planted(
        ACT, "layers.1.mlp", "gelu (tanh) against relu",
        f"{hub(1)}._feedforward_intermediate_dense.activation = "
        "__import__('keras').activations.relu",
    ),
    "vit_backbone_transformers vit_hub": planted(
        LN_EPS, "layers.0.layernorm_before", "eps: 1e-06 against 0.001",
        "mlp_dim=48, layer_norm_epsilon=1e-3", "mlp_dim=48",
    ),
    "resnet_features_timm resnet_hub": planted(
        MOMENTUM, "layer1.0.bn2", "momentum: 0.9",
        "model.get_layer('stack0_block0_2_bn').momentum = 0.5",
    ),
    "segformer_transformers segformer_hub": planted(
        LN_EPS, "stages.0", "eps: 1e-05 against 0.001",
        "for layer in model._flatten_layers():\n"
        "        if type(layer).__name__ == 'LayerNormalization':\n"
        "            layer.epsilon = 1e-3",
    ),
    "bert_transformers bert_flax": planted(
        GELU, "encoder.layer.0.intermediate", TANH, '"gelu_new"', '"gelu"',
    ),
    "electra_transformers electra_flax": planted(
        ACT, "encoder.layer.0.intermediate", "gelu against silu", '"silu"', '"gelu"',
    ),
    "gpt2_transformers gpt2_flax": planted(
        LN_EPS, "h.0.ln_1", "eps: 1e-05 against 0.001",
        "n_head=3, layer_norm_epsilon=1e-3", "n_head=3",
    ),
    "distilbert_transformers distilbert_flax": planted(
        HEADS, "layer.0.attention", "heads: 3 against 4", "n_heads=4", "n_heads=3",
    ),
    "llama_transformers llama_flax": planted(
        ACT, "layers.0.mlp", "silu against gelu", '"gelu"', '"silu"',
    ),
    "vit_transformers vit_flax": planted(
        LN_EPS, "layernorm_before", "eps: 1e-06 against 0.001", "eps=1e-3", "eps=1e-6",
    ),
    "resnet_transformers resnet_flax": planted(
        ACT, "embedder", "relu against silu",
        'num_labels=5, hidden_act="silu"', "num_labels=5",
    ),
    # Written ones
    "five_torch five_keras": planted(
        BN_EPS, "bn", "eps: 1e-05 against 0.001", "epsilon=1e-3", "epsilon=1e-5"
    ),
    "five_torch five_nnx": planted(
        FLATTEN, "c2", "flatten order", "pass", "x = x.transpose(0, 3, 1, 2)"
    ),
    "flat_torch flat_keras": planted(
        ACT, "0", RELU_GELU, '"gelu"', '"relu"'
    ),
    "attention_torch attention_keras": planted(
        HEADS, "attn", "heads: 2 against 4", "(4, 2)", "(2, 4)"
    ),
    "attention_torch attention_nnx": planted(
        GELU, "fc1", TANH, "approximate=True", "approximate=False"
    ),
    "fused_torch fused_keras": planted(SCALE, "proj", "scale", "4**0.5", "8**0.5"),
    "lstm_torch lstm_keras": planted(
        ACT, "rnn", "activation of the gates",
        'LSTM(4, recurrent_activation="tanh")', "LSTM(4)"
    ),
    "lstm_torch lstm_nnx": planted(
        AXIS, "rnn", "step in time", "self.rnn(x)[:, -2]", "self.rnn(x)[:, -1]"
    ),
    "gru_torch gru_keras": planted(
        PAD, "conv", "padding: 1 against causal", '"causal"', '"same"'
    ),
    "nested_torch nested_keras": planted(
        SCALE, "embed", "scale: 1 against 2", "2 * (x @ table)", "x @ table"
    ),
    "nested_torch nested_nnx": planted(
        STOP, "embed.weight", STOPPED,
        "self.tokens.attend(__import__('jax').lax.stop_gradient(x))",
        "self.tokens.attend(x)"
    ),
    "bridge_torch bridge_nnx": planted(
        ACT, "0", "activation: tanh against sine", "jnp.sin", "jnp.tanh"
    ),
    "mixed_torch mixed_linen": planted(
        DROP, "drop drops 0.2", "rate of dropout", "Dropout(0.3", "Dropout(0.2"
    ),
    "gpt2_head_transformers gpt2_hand_torch": planted(
        MASK, "c_proj", "mask of the attention", "is_causal=False", "is_causal=True"
    ),
    "bert_transformers bert_hand_nnx": planted(
        RESIDUAL, "attention.output", "residual left out",
        "self.ln1(self.mha(x))", "self.ln1(x + self.mha(x))"
    ),
    "unet_torch unet_keras": planted(
        "kind of interpolation", "dec1.0", "interpolation", '"bilinear"', '"nearest"'
    ),
    "squeezed_torch squeezed_nnx": planted(
        ACT, "blocks.0.bn1", "hard_swish against silu",
        "nnx.silu(self.norm_a", "nnx.hard_swish(self.norm_a"
    ),
    "bilstm_torch bilstm_keras": planted(
        ACT, "embed", "activation of the gates",
        "layers.LSTM(4, return_sequences=True, recurrent_activation='relu')",
        "layers.LSTM(4, return_sequences=True)",
    ),
    "cells_torch cells_nnx": planted(
        LAYER, "cell", "step", "x[:, 0]", "x[:, t]"
    ),
    "causal_torch causal_nnx": planted(
        DILATION, "blocks.0.conv", "dilation", "kernel_dilation=1 + wide",
        "kernel_dilation=wide",
    ),
    "tower_keras tower_nnx": planted(
        ACT, "tower", "abs", "jnp.square(", "jnp.abs("
    ),
    "tied_torch tied_linen": planted(
        BIAS, "enc", "bias", "kernel\"].T", "kernel\"].T + shift"
    ),
    "cross_torch cross_keras": planted(
        MASK, "own", "mask of the attention", "self.self_attention(x, x)",
        "self.self_attention(x, x, use_causal_mask=True)"
    ),
    "transposed_torch transposed_nnx": planted(
        SCALE, "c_proj", "scale", "/ 8**0.5", "/ 4**0.5"
    ),
    "steps_torch steps_keras": planted(
        LN_EPS, "norm1", "eps: 1e-05 against 0.001",
        "GroupNormalization(4, epsilon=1e-3)", "GroupNormalization(4, epsilon=1e-5)"
    ),
    "masked_torch masked_keras": planted(
        MASK, "hidden", "mask", "x = ops.sum(x, 1)", "x = ops.sum(x * weight, 1)"
    ),
    "experts_torch experts_nnx": planted(
        AXIS, "gate", "axis of the softmax", "softmax(self.router(x), 0)",
        "softmax(self.router(x), -1)"
    ),
    "llama_torch llama_linen": planted(
        LAYER, "norm2", "another tensor", "y = self.before(x)\n        return",
        "y = self.after(x)\n        return"
    ),
    "mixer_keras mixer_linen": planted(
        RESIDUAL, "stack.0", "residual left out",
        "x = Mlp(6", "x = x + Mlp(6"
    ),
    "grouped_torch grouped_keras": planted(
        AXIS, "conv2", "order", "(0, 1, 4, 2, 3, 5)", "(0, 1, 3, 2, 4, 5)"
    ),
    "private_keras private_sub_keras": planted(
        SLOPE, "leaky_re_lu", "leaky_relu (0.3) against leaky_relu (0.01)",
        "ops.leaky_relu(x, 0.01)", "ops.leaky_relu(x, 0.3)"
    ),
    "elman_torch elman_keras": planted(
        LAYER, "rnn", "another tensor (what entered ln)", "return states, last",
        "return self._norm(states), last"
    ),
    "video_torch video_keras": planted(
        POOL, "conv", "pooling", "ops.maximum(x[:, ::2], x[:, 1::2])",
        "(x[:, ::2] + x[:, 1::2]) / 2",
    ),
    "twins_nnx twins_linen": planted(
        COUNT, "bn", "pooling", "nn.max_pool(", "nn.avg_pool("
    ),
    "encoder_torch encoder_nnx": planted(
        LAYER, "norm1", "layer left out", "self.mha(x)", "self.mha(self.n1(x))"
    ),
    "named_torch sequence_torch": planted(
        COUNT, "pool", "pooling", "nn.MaxPool2d(2)", "nn.AvgPool2d(2)"
    ),
    "pixels_torch pixels_equinox": planted(
        POOL, "pool", "pooling", "nn.AvgPool2d(2, 2)", "nn.MaxPool2d(2, 2)"
    ),
    "pixels_torch pixels_haiku": planted(
        MOMENTUM, "bn.running_mean", "momentum: 0.9",
        "True, True, 0.5", "True, True, 0.9"
    ),
    "pixels_torch pixels_onnx": planted(
        PAD, "conv2", "padding: 1", "[0, 0, 1, 1], \"strides", "[1] * 4, \"strides"
    ),
    "words_torch words_equinox": planted(
        RESIDUAL, "mlp.2", "residual left out", "(self.out)(y)", "(self.out)(x + y)"
    ),
    "words_torch words_haiku": planted(
        GELU, "mlp.0", TANH, "approximate=True", "approximate=False"
    ),
    "resnet18_torchvision resnet18_onnx": planted(
        BN_EPS, "layer2.0.bn1", "eps: 1e-05 against 0.01",
        "model.layer2[0].bn1.eps = 1e-2\n    torch.onnx.export", "torch.onnx.export",
    ),
    "resnet18_torchvision resnet18_nnx": planted(
        RESIDUAL, "layer1.0", "residual left out",
        "nnx.relu(y if self.skip is None else y + self.skip(x))",
        "nnx.relu(y + (x if self.skip is None else self.skip(x)))",
    ),
}  # fmt: skip
