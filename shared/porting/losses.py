"""Losses: what they take first, what they average over, and what they are given."""

from shared.porting.base import Entry, Form

_PAIR = {"y": (4, 5), "t": (4, 5)}
_CLASSES = {"y": (4, 5), "t": (4,)}
_ORDER = "PyTorch and optax take the prediction first, Keras the target."
_MEAN = "optax gives a value a sample: the mean is yours to take."


ENTRIES = (
    Entry(
        key="cross_entropy",
        kind="losses",
        title="cross-entropy of logits and class numbers",
        inputs=_CLASSES,
        whole={"t": 5},
        pytorch=Form("", "F.cross_entropy(y, t)"),
        keras=Form(
            "losses.SparseCategoricalCrossentropy(from_logits=True)",
            "layer(t, y)",
            defaults={"from_logits": False},
        ),
        jax=Form("", "optax.softmax_cross_entropy_with_integer_labels(y, t).mean()"),
        notes=(
            _ORDER,
            _MEAN,
            "Keras takes shares, not logits, unless from_logits=True.",
            "PyTorch has the classes on axis 1 of a picture, the others on the last.",
        ),
        differences=("cross-entropy",),
        also=("torch.nn.CrossEntropyLoss", "torch.nn.functional.nll_loss"),
    ),
    Entry(
        key="label_smoothing",
        kind="losses",
        title="cross-entropy with smoothed labels",
        inputs=_CLASSES,
        whole={"t": 5},
        pytorch=Form("", "F.cross_entropy(y, t, label_smoothing=0.1)"),
        keras=Form(
            "losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)",
            "layer(ops.one_hot(t, 5), y)",
        ),
        jax=Form(
            "",
            "optax.softmax_cross_entropy(y, "
            "optax.smooth_labels(nnx.one_hot(t, 5), 0.1)).mean()",
        ),
        notes=(
            "Keras and optax smooth rows of shares, so the numbers become rows first.",
        ),
        differences=("cross-entropy",),
    ),
    Entry(
        key="binary_cross_entropy",
        kind="losses",
        title="binary cross-entropy of logits",
        inputs=_PAIR,
        pytorch=Form("", "F.binary_cross_entropy_with_logits(y, (t > 0).to(y))"),
        keras=Form(
            "losses.BinaryCrossentropy(from_logits=True)",
            'layer(ops.cast(t > 0, "float64"), y)',
            defaults={"from_logits": False},
        ),
        jax=Form(
            "",
            "optax.sigmoid_binary_cross_entropy(y, (t > 0).astype(y.dtype)).mean()",
        ),
        notes=(_ORDER, _MEAN, "Keras clips shares at 1e-7 where it is given shares."),
        also=("torch.nn.BCEWithLogitsLoss", "torch.nn.BCELoss"),
    ),
    Entry(
        key="mse",
        kind="losses",
        title="mean squared error",
        inputs=_PAIR,
        pytorch=Form("", "F.mse_loss(y, t)"),
        keras=Form("losses.MeanSquaredError()", "layer(t, y)"),
        jax=Form("", "optax.squared_error(y, t).mean()"),
        notes=(_ORDER, _MEAN, "optax.l2_loss is the half of it."),
        also=("torch.nn.MSELoss", "optax.l2_loss"),
    ),
    Entry(
        key="mae",
        kind="losses",
        title="mean absolute error",
        inputs=_PAIR,
        pytorch=Form("", "F.l1_loss(y, t)"),
        keras=Form("losses.MeanAbsoluteError()", "layer(t, y)"),
        jax=Form("", "jnp.abs(y - t).mean()"),
        notes=(
            "Its gradient where both are equal is 0 in PyTorch and 1 or 0 elsewhere.",
        ),
        differences=("abs-gradient",),
        also=("torch.nn.L1Loss", "optax.losses.absolute_error"),
    ),
    Entry(
        key="huber",
        kind="losses",
        title="Huber's",
        inputs=_PAIR,
        pytorch=Form("", "F.huber_loss(y, t, delta=0.5)", defaults={"delta": 1.0}),
        keras=Form("losses.Huber(delta=0.5)", "layer(t, y)", defaults={"delta": 1.0}),
        jax=Form(
            "", "optax.huber_loss(y, t, delta=0.5).mean()", defaults={"delta": 1.0}
        ),
        notes=("PyTorch's smooth_l1_loss is this divided by its beta.",),
        also=("torch.nn.SmoothL1Loss", "torch.nn.HuberLoss"),
    ),
    Entry(
        key="kl",
        kind="losses",
        title="Kullback-Leibler divergence",
        inputs=_PAIR,
        pytorch=Form(
            "",
            'F.kl_div(F.log_softmax(y, -1), F.softmax(t, -1), reduction="batchmean")',
            defaults={"reduction": "mean"},
        ),
        keras=Form("losses.KLDivergence()", "layer(ops.softmax(t), ops.softmax(y))"),
        jax=Form(
            "",
            "optax.losses.kl_divergence(nnx.log_softmax(y), nnx.softmax(t)).mean()",
        ),
        notes=(
            'PyTorch\'s reduction="mean" divides by every value: take "batchmean".',
            "PyTorch and optax take logarithms of the prediction, Keras shares, which "
            "it "
            "clips at 1e-7.",
        ),
        also=("torch.nn.KLDivLoss",),
    ),
    Entry(
        key="cosine",
        kind="losses",
        title="similarity by the angle",
        inputs=_PAIR,
        pytorch=Form("", "F.cosine_similarity(y, t, dim=-1).mean()"),
        keras=Form("losses.CosineSimilarity()", "-layer(t, y)"),
        jax=Form("", "optax.losses.cosine_similarity(y, t).mean()"),
        notes=(
            "Keras's is negative, as a loss. Zero vectors differ: see the epsilons.",
        ),
        differences=("cosine-eps",),
        also=("torch.nn.CosineEmbeddingLoss", "torch.nn.CosineSimilarity"),
    ),
    Entry(
        key="hinge",
        kind="losses",
        title="hinge of two classes",
        inputs=_PAIR,
        pytorch=Form("", "torch.relu(1 - torch.sign(t) * y).mean()"),
        keras=Form("losses.Hinge()", "layer(ops.sign(t), y)"),
        jax=Form("", "optax.hinge_loss(y, jnp.sign(t)).mean()"),
        notes=(
            "PyTorch's HingeEmbeddingLoss is another function.",
            "Keras takes targets of 0 and 1 for -1 and 1.",
        ),
    ),
)
