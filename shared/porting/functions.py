"""Activations, and what is done to tensors: functions without weights."""

from shared.porting.base import Entry, Form

_X = {"x": (2, 3, 4)}


def _alike(
    key: str,
    title: str,
    torch: str,
    keras: str,
    jax: str,
    *notes: str,
    single: tuple[str, ...] = (),
    differences: tuple[str, ...] = (),
) -> Entry:
    """Give the entry of a function of one array that is only called otherwise."""
    return Entry(
        key=key,
        kind="functions",
        title=title,
        inputs=_X,
        pytorch=Form("", torch),
        keras=Form("", keras),
        jax=Form("", jax),
        notes=notes,
        single=single,
        differences=differences,
    )


ACTIVATIONS = (
    _alike("relu", "rectified linear", "F.relu(x)", "ops.relu(x)", "nnx.relu(x)"),
    Entry(
        key="gelu",
        kind="functions",
        title="Gaussian error linear, exact",
        inputs=_X,
        pytorch=Form("", 'F.gelu(x, approximate="none")'),
        keras=Form(
            "", "ops.gelu(x, approximate=False)", defaults={"approximate": True}
        ),
        jax=Form("", "nnx.gelu(x, approximate=False)", defaults={"approximate": True}),
        notes=(
            "PyTorch's default is the exact form; keras.ops and JAX take tanh's, and "
            "keras.activations.gelu the exact one. They are 5e-4 apart.",
        ),
        differences=("gelu-float32",),
        single=("keras",),
        also=("torch.nn.GELU", "keras.activations.gelu", "jax.nn.gelu"),
    ),
    _alike(
        "gelu_tanh",
        "Gaussian error linear by tanh (GPT-2's)",
        'F.gelu(x, approximate="tanh")',
        "ops.gelu(x, approximate=True)",
        "nnx.gelu(x, approximate=True)",
        'Hugging Face calls it "gelu_new", its "gelu" is the exact one.',
        single=("keras",),
        differences=("gelu-float32",),
    ),
    _alike(
        "silu",
        "x times its sigmoid (swish)",
        "F.silu(x)",
        "ops.silu(x)",
        "nnx.silu(x)",
        "Keras's hard_silu and hard_swish are one.",
    ),
    _alike(
        "leaky_relu",
        "leaky rectified linear",
        "F.leaky_relu(x, 0.1)",
        "ops.leaky_relu(x, 0.1)",
        "nnx.leaky_relu(x, 0.1)",
        "The default slope is 0.01 in PyTorch and JAX and 0.2 in keras.ops, 0.3 in "
        "keras.layers.LeakyReLU.",
        single=("keras",),
        differences=("leaky-relu",),
    ),
    _alike("elu", "exponential linear", "F.elu(x)", "ops.elu(x)", "nnx.elu(x)"),
    _alike(
        "selu", "scaled exponential linear", "F.selu(x)", "ops.selu(x)", "nnx.selu(x)"
    ),
    _alike(
        "softplus",
        "log(1 + e^x)",
        "F.softplus(x)",
        "ops.softplus(x)",
        "nnx.softplus(x)",
    ),
    _alike(
        "hard_sigmoid",
        "sigmoid of three pieces",
        "F.hardsigmoid(x)",
        "ops.hard_sigmoid(x)",
        "nnx.hard_sigmoid(x)",
        "Keras 2 had another slope, 0.2 in place of 1/6.",
    ),
    _alike(
        "softmax",
        "shares that add up to 1",
        "F.softmax(x, dim=-1)",
        "ops.softmax(x, axis=-1)",
        "nnx.softmax(x, axis=-1)",
        "PyTorch wants the axis said.",
    ),
    _alike(
        "log_softmax",
        "logarithm of the shares",
        "F.log_softmax(x, dim=-1)",
        "ops.log_softmax(x, axis=-1)",
        "nnx.log_softmax(x, axis=-1)",
    ),
)

