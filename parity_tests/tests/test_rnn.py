"""Recurrent networks: rolled and unrolled, padded and not, against torch's, Keras's and
Flax's own cells."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.compare import error
from parity_tests.engine import request
from parity_tests.tolerances import FORWARD, ORIGINALS
from shared.catalog import FAMILIES, variant
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.sequence.recurrent import ElmanCell, GRUCell, LSTMCell
from shared.specs.sequence.rnn import RNNSpec

LAYERS = {
    name: one.spec
    for name, one in FAMILIES["rnn"].VARIANTS.items()
    if one.tiny and isinstance(one.spec, RNNSpec) and "resume" in one.spec.programs()
}
SIZES = {"features": 3, "hidden": 4, "layers": 1, "length": 6}
CELLS = {
    "elman": RNNSpec(cell=ElmanCell(), **SIZES),
    "gru": RNNSpec(cell=GRUCell(), **SIZES),
    "gru before": RNNSpec(cell=GRUCell(reset="before"), **SIZES),
    "lstm": RNNSpec(cell=LSTMCell(), **SIZES),
    "lstm both ways": replace(RNNSpec(cell=LSTMCell(), **SIZES), bidirectional=True),
}


def drawn(spec, rows=3):
    """A sequence, and a state to start from."""
    draw = np.random.default_rng(0)
    shapes = [(rows, *tensor.shape) for tensor in (spec.inputs()[0], *spec.states)]
    return [draw.standard_normal(shape) for shape in shapes]


@pytest.fixture
def ask(workers):
    """Builds a model with drawn weights; asks it for programs."""
    made = []

    def built(framework, spec):
        model = workers.get(framework, "float64").build(spec)
        model.fill(0)
        made.append(model)
        return lambda program, *inputs: (
            model.run(Request(inputs, program=program)).outputs
        )

    yield built
    for model in made:
        model.drop()


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("spec", [*LAYERS.values(), CELLS["gru"], CELLS["gru before"]])
def test_rolled_and_unrolled_are_equal(ask, framework, spec):
    run = ask(framework, spec)
    x, *state = drawn(spec)
    whole = run("resume", x, np.full(3, spec.length), *state)
    outputs = []
    for t in range(spec.length):
        y, *state = run("step", x[:, t], *state)
        outputs.append(y)
    rolled = np.stack(outputs, 1), *state
    pairs = zip(rolled, whole, strict=True)
    assert all(error(one, two) <= FORWARD for one, two in pairs)


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("cell", ["gru", "gru before", "lstm both ways"])
def test_padding_changes_nothing(ask, framework, cell):
    """Each row by itself and unpadded, from its own end backward, gives the same."""
    spec = CELLS[cell]
    run = ask(framework, spec)
    x, *state = drawn(spec)
    lengths = np.array([6, 2, 0])
    y, *ends = run("resume", x, lengths, *state)
    for i, n in enumerate(lengths):
        assert not y[i, n:].any()
        if n == 0:
            alone = x[i : i + 1, :0], *(part[i : i + 1] for part in state)
        else:
            given = (part[i : i + 1] for part in state)
            alone = run("resume", x[i : i + 1, :n], np.array([n]), *given)
            assert error(y[i : i + 1, :n], alone[0]) <= FORWARD
        pairs = zip(ends, alone[1:], strict=True)
        assert all(error(end[i : i + 1], own) <= FORWARD for end, own in pairs)


# Their own cells, with the weights of ours. Keras's gates of a GRU are z r n.


def keras_weights(spec, w):
    gates = np.arange(spec.cell.gates)
    if spec.cell.gates == 3:
        gates[:2] = 1, 0
    order = (gates[:, None] * spec.hidden + np.arange(spec.hidden)).ravel()
    biases = np.stack([w[f"rnn.bias_{k}_l0"][order] for k in ("ih", "hh")])
    return {
        "cell.kernel": w["rnn.weight_ih_l0"][order].T,
        "cell.recurrent_kernel": w["rnn.weight_hh_l0"][order].T,
        "cell.bias": biases if spec.cell == GRUCell() else biases.sum(0),
    }


def flax_weights(spec, w):
    """One bias where ours has two: of a GRU the state's is no part of n."""
    bias = w["rnn.bias_ih_l0"] + w["rnn.bias_hh_l0"]
    inside = "h" if spec.cell.gates == 4 else "i"
    return {
        "cell.dense_i.weight": w["rnn.weight_ih_l0"],
        "cell.dense_h.weight": w["rnn.weight_hh_l0"],
        f"cell.dense_{inside}.bias": bias,
    }


