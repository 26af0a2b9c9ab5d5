"""Recurrent networks: Elman's (1990), gated recurrent units (Cho et al. 2014) and long
short-term memories with projections (Sak et al. 2014) and peepholes (Gers, Schmidhuber
2000), in layers and both directions (Schuster, Paliwal 1997); their equations and
papers: shared/specs/sequence/recurrent.py.

Settled here because libraries disagree:
  biases    two a layer and direction, as cuDNN and torch have them
  gates     GRU r z n, LSTM i f g o along the rows of each matrix; the diagonals of
            peepholes are the rows i f o
  reset     of a GRU "after" the product as in cuDNN, or "before" it as in the paper:
            another function, with the same parameters
  lengths   past its end a sequence puts out 0 and its state stays; so the way back
            begins at each sequence's own end. Of length 0 it gives back its state
  states    hidden, of an LSTM cell too, [B, layers * directions, width]: of a layer the
            forward direction's goes before the backward one's. Without one it is 0
  resume    goes on from a state; `step` is one step of it, so a sequence read in one
            call and one read step by step give the same
  predictor a linear layer reads the last layer's last states: classes, or a forecast
  start     every tensor uniform within 1 / sqrt(hidden) of 0, those of the linear layer
            within 1 / sqrt(its inputs), as torch has it

Names are those of torch.nn.RNN, GRU and LSTM behind `rnn.`:
rnn.{weight,bias}_{ih,hh}_l{k}[_reverse] rnn.weight_hr_l{k}[_reverse]; of peepholes
rnn.weight_ch_l{k}[_reverse]; fc
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.arrays import Arrays
from shared.definitions.initializers import Initializer, of_torch
from shared.definitions.losses import MSE, CrossEntropy
from shared.fields import Depth, Rate, Size
from shared.objectives.supervised import Supervised
from shared.randomness import generator
from shared.specs.base import Original, Program, Spec, Tensor, Variant
from shared.specs.sequence.recurrent import ElmanCell, GRUCell, LSTMCell, StackSpec
from shared.tensors import lengths, sample


@dataclass(frozen=True, kw_only=True)
class RNNSpec(Spec):
    """The layers alone. length: of the longest sequence."""

    cases: ClassVar[tuple[str, ...]] = ("extreme lengths",)

    cell: ElmanCell | GRUCell | LSTMCell
    features: Size
    hidden: Size
    layers: Depth
    bidirectional: bool = False
    dropout: Rate = 0.0
    length: Size = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers == 1 and self.dropout:
            self.refuse("dropout", self.dropout, "0 where there is one layer")
        if isinstance(self.cell, LSTMCell) and self.cell.projection >= self.hidden:
            allowed = f"a projection to fewer values than hidden ({self.hidden})"
            self.refuse("cell", self.cell, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        sequence = Tensor("sequence", (self.length, self.features))
        return sequence, lengths("lengths", self.length)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return Tensor("outputs", (self.length, self.stack.c_out)), *self.states

    def programs(self) -> Mapping[str, Program]:
        inputs, outputs = (*self.inputs(), *self.states), self.outputs(False)
        found = {"resume": Program("resume", inputs, outputs, differentiable=True)}
        if not self.bidirectional:
            one = Tensor("input", (self.features,)), *self.states
            said = Tensor("output", (self.stack.c_out,)), *self.states
            found["step"] = Program("step", one, said, differentiable=True)
        return found

    def objective(self) -> Supervised:
        """The layers alone follow the outputs of others."""
        return Supervised(loss=MSE())

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """Sequences of different lengths; in the case first one of length 0, then of 1,
        then of all."""
        sequence, _ = (sample(tensor, batch, seed) for tensor in self.inputs())
        found = generator("lengths", seed).integers(1, self.length + 1, batch)
        if case:
            extreme = np.array([0, 1, self.length])[:batch]
            found[: len(extreme)] = extreme
        return sequence, found

    def starts(self) -> Mapping[str, Initializer]:
        return {"rnn.*": of_torch(self.hidden)}

    @property
    def stack(self) -> StackSpec:
        return StackSpec(
            self.features,
            self.hidden,
            self.layers,
            self.bidirectional,
            self.dropout,
            self.cell,
        )

    @property
    def states(self) -> tuple[Tensor, ...]:
        """Hidden, and of an LSTM cell."""
        stack = self.stack
        pairs = zip(("hidden", "cell"), stack.widths, strict=False)
        return tuple(Tensor(name, (stack.scans, width)) for name, width in pairs)


@dataclass(frozen=True, kw_only=True)
class RNNPredictorSpec(RNNSpec):
    """The layers with a linear one that reads their last states."""

    cases = ()  # those of the layers alone are asked

    num_outputs: Size

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_outputs,)),)

    def programs(self) -> Mapping[str, Program]:
        return {}

    def objective(self) -> Supervised:
        return Supervised(loss=CrossEntropy())

    def starts(self) -> Mapping[str, Initializer]:
        return {**super().starts(), "fc.*": of_torch(self.stack.c_out)}

    @property
    def ends(self) -> int:
        """How many last hidden states the linear layer reads."""
        return 1 + self.bidirectional


_SUM = "sum over its layers"
_TORCH = "torch 2.13.0's torch.nn."
_CHARS = "sum over its layers: the package's, with Keras's one bias for our two, is "


def _chars2vec(width: int) -> RNNSpec:
    """The chars2vec networks: words as one-hot characters, of which it knows 59."""
    return RNNSpec(cell=LSTMCell(), features=59, hidden=width, layers=2, length=20)


VARIANTS = {
    "rnn_tiny_elman": Variant(
        RNNSpec(
            cell=ElmanCell(activation="relu"), features=3, hidden=5, layers=1, length=6
        ),
        50,
        _SUM,
        tiny=True,
    ),
    "rnn_tiny_gru": Variant(
        RNNSpec(cell=GRUCell(), features=3, hidden=4, layers=2, dropout=0.3, length=5),
        228,
        _SUM,
        tiny=True,
    ),
    "rnn_tiny_gru_before": Variant(
        RNNPredictorSpec(
            cell=GRUCell(reset="before"),
            features=2,
            hidden=5,
            layers=2,
            bidirectional=True,
            dropout=0.3,
            length=6,
            num_outputs=3,
        ),
        813,
        _SUM,
        tiny=True,
    ),
    "rnn_tiny_lstm": Variant(
        RNNSpec(
            cell=LSTMCell(projection=3, peepholes=True),
            features=4,
            hidden=5,
            layers=2,
            dropout=0.4,
            length=6,
        ),
        400,
        _SUM,
        tiny=True,
    ),
    "elman_10_20": Variant(
        RNNSpec(cell=ElmanCell(), features=10, hidden=20, layers=2),
        1_480,
        _TORCH + "RNN(10, 20, 2)",
    ),
    "gru_10_20": Variant(
        RNNSpec(cell=GRUCell(), features=10, hidden=20, layers=2),
        4_440,
        _TORCH + "GRU(10, 20, 2)",
    ),
    "gru_search_encoder": Variant(
        RNNSpec(
            cell=GRUCell(reset="before"),
            features=620,
            hidden=1000,
            layers=1,
            bidirectional=True,
            length=50,
        ),
        9_732_000,
        "sum over the layers of annotations of Bahdanau et al. 2014, appendix A.1.2, "
        "with two biases a gate",
    ),
    "lstmp_2l_1024_512": Variant(
        RNNSpec(cell=LSTMCell(projection=512), features=40, hidden=1024, layers=2),
        7_520_256,
        _TORCH + "LSTM(40, 1024, 2, proj_size=512), two layers of Sak et al. 2014",
    ),
    "chars2vec_50": Variant(_chars2vec(50), 42_600, _CHARS + "42,200"),
    "chars2vec_100": Variant(_chars2vec(100), 145_200, _CHARS + "144,400"),
    "chars2vec_150": Variant(_chars2vec(150), 307_800, _CHARS + "306,600"),
    "chars2vec_200": Variant(_chars2vec(200), 530_400, _CHARS + "528,800"),
    "chars2vec_300": Variant(_chars2vec(300), 1_155_600, _CHARS + "1,153,200"),
}

_SMALL: dict[str, Any] = {"features": 6, "hidden": 9, "layers": 3, "length": 11}
_BOTH: dict[str, Any] = {**_SMALL, "bidirectional": True}
ORACLES = (
    Original(
        "torch",
        "torch_elman",
        "torch's nn.RNN, of three layers in both directions",
        RNNSpec(cell=ElmanCell(), **_BOTH),
    ),
    Original(
        "torch",
        "torch_gru",
        "torch's nn.GRU, of three layers in both directions",
        RNNSpec(cell=GRUCell(), **_BOTH),
    ),
    Original(
        "torch",
        "torch_lstm",
        "torch's nn.LSTM, of three layers, with a projection",
        RNNSpec(cell=LSTMCell(projection=4), **_SMALL),
    ),
)
