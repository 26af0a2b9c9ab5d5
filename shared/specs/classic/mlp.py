"""The multilayer perceptron (Rumelhart, Hinton and Williams 1986,
https://doi.org/10.1038/323533a0), with dropout (Srivastava et al. 2014) and batch norm
(Ioffe and Szegedy 2015, arXiv:1502.03167) as later networks use them.

Settled here because libraries disagree:
  gelu       the exact form, x * Phi(x), not the tanh one
  order      linear, norm, activation, dropout
  bias       a hidden layer has none where batch norm follows, which would cancel it
  bn_decay   the share of the OLD running value that is kept
  start      He's normal in front of relu, its leaky form and gelu, Glorot's uniform
             elsewhere; biases 0

LeNet-300-100 is a baseline of LeCun et al. 1998 (shared/specs/vision/lenet.py),
784-128-10 the first network of TensorFlow's tutorials, mlp_mel reads a spectrogram in
a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from shared.definitions.initializers import HeNormal, Initializer, XavierUniform
from shared.definitions.losses import BinaryCrossEntropy, CrossEntropy
from shared.fields import Positive, Rate, Size
from shared.objectives.base import Objective
from shared.objectives.supervised import Supervised
from shared.specs.base import Spec, Tensor, Variant


@dataclass(frozen=True, kw_only=True)
class MLPSpec(Spec):
    features: Size
    hidden: tuple[Size, ...]
    targets: Size
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "gelu"]
    leaky_slope: Positive = 0.01
    dropout: Rate = 0.0
    batch_norm: bool = False
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("features", (self.features,)),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.targets,)),)

    def objective(self) -> Objective:
        loss = CrossEntropy() if self.targets > 1 else BinaryCrossEntropy()
        return Supervised(loss=loss)

    def starts(self) -> Mapping[str, Initializer]:
        hidden: Initializer = XavierUniform()
        if self.activation in ("relu", "gelu"):
            hidden = HeNormal()
        elif self.activation == "leaky_relu":
            hidden = HeNormal(activation="leaky_relu", slope=self.leaky_slope)
        return {"hidden.*.linear.weight": hidden, "fc.weight": XavierUniform()}

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Each hidden layer's inputs and outputs."""
        return tuple(pairwise((self.features, *self.hidden)))

    @property
    def c_out(self) -> int:
        return (self.features, *self.hidden)[-1]

    @property
    def hidden_bias(self) -> bool:
        return not self.batch_norm


# A second of speech at 8 kHz, in a row (shared/data/audio.py: LogMel).
MEL_BANDS, MEL_FRAMES = 40, 98

_SUM = "sum over its layers"
VARIANTS = {
    "mlp_tiny": Variant(
        MLPSpec(features=5, hidden=(7,), targets=3, activation="sigmoid"),
        66,
        _SUM,
        tiny=True,
    ),
    "mlp_tiny_tanh": Variant(
        MLPSpec(features=8, hidden=(6, 9), targets=4, activation="tanh", dropout=0.25),
        157,
        _SUM,
        tiny=True,
    ),
    "mlp_tiny_relu": Variant(
        MLPSpec(
            features=6,
            hidden=(9, 7),
            targets=2,
            activation="relu",
            batch_norm=True,
            bn_eps=1e-3,
            bn_decay=0.8,
        ),
        165,
        _SUM,
        tiny=True,
    ),
    "mlp_tiny_leaky_relu": Variant(
        MLPSpec(
            features=4,
            hidden=(10,),
            targets=3,
            activation="leaky_relu",
            leaky_slope=0.3,
            dropout=0.4,
            batch_norm=True,
            bn_eps=1e-2,
            bn_decay=0.7,
        ),
        93,
        _SUM,
        tiny=True,
    ),
    "mlp_tiny_gelu": Variant(
        MLPSpec(
            features=9, hidden=(6, 8, 5), targets=2, activation="gelu", dropout=0.1
        ),
        173,
        _SUM,
        tiny=True,
    ),
    "mlp_784_128_10": Variant(
        MLPSpec(
            features=784, hidden=(128,), targets=10, activation="relu", dropout=0.2
        ),
        101_770,
        "TensorFlow's tutorials",
    ),
    "mlp_mel": Variant(
        MLPSpec(
            features=MEL_BANDS * MEL_FRAMES,
            hidden=(256, 128),
            targets=10,
            activation="relu",
            dropout=0.2,
        ),
        1_037_962,
        _SUM,
    ),
    "lenet_300_100": Variant(
        MLPSpec(features=784, hidden=(300, 100), targets=10, activation="tanh"),
        266_610,
        "sum over the layers of LeCun et al. 1998",
    ),
}
