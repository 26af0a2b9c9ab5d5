"""What each framework's own optimizer of the same name does on the same gradients.

    python -m parity_tests.builtins [PRESET ...] [--write]

Our definition and the built-in follow the same hundred updates, with equal settings as
far as the built-in has them; then with the arguments that make the two equal, where
there are such. `--write` renews docs/builtins.json and its table in
docs/differences.md. Keras is measured on its JAX back end: on TensorFlow it passes
Python numbers through float32, which alone costs 1e-8 to 1e-6.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from parity_tests import streams, tolerances
from parity_tests.engine import Workers
from shared.definitions.optimizers import OPTIMIZERS, Optimizer
from shared.errors import UsageError, unknown
from shared.files.writing import write_text
from shared.frameworks import ROOT
from shared.messages import Builtin
from shared.running.client import WorkerFailure

RECORD = ROOT / "docs" / "builtins.json"
PAGE = ROOT / "docs" / "differences.md"
TORCH, KERAS, KERAS_TF, OPTAX = "pytorch", "keras[jax]", "keras", "jax"
MODULES = {
    TORCH: "torch.optim",
    KERAS: "keras.optimizers",
    KERAS_TF: "keras.optimizers",
    OPTAX: "optax",
}
AFTER = (1, 10, 100)  # updates
EQUAL, ANOTHER, FAILS = "equal", "another algorithm", "does not run"


@dataclass(frozen=True)
class Case:
    """A built-in beside one of our presets. The learning rate is the preset's.

    arguments: what gives the built-in the preset's settings.
    also: what is changed on top to make the two equal; ours: the same in the preset.
    tensors: all, or the matrices alone.
    """

    preset: str
    framework: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    also: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    tensors: str = "all"

    @property
    def said(self) -> str:
        """The built-in, and on what it was measured where that is not the usual."""
        where = [self.tensors] if self.tensors != "all" else []
        where += ["TensorFlow"] if self.framework == KERAS_TF else []
        return " on ".join((f"{MODULES[self.framework]}.{self.name}", *where))

    @property
    def definition(self) -> Optimizer:
        return OPTIMIZERS[self.preset]

    @property
    def fixable(self) -> bool:
        return bool(self.also or self.ours)

    def builtin(self, also: dict[str, Any]) -> Builtin:
        rate = "lr" if self.framework == TORCH else "learning_rate"
        lr = float(self.definition.lr)
        return Builtin(self.name, {rate: lr, **self.arguments, **also})


@dataclass(frozen=True)
class Row:
    """One built-in's verdict; errors after 1, 10 and 100 updates."""

    preset: str
    framework: str
    builtin: str
    arguments: dict[str, Any]
    verdict: str
    errors: list[float]
    changed: str
    errors_changed: list[float]
    why: str


_B = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
_EPS_K, _EPS, _OURS = {"epsilon": 0.0}, {"eps": 0.0}, {"eps": 0.0}
_INSIDE, _BESIDE = "eps inside the root", "eps beside the root"
_HAT = "eps beside the root of the v that is not corrected"
_GRAVES_K = {"rho": 0.95, "momentum": 0.9, "epsilon": 1e-4, "centered": True}
_GRAVES_T = {"alpha": 0.95, "momentum": 0.9, "eps": 1e-4, "centered": True}
_GRAVES_O = {"decay": 0.95, "momentum": 0.9, "eps": 1e-4, "centered": True}
_NO_DECAY = {"weight_decay": 0.0}
_LARS = {"weight_decay": 5e-4, "trust_coefficient": 1e-3, "momentum": 0.9}
_LAMB_K = {"epsilon": 1e-6, "weight_decay": 1e-2}
_KERNELS = "factors kernels too"
_MUON_T = {"weight_decay": 0.1, "momentum": 0.95, "adjust_lr_fn": "match_rms_adamw"}
_MUON_K = {
    "weight_decay": 0.1,
    "adam_weight_decay": 0.1,
    "adam_beta_2": 0.95,
    "epsilon": 1e-8,
    "exclude_embeddings": False,
}
_MUON_O = {
    "weight_decay": 0.1,
    "adam_weight_decay": 0.1,
    "adam_b2": 0.95,
    "eps": 1e-8,
    "consistent_rms": 0.2,
}

