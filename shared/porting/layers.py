"""Layers with weights of their own, and those without that have a state or a window."""

from shared.porting.base import Entry, Form

_CONV = {"kernel": "weight.transpose(2, 3, 1, 0)", "bias": "bias"}
_PADDED = "layer(ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))"
_SCALED = {"scale": "weight", "bias": "bias"}
_NORM = {"gamma": "weight", "beta": "bias"}
_STATE = {"mean": "running_mean", "var": "running_var"}
_MOVING = {"moving_mean": "running_mean", "moving_variance": "running_var"}
_STATISTICS = {"running_mean": (3,), "running_var": (3,)}
_AFFINE = {"weight": (3,), "bias": (3,)}
_SAME = (
    "Keras's padding=\"same\" puts the odd pixel at the end, PyTorch's number pads "
    "both "
    'sides alike: pad first and convolve "valid".'
)
_EPS = "The three defaults of epsilon differ: say it."

ENTRIES = (
    Entry(
        key="linear",
        kind="layers",
        title="fully connected",
        inputs={"x": (2, 3)},
        weights={"weight": (5, 3), "bias": (5,)},
        pytorch=Form("nn.Linear(3, 5)"),
        keras=Form("layers.Dense(5)", takes={"kernel": "weight.T", "bias": "bias"}),
        jax=Form(
            "nnx.Linear(3, 5, rngs=rngs)", takes={"kernel": "weight.T", "bias": "bias"}
        ),
        notes=(
            "PyTorch keeps (out, in), the others (in, out).",
            "Keras finds the inputs' width when it is built.",
        ),
        differences=("lazy", "matmul-2d"),
        also=("flax.linen.Dense", "equinox.nn.Linear"),
    ),
    Entry(
        key="conv2d",
        kind="layers",
        title="convolution over pictures",
        inputs={"x": (2, 3, 7, 8)},
        weights={"weight": (5, 3, 3, 3), "bias": (5,)},
        last=("x", "y"),
        pytorch=Form("nn.Conv2d(3, 5, 3, stride=2, padding=1)"),
        keras=Form("layers.Conv2D(5, 3, strides=2)", _PADDED, _CONV),
        jax=Form(
            "nnx.Conv(3, 5, (3, 3), strides=2, padding=1, rngs=rngs)", takes=_CONV
        ),
        notes=(
            "PyTorch has channels first and keeps (out, in, rows, columns); the others "
            "have them last and keep (rows, columns, in, out).",
            _SAME,
            "NNX's padding is \"SAME\" where nothing is said, PyTorch's is 0.",
        ),
        differences=("padding", "lopsided", "flatten"),
        also=("F.conv2d", "flax.linen.Conv", "jax.lax.conv_general_dilated"),
    ),
    Entry(
        key="grouped_conv2d",
        kind="layers",
        title="convolution in groups",
        inputs={"x": (2, 6, 7, 8)},
        weights={"weight": (4, 3, 3, 3), "bias": (4,)},
        last=("x", "y"),
        pytorch=Form("nn.Conv2d(6, 4, 3, groups=2)"),
        keras=Form("layers.Conv2D(4, 3, groups=2)", takes=_CONV),
        jax=Form(
            "nnx.Conv(6, 4, (3, 3), padding='VALID', feature_group_count=2, rngs=rngs)",
            takes=_CONV,
        ),
        notes=("The kernel's axis of inputs has as many as one group takes.",),
        differences=("grouped-conv",),
    ),
    Entry(
        key="depthwise_conv2d",
        kind="layers",
        title="convolution of each channel by itself",
        inputs={"x": (2, 3, 7, 8)},
        weights={"weight": (3, 1, 3, 3), "bias": (3,)},
        last=("x", "y"),
        pytorch=Form("nn.Conv2d(3, 3, 3, groups=3)"),
        keras=Form(
            "layers.DepthwiseConv2D(3)",
            takes={"kernel": "weight.transpose(2, 3, 0, 1)", "bias": "bias"},
        ),
        jax=Form(
            "nnx.Conv(3, 3, (3, 3), padding='VALID', feature_group_count=3, rngs=rngs)",
            takes=_CONV,
        ),
        notes=("Keras's own layer keeps (rows, columns, in, multiplier).",),
        differences=("depthwise",),
        also=("keras.layers.SeparableConv2D",),
    ),
    Entry(
        key="conv1d",
        kind="layers",
        title="convolution along time",
        inputs={"x": (2, 3, 9)},
        weights={"weight": (5, 3, 3), "bias": (5,)},
        last=("x", "y"),
        pytorch=Form("nn.Conv1d(3, 5, 3, dilation=2)"),
        keras=Form(
            "layers.Conv1D(5, 3, dilation_rate=2)",
            takes={"kernel": "weight.transpose(2, 1, 0)", "bias": "bias"},
        ),
        jax=Form(
            "nnx.Conv(3, 5, (3,), padding='VALID', kernel_dilation=2, rngs=rngs)",
            takes={"kernel": "weight.transpose(2, 1, 0)", "bias": "bias"},
        ),
        notes=(
            "PyTorch has (batch, channels, time), the others (batch, time, channels).",
            'Keras alone knows padding="causal"; elsewhere pad the front.',
        ),
    ),
    Entry(
        key="conv_transpose2d",
        kind="layers",
        title="transposed convolution",
        inputs={"x": (2, 3, 4, 5)},
        weights={"weight": (3, 5, 4, 4), "bias": (5,)},
        last=("x", "y"),
        pytorch=Form("nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1)"),
        keras=Form(
            "layers.Conv2DTranspose(5, 4, strides=2)",
            "layer(x)[:, 1:-1, 1:-1]",
            {"kernel": "weight.transpose(2, 3, 1, 0)", "bias": "bias"},
        ),
        jax=Form(
            "nnx.ConvTranspose(3, 5, (4, 4), strides=(2, 2), padding=2, "
            "transpose_kernel=True, rngs=rngs)",
            takes={"kernel": "weight.transpose(2, 3, 1, 0)", "bias": "bias"},
        ),
        notes=(
            "PyTorch keeps (in, out, rows, columns), the others (rows, columns, out, "
            "in); "
            "NNX another, turned by half, without transpose_kernel.",
            "PyTorch's padding p is kernel - 1 - p in NNX, and in Keras what is cut "
            "off.",
        ),
        differences=("conv-transpose",),
        also=("flax.linen.ConvTranspose",),
    ),
    Entry(
        key="embedding",
        kind="layers",
        title="rows of a table by number",
        inputs={"ids": (2, 4)},
        whole={"ids": 7},
        weights={"weight": (7, 5)},
        pytorch=Form("nn.Embedding(7, 5)", "layer(ids)"),
        keras=Form("layers.Embedding(7, 5)", "layer(ids)", {"embeddings": "weight"}),
        jax=Form("nnx.Embed(7, 5, rngs=rngs)", "layer(ids)", {"embedding": "weight"}),
        notes=(
            "A number beyond the table raises in PyTorch; JAX gives NaN or the "
            "nearest.",
            "PyTorch starts N(0, 1), Keras U(-0.05, 0.05), NNX N(0, 1 / width).",
        ),
        differences=("embed-dtype", "keras-sparse"),
        also=("flax.linen.Embed", "F.embedding"),
    ),
    Entry(
        key="batch_norm",
        kind="layers",
        title="batch norm, in evaluation",
        inputs={"x": (4, 3, 5, 5)},
        weights={**_AFFINE, **_STATISTICS},
        last=("x", "y"),
        pytorch=Form(
            "nn.BatchNorm2d(3, eps=1e-3, momentum=0.1).eval()",
            defaults={"eps": 1e-5, "momentum": 0.1},
        ),
        keras=Form(
            "layers.BatchNormalization(epsilon=1e-3, momentum=0.9)",
            "layer(x, training=False)",
            _NORM | _MOVING,
            {"epsilon": 1e-3, "momentum": 0.99},
        ),
        jax=Form(
            "nnx.BatchNorm(3, epsilon=1e-3, momentum=0.9, use_running_average=True, "
            "rngs=rngs)",
            "layer(x)",
            _SCALED | _STATE,
            {"epsilon": 1e-5, "momentum": 0.99},
        ),
        notes=(
            _EPS,
            "PyTorch's momentum is the share of the new statistic, the others' that of "
            "the old one: 0.1 there is 0.9 here.",
            "PyTorch keeps the unbiased running variance, the others the biased one.",
            "Training mode: model.train(), training=True, model.train().",
        ),
        differences=("bn-momentum", "bn-var", "bn-one", "bn-frozen"),
        also=("torch.nn.BatchNorm1d", "flax.linen.BatchNorm"),
    ),
    Entry(
        key="batch_norm_training",
        kind="layers",
        title="batch norm, in training",
        inputs={"x": (4, 3, 5, 5)},
        weights={**_AFFINE, **_STATISTICS},
        last=("x", "y"),
        pytorch=Form("nn.BatchNorm2d(3, eps=1e-3)"),
        keras=Form(
            "layers.BatchNormalization(epsilon=1e-3)",
            "layer(x, training=True)",
            _NORM | _MOVING,
        ),
        jax=Form(
            "nnx.BatchNorm(3, epsilon=1e-3, use_fast_variance=False, rngs=rngs)",
            "layer(x)",
            _SCALED | _STATE,
            {"use_fast_variance": True},
        ),
        notes=(
            "Flax subtracts squares unless use_fast_variance=False, and loses digits.",
            "The running statistics differ afterwards: momentum and the unbiased "
            "variance.",
        ),
        differences=("fast-variance", "bn-momentum", "bn-var"),
    ),
    Entry(
        key="layer_norm",
        kind="layers",
        title="layer norm",
        inputs={"x": (2, 4, 3)},
        weights=_AFFINE,
        pytorch=Form("nn.LayerNorm(3, eps=1e-6)", defaults={"eps": 1e-5}),
        keras=Form(
            "layers.LayerNormalization(epsilon=1e-6)",
            takes=_NORM,
            defaults={"epsilon": 1e-3},
        ),
        jax=Form(
            "nnx.LayerNorm(3, epsilon=1e-6, use_fast_variance=False, rngs=rngs)",
            takes=_SCALED,
            defaults={"epsilon": 1e-6, "use_fast_variance": True},
        ),
        notes=(
            _EPS,
            "Over the last axis: channels in Keras and JAX, columns of a picture in "
            "PyTorch.",
        ),
        differences=("norm-axis", "fast-variance"),
        also=("F.layer_norm", "flax.linen.LayerNorm"),
    ),
    Entry(
        key="group_norm",
        kind="layers",
        title="group norm",
        inputs={"x": (2, 6, 4, 5)},
        weights={"weight": (6,), "bias": (6,)},
        last=("x", "y"),
        pytorch=Form("nn.GroupNorm(2, 6, eps=1e-6)", defaults={"eps": 1e-5}),
        keras=Form(
            "layers.GroupNormalization(2, epsilon=1e-6)",
            takes=_NORM,
            defaults={"epsilon": 1e-3},
        ),
        jax=Form(
            "nnx.GroupNorm(6, num_groups=2, epsilon=1e-6, use_fast_variance=False, "
            "rngs=rngs)",
            takes=_SCALED,
            defaults={"epsilon": 1e-6, "num_groups": 32},
        ),
        notes=(_EPS, "Groups come first in PyTorch, channels in NNX."),
        differences=("fast-variance",),
        also=("flax.linen.GroupNorm",),
    ),
    Entry(
        key="rms_norm",
        kind="layers",
        title="root mean square norm",
        inputs={"x": (2, 4, 3)},
        weights={"weight": (3,)},
        pytorch=Form("nn.RMSNorm(3, eps=1e-6)", defaults={"eps": None}),
        keras=Form(
            "layers.RMSNormalization(epsilon=1e-6)",
            takes={"scale": "weight"},
            defaults={"epsilon": 1e-6},
        ),
        jax=Form(
            "nnx.RMSNorm(3, epsilon=1e-6, rngs=rngs)",
            takes={"scale": "weight"},
            defaults={"epsilon": 1e-6},
        ),
        notes=("PyTorch's epsilon is that of the type where nothing is said.",),
        also=("flax.linen.RMSNorm",),
    ),
    Entry(
        key="max_pool2d",
        kind="layers",
        title="largest of a window",
        inputs={"x": (2, 3, 7, 8)},
        last=("x", "y"),
        pytorch=Form("nn.MaxPool2d(2)"),
        keras=Form("layers.MaxPooling2D(2)"),
        jax=Form("", "nnx.max_pool(x, (2, 2), strides=(2, 2))"),
        notes=(
            "Pad with minus infinity, not with zeros.",
            "NNX moves by 1 where no strides are given, the others by the window.",
        ),
        differences=("pool-padding", "pooling"),
        also=("F.max_pool2d", "flax.linen.max_pool"),
    ),
    Entry(
        key="avg_pool2d",
        kind="layers",
        title="mean of a window",
        inputs={"x": (2, 3, 7, 8)},
        last=("x", "y"),
        pytorch=Form("nn.AvgPool2d(3, stride=2)", defaults={"count_include_pad": True}),
        keras=Form("layers.AveragePooling2D(3, strides=2)"),
        jax=Form(
            "",
            "nnx.avg_pool(x, (3, 3), strides=(2, 2))",
            defaults={"count_include_pad": True},
        ),
        notes=(
            'Of a padded window Keras\'s "same" divides by what is inside, PyTorch and '
            "NNX "
            "by all (count_include_pad).",
        ),
        differences=("pool-padding", "adaptive-pool"),
        also=("F.avg_pool2d", "flax.linen.avg_pool"),
    ),
    Entry(
        key="global_avg_pool2d",
        kind="layers",
        title="mean of a whole map",
        inputs={"x": (2, 3, 7, 8)},
        last=("x",),
        pytorch=Form("nn.AdaptiveAvgPool2d(1)", "layer(x).flatten(1)"),
        keras=Form("layers.GlobalAveragePooling2D()"),
        jax=Form("", "jnp.mean(x, axis=(1, 2))"),
        differences=("adaptive-pool",),
        also=("F.adaptive_avg_pool2d",),
    ),
    Entry(
        key="flatten",
        kind="layers",
        title="a picture as one row",
        inputs={"x": (2, 3, 4, 5)},
        last=("x",),
        pytorch=Form("nn.Flatten()"),
        keras=Form("layers.Flatten()", "layer(ops.transpose(x, (0, 3, 1, 2)))"),
        jax=Form("", "jnp.reshape(x.transpose(0, 3, 1, 2), (len(x), -1))"),
        notes=(
            "The order differs: turn the axes first, or the rows of the next layer's "
            "kernel. A port with this mistake has every shape right.",
        ),
        differences=("flatten",),
        also=("torch.flatten",),
    ),
    Entry(
        key="dropout",
        kind="layers",
        title="dropout, in evaluation",
        inputs={"x": (2, 3)},
        pytorch=Form("nn.Dropout(0.5).eval()"),
        keras=Form("layers.Dropout(0.5)", "layer(x, training=False)"),
        jax=Form("nnx.Dropout(0.5, deterministic=True, rngs=rngs)"),
        notes=(
            "The same seed gives other masks in each: hand the mask in to compare.",
            "All three divide by what is kept in training.",
        ),
        differences=("randomness", "rngs"),
        also=("F.dropout", "flax.linen.Dropout"),
    ),
)
