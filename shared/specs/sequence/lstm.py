"""Stacked LSTM that classifies sequences (Hochreiter and Schmidhuber 1997,
https://doi.org/10.1162/neco.1997.9.8.1735), with the forget gate of Gers et al. 2000,
both directions (Schuster and Paliwal 1997) and dropout between layers only (Zaremba et
al. 2014, arXiv:1409.2329).

Settled here because libraries disagree:
  gates    in the order i f g o along the rows of each matrix; no peepholes
  biases   two a layer and direction, as cuDNN and torch have them; their sum counts
  logits   from the last layer's last hidden states: the forward direction's at the end
           of the sequence, the backward direction's at its start
  start    every weight and bias of the LSTM uniform within 1 / sqrt(hidden) of 0,
           those of the classifier within 1 / sqrt(its inputs)

Names are those of torch.nn.LSTM: lstm.{weight,bias}_{ih,hh}_l{k}[_reverse] fc

lstm_3l_250h has the size of the deep bidirectional network of Graves et al. 2013
(arXiv:1303.5778), which has peepholes and labels every frame instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import Initializer, of_torch
from shared.fields import Depth, Rate, Size
from shared.specs.base import Spec, Tensor, Variant
from shared.specs.sequence.recurrent import StackSpec


@dataclass(frozen=True, kw_only=True)
class LSTMSpec(Spec):
    features: Size
    hidden: Size
    layers: Depth
    bidirectional: bool
    num_classes: Size
    dropout: Rate = 0.0
    length: Size = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers == 1 and self.dropout:
            self.refuse("dropout", self.dropout, "0 where there is one layer")

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("sequence", (self.length, self.features)),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        return {"lstm.*": of_torch(self.hidden), "fc.*": of_torch(self.c_out)}

    @property
    def stack(self) -> StackSpec:
        return StackSpec(
            self.features, self.hidden, self.layers, self.bidirectional, self.dropout
        )

    @property
    def ends(self) -> int:
        """How many last hidden states the classifier reads."""
        return 1 + self.bidirectional

    @property
    def c_out(self) -> int:
        return self.ends * self.hidden


_SUM = "sum over its layers"
VARIANTS = {
    "lstm_tiny": Variant(
        LSTMSpec(
            features=5, hidden=7, layers=1, bidirectional=False, num_classes=3, length=9
        ),
        416,
        _SUM,
        tiny=True,
    ),
    "lstm_tiny_stacked": Variant(
        LSTMSpec(
            features=4,
            hidden=5,
            layers=3,
            bidirectional=False,
            num_classes=2,
            dropout=0.4,
            length=6,
        ),
        712,
        _SUM,
        tiny=True,
    ),
    "lstm_tiny_bidirectional": Variant(
        LSTMSpec(
            features=3,
            hidden=6,
            layers=2,
            bidirectional=True,
            num_classes=4,
            dropout=0.3,
            length=7,
        ),
        1_540,
        _SUM,
        tiny=True,
    ),
    "lstm_10_20": Variant(
        LSTMSpec(features=10, hidden=20, layers=2, bidirectional=False, num_classes=2),
        5_962,
        "torch.nn.LSTM(10, 20, 2) has 5,920, the classifier 42",
    ),
    "lstm_3l_250h": Variant(
        LSTMSpec(
            features=123,
            hidden=250,
            layers=3,
            bidirectional=True,
            num_classes=61,
            dropout=0.2,
            length=300,
        ),
        3_788_561,
        _SUM,
    ),
}