CASES = (
    Case("gradient_descent", TORCH, "SGD"),
    Case("gradient_descent", KERAS, "SGD"),
    Case("gradient_descent", OPTAX, "sgd"),
    Case("momentum", TORCH, "SGD", {"momentum": 0.9}),
    Case("momentum", KERAS, "SGD", {"momentum": 0.9}),
    Case("momentum", OPTAX, "sgd", {"momentum": 0.9}),
    Case("nesterov", TORCH, "SGD", {"momentum": 0.9, "nesterov": True}),
    Case("nesterov", KERAS, "SGD", {"momentum": 0.9, "nesterov": True}),
    Case("nesterov", OPTAX, "sgd", {"momentum": 0.9, "nesterov": True}),
    Case("adagrad", TORCH, "Adagrad", {"eps": 1e-10}),
    Case(
        "adagrad",
        KERAS,
        "Adagrad",
        {"initial_accumulator_value": 0.0, "epsilon": 1e-10},
        _INSIDE,
        _EPS_K,
        _OURS,
    ),
    Case(
        "adagrad",
        OPTAX,
        "adagrad",
        {"initial_accumulator_value": 0.0, "eps": 1e-10},
        _INSIDE,
        _EPS,
        _OURS,
    ),
    Case("adadelta", TORCH, "Adadelta", {"rho": 0.95, "eps": 1e-6}),
    Case("adadelta", KERAS, "Adadelta", {"rho": 0.95, "epsilon": 1e-6}),
    Case("adadelta", OPTAX, "adadelta", {"rho": 0.95, "eps": 1e-6}),
    Case("rmsprop", TORCH, "RMSprop", {"alpha": 0.9}, _BESIDE, _EPS, _OURS),
    Case("rmsprop", KERAS, "RMSprop", {"rho": 0.9, "epsilon": 1e-8}),
    Case("rmsprop", OPTAX, "rmsprop", {"decay": 0.9, "eps": 1e-8}),
    Case("rmsprop_centred", TORCH, "RMSprop", _GRAVES_T, _BESIDE, _EPS, _OURS),
    Case("rmsprop_centred", KERAS, "RMSprop", _GRAVES_K),
    Case("rmsprop_centred", OPTAX, "rmsprop", _GRAVES_O),
    Case(
        "rmsprop_momentum",
        TORCH,
        "RMSprop",
        {"alpha": 0.9, "momentum": 0.9},
        _BESIDE,
        _EPS,
        _OURS,
    ),
    Case(
        "rmsprop_momentum",
        KERAS,
        "RMSprop",
        {"rho": 0.9, "epsilon": 1e-8, "momentum": 0.9},
    ),
    Case("rmsprop_momentum", OPTAX, "rmsprop", {"decay": 0.9, "momentum": 0.9}),
    Case("rprop", TORCH, "Rprop", {"lr": 0.1}),
    Case("rprop", OPTAX, "rprop", {"learning_rate": 0.1}, "one update late"),
    Case("adam", TORCH, "Adam"),
    Case("adam", KERAS, "Adam", _B, _HAT, _EPS_K, _OURS),
    Case("adam", OPTAX, "adam"),
    Case("amsgrad", TORCH, "Adam", {"amsgrad": True}),
    Case("amsgrad", KERAS, "Adam", {**_B, "amsgrad": True}, _HAT, _EPS_K, _OURS),
    Case("amsgrad", OPTAX, "amsgrad", {}, "the largest of the corrected v"),
    Case("adamw", TORCH, "AdamW", {"weight_decay": 1e-2}),
    Case("adamw", KERAS, "AdamW", {**_B, "weight_decay": 1e-2}, _HAT, _EPS_K, _OURS),
    Case("adamw", OPTAX, "adamw", {"weight_decay": 1e-2}),
    Case("adamax", TORCH, "Adamax", {}, "eps inside the maximum", _EPS, _OURS),
    Case("adamax", KERAS, "Adamax", _B),
    Case("adamax", OPTAX, "adamax", {}, "eps inside the maximum", _EPS, _OURS),
    Case("nadam", TORCH, "NAdam"),
    Case(
        "nadam",
        KERAS,
        "Nadam",
        _B,
        "its momentum decays at every update, not every 250",
        {},
        {"momentum_decay": 1.0},
    ),
    Case("nadam", OPTAX, "nadam", {}, "constant momentum"),
    Case("radam", TORCH, "RAdam", {}, "adapts from rho above 5; eps not corrected"),
    Case("radam", OPTAX, "radam", {}, "adapts from rho = 5", {"threshold": 4.0}),
    Case("lion", KERAS, "Lion", {"beta_1": 0.9, "beta_2": 0.99}),
    Case("lion", OPTAX, "lion", {"weight_decay": 0.0}),
    Case("lars", OPTAX, "lars", _LARS, "the norm of g + decay x", _NO_DECAY, _NO_DECAY),
    Case(
        "lamb", KERAS, "Lamb", _LAMB_K, "decay beside the ratio", _NO_DECAY, _NO_DECAY
    ),
    Case("lamb", OPTAX, "lamb", {"eps": 1e-6, "weight_decay": 1e-2}),
    Case("adafactor", TORCH, "Adafactor", {}, f"{_KERNELS}; eps1 bounds the result"),
    Case("adafactor", KERAS, "Adafactor", {}, _KERNELS),
    Case(
        "adafactor",
        KERAS,
        "Adafactor",
        tensors="matrices",
    ),
    Case(
        "adafactor",
        OPTAX,
        "adafactor",
        {"min_dim_size_to_factor": 1},
        f"{_KERNELS}; lr is not bounded by 1 / sqrt(t)",
    ),
    Case(
        "adan",
        OPTAX,
        "adan",
        {"eps_root": 0.0, "weight_decay": 2e-2},
        "weighs the difference by 1 - beta2; decay outside the quotient",
        {"b2": 0.5, "weight_decay": 0.0},
        {"beta2": 0.5, "weight_decay": 0.0},
    ),
    Case(
        "sophia",
        OPTAX,
        "sophia",
        why="asks for the loss itself (Sophia-H)",
    ),
    Case(
        "muon",
        TORCH,
        "Muon",
        _MUON_T,
        "refuses others; its iteration is in bfloat16",
        tensors="matrices",
    ),
    Case(
        "muon", KERAS, "Muon", _MUON_K, "eps fixed at 1e-7; Adam's as in Keras's Adam"
    ),
    Case(
        "muon",
        KERAS,
        "Muon",
        _MUON_K,
        "eps fixed at 1e-7",
        {},
        {"eps": 1e-7},
        tensors="matrices",
    ),
    Case(
        "muon",
        OPTAX,
        "muon",
        _MUON_O,
        "nesterov, in its Adam too, mixes corrected averages; eps beside an average",
        {"nesterov": False, "eps": 0.0},
        {"nesterov": False, "eps": 0.0},
    ),
    Case(
        "prodigy",
        OPTAX,
        "prodigy",
        why="corrects the averages; eps times the new d; x - x0 loses digits",
    ),
    Case("schedule_free", KERAS, "ScheduleFreeAdamW", {"weight_decay": 0.0}),
    Case(
        "schedule_free",
        KERAS_TF,
        "ScheduleFreeAdamW",
        {"weight_decay": 0.0},
        "z is changed before x is found from it (on torch as well)",
    ),
    Case("schedule_free", OPTAX, "schedule_free_adamw"),
    Case(
        "sam",
        OPTAX,
        "sam",
        why="its arguments are optimizers; NaN where a whole gradient is 0",
    ),
)