TENSORS = (
    Entry(
        key="attention",
        kind="tensors",
        title="scaled dot product attention",
        inputs={"q": (2, 5, 2, 4), "k": (2, 5, 2, 4), "v": (2, 5, 2, 4)},
        pytorch=Form(
            "",
            "F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), "
            "v.transpose(1, 2), is_causal=True).transpose(1, 2)",
        ),
        keras=Form("", "ops.dot_product_attention(q, k, v, is_causal=True)"),
        jax=Form("", "jax.nn.dot_product_attention(q, k, v, is_causal=True)"),
        notes=(
            "PyTorch has (batch, heads, tokens, width), Keras and JAX (batch, tokens, "
            "heads, width).",
            "A boolean mask is true where something is seen, in all three calls (not "
            "in "
            "nn.MultiheadAttention).",
        ),
        differences=("attention",),
        single=("jax",),
    ),
    Entry(
        key="matmul",
        kind="tensors",
        title="product of matrices, batch by batch",
        inputs={"a": (2, 3, 4), "b": (2, 4, 5)},
        pytorch=Form("", "torch.matmul(a, b)"),
        keras=Form("", "ops.matmul(a, b)"),
        jax=Form("", "jnp.matmul(a, b)"),
        notes=("On a GPU or TPU each has its own switch for TF32 or bfloat16.",),
        also=("torch.bmm", "torch.einsum", "keras.ops.einsum", "jax.numpy.einsum"),
    ),
    Entry(
        key="concatenate",
        kind="tensors",
        title="arrays behind one another",
        inputs={"a": (2, 3), "b": (2, 4)},
        pytorch=Form("", "torch.cat([a, b], dim=1)"),
        keras=Form("", "ops.concatenate([a, b], axis=1)"),
        jax=Form("", "jnp.concatenate([a, b], axis=1)"),
        notes=("Channels are axis 1 in PyTorch and the last in the others.",),
    ),
    Entry(
        key="permute",
        kind="tensors",
        title="axes in another order",
        inputs=_X,
        pytorch=Form("", "torch.permute(x, (2, 0, 1))"),
        keras=Form("", "ops.transpose(x, (2, 0, 1))"),
        jax=Form("", "jnp.transpose(x, (2, 0, 1))"),
        notes=(
            "PyTorch's transpose swaps two axes: jnp.swapaxes, keras.ops.swapaxes.",
        ),
        also=("torch.transpose", "torch.Tensor.permute"),
    ),
    Entry(
        key="pad",
        kind="tensors",
        title="zeros around",
        inputs={"x": (2, 3, 4)},
        pytorch=Form("", "F.pad(x, (1, 2, 0, 1))"),
        keras=Form("", "ops.pad(x, ((0, 0), (0, 1), (1, 2)))"),
        jax=Form("", "jnp.pad(x, ((0, 0), (0, 1), (1, 2)))"),
        notes=("PyTorch begins with the last axis, the others with the first.",),
        differences=("padding",),
        also=("keras.layers.ZeroPadding2D",),
    ),
    Entry(
        key="gather",
        kind="tensors",
        title="one value a row, by number",
        inputs={"x": (4, 5), "ids": (4, 1)},
        whole={"ids": 5},
        pytorch=Form("", "torch.gather(x, 1, ids)"),
        keras=Form("", "ops.take_along_axis(x, ids, axis=1)"),
        jax=Form("", "jnp.take_along_axis(x, ids, axis=1)"),
        notes=("A number that is out of range raises in PyTorch and is NaN in JAX.",),
        also=("torch.take_along_dim", "tf.gather"),
    ),
    Entry(
        key="where",
        kind="tensors",
        title="one or the other, place by place",
        inputs={"a": (2, 3), "b": (2, 3)},
        pytorch=Form("", "torch.where(a > b, a, b)"),
        keras=Form("", "ops.where(a > b, a, b)"),
        jax=Form("", "jnp.where(a > b, a, b)"),
        notes=(
            "A NaN of the side not taken comes back in the gradient, in all three.",
        ),
        also=("torch.Tensor.masked_fill",),
    ),
    Entry(
        key="variance",
        kind="tensors",
        title="variance",
        inputs=_X,
        pytorch=Form("", "torch.var(x, dim=-1, correction=0)"),
        keras=Form("", "ops.var(x, axis=-1)"),
        jax=Form("", "jnp.var(x, axis=-1)", defaults={"ddof": 0}),
        notes=("PyTorch divides by n - 1 where nothing is said, the others by n.",),
        also=("torch.std", "keras.ops.std", "jax.numpy.std"),
    ),
    Entry(
        key="top_k",
        kind="tensors",
        title="the k largest",
        inputs={"x": (3, 7)},
        pytorch=Form("", "torch.topk(x, 3).values"),
        keras=Form("", "ops.top_k(x, 3)[0]"),
        jax=Form("", "jax.lax.top_k(x, 3)[0]"),
        notes=("Among equals PyTorch promises no order; the others name the first.",),
        differences=("equal-values",),
        also=("torch.argmax", "keras.ops.argmax", "jax.numpy.argmax"),
    ),
    Entry(
        key="resize_bilinear",
        kind="tensors",
        title="a picture made larger, bilinear",
        inputs={"x": (2, 3, 4, 5)},
        last=("x", "y"),
        pytorch=Form("", 'F.interpolate(x, size=(8, 10), mode="bilinear")'),
        keras=Form("", 'ops.image.resize(x, (8, 10), interpolation="bilinear")'),
        jax=Form("", 'jax.image.resize(x, (2, 8, 10, 3), "bilinear")'),
        notes=(
            "PyTorch's align_corners=True is another function.",
            "Made smaller, JAX averages (antialias=True), the others do not.",
        ),
        single=("keras",),
        also=("torch.nn.Upsample", "keras.layers.UpSampling2D"),
    ),
    Entry(
        key="one_hot",
        kind="tensors",
        title="a row of zeros and a one",
        inputs={"ids": (4,)},
        whole={"ids": 5},
        pytorch=Form("", "F.one_hot(ids, 5)"),
        keras=Form("", "ops.one_hot(ids, 5)"),
        jax=Form("", "nnx.one_hot(ids, 5)"),
        notes=("Whole numbers in PyTorch, float32 in the others.",),
        also=("jax.nn.one_hot",),
    ),
    Entry(
        key="clip_by_norm",
        kind="tensors",
        title="gradients cut to one length in all",
        inputs={"a": (3, 4), "b": (5,)},
        pytorch=Form(
            "",
            "torch.cat([(t * min(1, 1.5 / float(torch.sqrt((a**2).sum() + "
            "(b**2).sum()))))"
            ".flatten() for t in (a, b)])",
        ),
        keras=Form(
            "",
            "ops.concatenate([ops.reshape(t * ops.minimum(1.0, 1.5 / "
            "ops.sqrt(ops.sum(a**2)"
            " + ops.sum(b**2))), (-1,)) for t in (a, b)])",
        ),
        jax=Form(
            "",
            "jnp.concatenate([t.ravel() for t in "
            "optax.clip_by_global_norm(1.5).update((a, b), optax.EmptyState())[0]])",
        ),
        notes=(
            "torch.nn.utils.clip_grad_norm_ divides by the norm + 1e-6; Keras has "
            "global_clipnorm as an argument of the optimizer.",
        ),
        differences=("clip-norm",),
        also=(
            "torch.nn.utils.clip_grad_norm_",
            "keras.optimizers.Optimizer.global_clipnorm",
        ),
    ),
)

ENTRIES = ACTIVATIONS + TENSORS
