"""A run of updates: which optimizer takes how many, and of which loss.

The loss is the mean of the squares of what the outputs are off the fixed weights of
their values (see `weights_of`), summed over the outputs that are real numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triptych.recorders.values import Refused

Settings = Mapping[str, float]
ADAM = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 0.0}
OPTIMIZERS: Mapping[str, Settings] = {
    "sgd": {"lr": 1e-2, "momentum": 0.0, "nesterov": 0.0},
    "adam": ADAM,
    "adamw": {**ADAM, "weight_decay": 1e-2},
}
# Keras adds it to another root than the others do; one so small tells them not apart.
EPSILON = {"float64": 1e-12, "float32": 1e-8}
MOST_STEPS = 1000


@dataclass(frozen=True)
class Plan:
    """So many updates by an optimizer with these settings."""

    steps: int
    name: str
    settings: Settings

    @property
    def said(self) -> str:
        own = ",".join(f"{name}={value:g}" for name, value in self.settings.items())
        return f"{self.name}:{own}"


def planned(text: str, steps: int, dtype: str) -> Plan:
    """Reads `adamw`, or `adamw:lr=0.01,weight_decay=0`; other words are refused."""
    name, _, rest = text.partition(":")
    if name not in OPTIMIZERS:
        allowed = ", ".join(OPTIMIZERS)
        raise Refused(f"optimizer {name!r}: allowed: {allowed}")
    if not 1 <= steps <= MOST_STEPS:
        raise Refused(f"steps {steps}: allowed: 1 to {MOST_STEPS}")
    settings = dict(OPTIMIZERS[name])
    if "eps" in settings:
        settings["eps"] = EPSILON[dtype]
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        if key not in settings:
            allowed = ", ".join(settings)
            raise Refused(f"optimizer {name}: no setting {key!r}; allowed: {allowed}")
        try:
            settings[key] = float(value)
        except ValueError:
            raise Refused(f"optimizer {name}: {part!r} is no number") from None
    return Plan(steps, name, settings)


@dataclass(frozen=True)
class Step:
    """What an update began with, its loss, and what it left; tensors by name.

    state: what the optimizer keeps of each parameter, by what it is: the first moment
    (also of SGD's momentum), and the second.
    """

    loss: float
    parameters: Mapping[str, Any]
    buffers: Mapping[str, Any]
    state: Mapping[str, Mapping[str, Any]]
