"""Linear models: linear, logistic and softmax regression (Nelder and Wedderburn 1972,
https://doi.org/10.2307/2344614) and the perceptron (Rosenblatt 1958,
https://doi.org/10.1037/h0042519): one affine map, then a link.

Settled here because texts disagree:
  link  the function from scores to predictions, as networks are drawn; statistics
        gives that name to its inverse
  step  1 where the score is above 0 and 0 elsewhere; its gradient is 0 everywhere
  start all 0: with one layer nothing has to differ for training to tell it apart

The model puts out both, since losses take the scores and people the prediction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.definitions.initializers import Initializer, Zeros
from shared.definitions.losses import MSE, BinaryCrossEntropy, CrossEntropy, Loss
from shared.fields import Size
from shared.objectives.base import Objective
from shared.objectives.supervised import Supervised
from shared.specs.base import Spec, Tensor, Variant

Link = Literal["identity", "sigmoid", "softmax", "step"]


@dataclass(frozen=True, kw_only=True)
class LinearModelSpec(Spec):
    features: Size
    targets: Size
    link: Link

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.link == "softmax" and self.targets == 1:
            self.refuse("targets", self.targets, "at least 2 with the link softmax")

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("features", (self.features,)),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return Tensor("scores", (self.targets,)), Tensor("prediction", (self.targets,))

    def objective(self) -> Objective:
        losses: dict[str, Loss] = {
            "sigmoid": BinaryCrossEntropy(),
            "softmax": CrossEntropy(),
        }
        return Supervised(loss=losses.get(self.link, MSE()))

    def starts(self) -> Mapping[str, Initializer]:
        return {"linear.weight": Zeros()}


def _model(features: int, targets: int, link: Link) -> LinearModelSpec:
    return LinearModelSpec(features=features, targets=targets, link=link)


_SUM = "(features + 1) * targets"
VARIANTS = {
    "linear_tiny": Variant(_model(5, 3, "identity"), 18, _SUM, tiny=True),
    "linear_tiny_sigmoid": Variant(_model(7, 1, "sigmoid"), 8, _SUM, tiny=True),
    "linear_tiny_softmax": Variant(_model(6, 4, "softmax"), 28, _SUM, tiny=True),
    "linear_tiny_step": Variant(_model(9, 2, "step"), 20, _SUM, tiny=True),
    "linear_regression": Variant(_model(1, 1, "identity"), 2, _SUM),
    "multiple_linear_regression": Variant(_model(8, 2, "identity"), 18, _SUM),
    "logistic_regression": Variant(_model(30, 1, "sigmoid"), 31, _SUM),
    "softmax_regression": Variant(_model(784, 10, "softmax"), 7_850, _SUM),
    "perceptron": Variant(_model(2, 1, "step"), 3, _SUM),
}
