"""Optimizers by name, with the papers' settings where they give some."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from shared.definitions.optimizers.adadelta import Adadelta
from shared.definitions.optimizers.adafactor import Adafactor
from shared.definitions.optimizers.adagrad import Adagrad
from shared.definitions.optimizers.adam import Adam
from shared.definitions.optimizers.adamax import Adamax
from shared.definitions.optimizers.adamw import AdamW
from shared.definitions.optimizers.adan import Adan
from shared.definitions.optimizers.base import Optimizer
from shared.definitions.optimizers.lamb import LAMB
from shared.definitions.optimizers.lars import LARS
from shared.definitions.optimizers.lion import Lion
from shared.definitions.optimizers.muon import Muon
from shared.definitions.optimizers.nadam import NAdam
from shared.definitions.optimizers.prodigy import Prodigy
from shared.definitions.optimizers.radam import RAdam
from shared.definitions.optimizers.rmsprop import RMSprop
from shared.definitions.optimizers.rprop import Rprop
from shared.definitions.optimizers.sam import SAM
from shared.definitions.optimizers.schedule_free import ScheduleFreeAdamW
from shared.definitions.optimizers.sgd import SGD
from shared.definitions.optimizers.shampoo import Shampoo
from shared.definitions.optimizers.sophia import SophiaG
from shared.errors import unknown

OPTIMIZERS: dict[str, Optimizer] = {
    # Gradient descent and its momenta
    "gradient_descent": SGD(),
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    # Adaptive
    "adagrad": Adagrad(),
    "adadelta": Adadelta(),
    "rmsprop": RMSprop(),
    "rmsprop_centred": RMSprop(lr=1e-4, rho=0.95, eps=1e-4, centred=True, momentum=0.9),
    "rmsprop_momentum": RMSprop(momentum=0.9),
    "rprop": Rprop(),
    "adam": Adam(),
    "amsgrad": Adam(amsgrad=True),
    "adamw": AdamW(),
    "adamax": Adamax(),
    "nadam": NAdam(),
    "radam": RAdam(),
    "lion": Lion(),
    # Modern
    "lars": LARS(),
    "lamb": LAMB(),
    "adafactor": Adafactor(),
    "adan": Adan(),
    "sophia": SophiaG(),
    "muon": Muon(),
    "shampoo": Shampoo(),
    "prodigy": Prodigy(),
    "schedule_free": ScheduleFreeAdamW(),
    "sam": SAM(),
}


def optimizer(name: str) -> Optimizer:
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]


def describe(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Presets (all, if none is named): class, paper, settings."""
    found = {name: optimizer(name) for name in names or OPTIMIZERS}
    return [
        {
            "preset": name,
            "optimizer": type(preset).__name__,
            "paper": _paper(type(preset)),
            "settings": asdict(preset),
        }
        for name, preset in found.items()
    ]


def _paper(kind: type[Optimizer]) -> str:
    """What its docstring says up to the first comma after the year."""
    text = " ".join((kind.__doc__ or "").split())
    end = re.search(r"\d{4}( \([^)]*\))?", text)
    return text[: end.end()] if end else text