OWN = """
def keras(kind):
    from keras import layers
    made = {
        "elman": lambda: layers.SimpleRNN(4, return_sequences=True),
        "gru": lambda: layers.GRU(4, return_sequences=True),
        "gru before": lambda: layers.GRU(4, return_sequences=True, reset_after=False),
        "lstm": lambda: layers.LSTM(4, return_sequences=True),
    }
    return made[kind]()

def jax(kind):
    from flax import nnx
    cells = {
        "elman": nnx.SimpleCell, "gru": nnx.GRUCell, "lstm": nnx.OptimizedLSTMCell
    }
    return nnx.RNN(cells[kind](3, 4, rngs=nnx.Rngs(0)))

def __getattr__(name):
    framework, _, kind = name.partition("_")
    return lambda: globals()[framework](kind.replace("_", " "))
"""


@pytest.mark.parametrize(
    ("framework", "cell"),
    [("keras", name) for name in ("elman", "gru", "gru before", "lstm")]
    + [("jax", name) for name in ("elman", "gru", "lstm")],
)
def test_against_their_own_cells(workers, tmp_path, framework, cell):
    (tmp_path / "own_cells.py").write_text(OWN)
    # Flax's own begin with a state of float32, and go on in no other.
    dtype, bound = ("float32", 1e-6) if framework == "jax" else ("float64", FORWARD)
    spec, worker = CELLS[cell], workers.get(framework, dtype)
    model = worker.build(spec)
    model.fill(0)
    weights = {name: value.copy() for name, value in model.dump().items()}
    if framework == "jax" and cell == "gru":
        weights["rnn.bias_hh_l0"][-spec.hidden :] = 0  # DIFF: it has no place there
        model.load(weights)
    x = drawn(spec)[0].astype(dtype)
    y = model.run(Request((x, np.full(3, spec.length)))).outputs[0]
    name = f"own_cells:{framework}_{cell.replace(' ', '_')}"
    theirs = worker.adopt(name, (x,), (str(tmp_path),))
    given = {"keras": keras_weights, "jax": flax_weights}[framework](spec, weights)
    theirs.load(given)
    found = theirs.run(Request((x,))).outputs[0]
    for one in (model, theirs):
        one.drop()
    assert error(found, y) <= bound


def test_the_reset_conventions_are_two_functions(ask):
    x, *state = drawn(CELLS["gru"])
    lengths = np.full(3, 6)
    after, before = (
        ask("pytorch", CELLS[name])("resume", x, lengths, *state)[0]
        for name in ("gru", "gru before")
    )
    assert error(after, before) > 0.01


@pytest.mark.parametrize("original", FAMILIES["rnn"].ORACLES, ids=lambda o: o.name)
@pytest.mark.parametrize("framework", NATIVE)
def test_a_state_dict_of_torchs_own_gives_the_same(workers, framework, original):
    spec = original.spec
    asked = request(spec, 3, training=False)
    theirs = workers.get("pytorch", "float64").adopt(
        f"parity_tests.originals:{original.name}", asked.inputs
    )
    ours = workers.get(framework, "float64").build(spec)
    ours.load(checkpoints.from_public("rnn", "torch", theirs.dump()))
    pairs = zip(ours.run(asked).outputs, theirs.run(asked).outputs, strict=True)
    assert all(error(one, two) <= ORIGINALS for one, two in pairs)
    for one in (ours, theirs):
        one.drop()


def test_what_cannot_be_is_refused():
    spec = variant("rnn_tiny_lstm").spec
    with pytest.raises(UsageError, match="a projection to fewer values than hidden"):
        replace(spec, cell=LSTMCell(projection=5))
    with pytest.raises(UsageError, match=r"dropout is 0\.4; allowed: 0 where there is"):
        replace(spec, layers=1)
    with pytest.raises(UsageError, match="reset is 'both'; allowed: one of 'before'"):
        GRUCell(reset="both")
    with pytest.raises(UsageError, match="no place in a stack of Keras's LSTMs"):
        checkpoints.to_public("rnn", "chars2vec", {"rnn.weight_hr_l0": np.ones(2)})
    with pytest.raises(UsageError, match="is no tensor of a Keras LSTM"):
        checkpoints.from_public("rnn", "chars2vec", {"dense/gamma": np.ones(2)})
