"""Layers that read in order: cells over time, and attention."""

from shared.porting.base import Entry, Form

_LSTM: dict[str, tuple[int, ...]] = {
    f"weight_{k}_l0": (16, n) for k, n in (("ih", 3), ("hh", 4))
}
_LSTM |= {"bias_ih_l0": (16,), "bias_hh_l0": (16,)}
_GRU: dict[str, tuple[int, ...]] = {
    f"weight_{k}_l0": (12, n) for k, n in (("ih", 3), ("hh", 4))
}
_GRU |= {"bias_ih_l0": (12,), "bias_hh_l0": (12,)}
_HEADS = "in_proj_weight[{a}:{b}].T.reshape(6, 2, 3)"
_HEADS_BIAS = "in_proj_bias[{a}:{b}].reshape(2, 3)"


def _heads(names: tuple[str, ...], out: str) -> dict[str, str]:
    takes = {}
    for k, name in enumerate(names):
        takes[f"{name}.kernel"] = _HEADS.format(a=6 * k, b=6 * k + 6)
        takes[f"{name}.bias"] = _HEADS_BIAS.format(a=6 * k, b=6 * k + 6)
    takes[f"{out}.kernel"] = "out_proj_weight.T.reshape(2, 3, 6)"
    return takes | {f"{out}.bias": "out_proj_bias"}


ENTRIES = (
    Entry(
        key="lstm",
        kind="layers",
        title="LSTM, every step's output",
        inputs={"x": (2, 5, 3)},
        weights=_LSTM,
        pytorch=Form("nn.LSTM(3, 4, batch_first=True)", "layer(x)[0]"),
        keras=Form(
            "layers.LSTM(4, return_sequences=True)",
            "layer(x)",
            {
                "cell.kernel": "weight_ih_l0.T",
                "cell.recurrent_kernel": "weight_hh_l0.T",
                "cell.bias": "bias_ih_l0 + bias_hh_l0",
            },
            {"unit_forget_bias": True},
        ),
        jax=Form(
            "nnx.RNN(nnx.OptimizedLSTMCell(3, 4, rngs=rngs))",
            "layer(x)",
            {
                "cell.dense_i.kernel": "weight_ih_l0.T",
                "cell.dense_h.kernel": "weight_hh_l0.T",
                "cell.dense_h.bias": "bias_ih_l0 + bias_hh_l0",
            },
        ),
        notes=(
            "Gates lie in one order in all three: input, forget, cell, output.",
            "PyTorch has two biases, which are added; Keras starts the forget gate's "
            "at 1.",
            "PyTorch takes time first unless batch_first=True, and gives the state "
            "too.",
        ),
        differences=("lstm-biases", "lstm-scan", "lstm-masks"),
        also=("torch.nn.LSTMCell", "keras.layers.LSTMCell", "flax.nnx.LSTMCell"),
    ),
    Entry(
        key="gru",
        kind="layers",
        title="GRU, every step's output",
        inputs={"x": (2, 5, 3)},
        weights=_GRU,
        zeros=("bias_hh_l0",),
        pytorch=Form("nn.GRU(3, 4, batch_first=True)", "layer(x)[0]"),
        keras=Form(
            "layers.GRU(4, return_sequences=True)",
            "layer(x)",
            {
                "cell.kernel": "weight_ih_l0[[4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]].T",
                "cell.recurrent_kernel": "weight_hh_l0"
                "[[4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]].T",
                "cell.bias": "np.stack([bias_ih_l0, bias_hh_l0])"
                "[:, [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]]",
            },
            {"reset_after": True},
        ),
        jax=Form(
            "nnx.RNN(nnx.GRUCell(3, 4, rngs=rngs))",
            "layer(x)",
            {
                "cell.dense_i.kernel": "weight_ih_l0.T",
                "cell.dense_i.bias": "bias_ih_l0 + bias_hh_l0",
                "cell.dense_h.kernel": "weight_hh_l0.T",
            },
        ),
        notes=(
            "PyTorch has the gates reset, update, new; Keras update, reset, new.",
            "The reset gate multiplies after the product (reset_after=True in Keras).",
            "PyTorch has two biases; NNX has no place for the second one's part of the "
            "new value, which has to be 0, or the cell is written out.",
        ),
        also=("torch.nn.GRUCell", "keras.layers.GRUCell", "flax.nnx.GRUCell"),
    ),
    Entry(
        key="attention_layer",
        kind="layers",
        title="attention with several heads",
        inputs={"x": (2, 5, 6)},
        weights={
            "in_proj_weight": (18, 6),
            "in_proj_bias": (18,),
            "out_proj.weight": (6, 6),
            "out_proj.bias": (6,),
        },
        pytorch=Form(
            "nn.MultiheadAttention(6, 2, batch_first=True)", "layer(x, x, x)[0]"
        ),
        keras=Form(
            "layers.MultiHeadAttention(2, 3)",
            "layer(x, x)",
            _heads(
                ("_query_dense", "_key_dense", "_value_dense"),
                "_output_dense",
            ),
        ),
        jax=Form(
            "nnx.MultiHeadAttention(2, 6, decode=False, rngs=rngs)",
            "layer(x)",
            _heads(("query", "key", "value"), "out"),
        ),
        notes=(
            "PyTorch keeps query, key and value in one matrix, the others three of "
            "(width, heads, head's width).",
            "PyTorch's mask is true where nothing is seen, Keras's and NNX's where "
            "something is.",
            "Keras's second number is the width of a head, PyTorch's first that of "
            "all.",
        ),
        differences=("attention",),
        single=("keras", "jax"),
        also=(
            "F.scaled_dot_product_attention",
            "flax.linen.MultiHeadDotProductAttention",
        ),
    ),
)