def cases(names: Iterable[str] = ()) -> list[Case]:
    """Give the cases of these presets, or of all there are."""
    names = list(names)
    for name in names:
        if name not in OPTIMIZERS:
            raise unknown("optimizer", name, OPTIMIZERS)
    return [c for c in CASES if c.preset in (names or OPTIMIZERS)]


def measure(case: Case, workers: Workers) -> Row:
    as_is, changed, reason = [], [], case.why
    try:
        as_is = _errors(case, workers, {}, {})
        if case.fixable:
            changed = _errors(case, workers, case.also, case.ours)
    except WorkerFailure as failure:
        reason = case.why or str(failure)
    said = ", ".join(f"{k}={v!r}" for k, v in case.also.items())
    ours = ", ".join(f"{k}={v!r}" for k, v in case.ours.items())
    both = "; ".join(part for part in (said, ours and f"ours {ours}") if part)
    verdict = ANOTHER if as_is else FAILS
    if as_is and max(as_is) <= tolerances.OPTIMIZER:
        verdict = EQUAL
    elif changed and max(changed) <= tolerances.OPTIMIZER:
        verdict = f"{EQUAL} with {both}"
    return Row(
        case.preset,
        case.framework,
        case.said,
        case.builtin({}).arguments,
        verdict,
        [as_is[n - 1] for n in AFTER] if as_is else [],
        both if changed else "",
        [changed[n - 1] for n in AFTER] if changed else [],
        "" if verdict == EQUAL else reason,
    )


def _errors(
    case: Case, workers: Workers, also: dict[str, Any], ours: dict[str, Any]
) -> list[float]:
    given = streams.dense(replace(case.definition, **ours))
    if case.tensors == "matrices":
        given = streams.matrices(given)
    theirs = replace(given, optimizer=case.builtin(also))
    found = workers.get(case.framework, "float64").optimize(theirs)
    return streams.errors(given, found)


def run(chosen: Sequence[Case], workers: Workers) -> Iterator[Row]:
    for case in chosen:
        yield measure(case, workers)


def read() -> list[Row]:
    return [Row(**row) for row in json.loads(RECORD.read_text())]


def table(rows: Iterable[Row]) -> str:
    lines = [
        "| ours | built-in | verdict | off after 1, 10, 100 | why |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        errors = ", ".join(f"{error:.0e}" if error else "0" for error in row.errors)
        cells = (f"`{row.preset}`", f"`{row.builtin}`", row.verdict, errors, row.why)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def fill(page: str, rows: Iterable[Row]) -> str:
    """Write the page with the table between its markers replaced."""
    pattern = r"(<!-- builtins -->\n).*?(<!-- end -->)"
    shown = table(rows)
    return re.sub(pattern, lambda m: f"{m[1]}{shown}\n{m[2]}", page, flags=re.DOTALL)


def write(rows: Sequence[Row]) -> None:
    plain = [asdict(row) for row in rows]
    write_text(RECORD, json.dumps(plain, indent=1) + "\n")
    write_text(PAGE, fill(PAGE.read_text(), rows))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m parity_tests.builtins")
    parser.add_argument("presets", nargs="*")
    parser.add_argument("--write", action="store_true", help="renew record and page")
    options = parser.parse_args(arguments)
    if options.write and options.presets:
        raise UsageError("--write writes all of them; name none")
    rows = []
    with Workers() as workers:
        for row in run(cases(options.presets), workers):
            rows.append(row)
            print(f"{row.preset} {row.builtin}: {row.verdict} {row.errors}", flush=True)
    if options.write:
        write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
