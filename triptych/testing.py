"""Parity in a person's own tests: models that live there, and dumps of others.

Nothing slow is imported until something is asked: `triptych` is the command line, too.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from triptych.holding import Held

# A live model of any framework, the folder of a dump, or `package.module:name`, which
# is recorded in a process of its own. A Linen module comes as (module, variables).
Model = Any
# An array of any framework, or a sequence or mapping of arrays, nested as the model
# takes them.
Inputs = Any
Dtype = Literal["float64", "float32"]
Keep = Literal["all", "statistics", "hash"]


def assert_parity(
    reference: Model,
    port: Model,
    inputs: Inputs = None,
    *,
    names: Mapping[str, str] | str | os.PathLike[str] | None = None,
    tolerance: float | None = None,
    dtype: Dtype | None = None,
    program: str = "",
    outputs: Sequence[str] | Mapping[str, str] = (),
    same_layout: bool = False,
    gradients: bool = True,
    own_weights: bool = False,
    steps: int = 0,
    optimizer: str = "adamw",
    python: Mapping[str, str] | None = None,
    html: str | os.PathLike[str] | None = None,
    inputs_of: Literal["reference", "port"] = "reference",
) -> None:
    """Raises an AssertionError unless two models compute the same.

    Compared are outputs and gradients in evaluation and training, and statistics after
    a pass in training. The reference's weights are lent to the port, unless each is
    held to its `own_weights`. Both models are afterwards as they were.

    inputs: as the model that `inputs_of` names takes them; a dump brings its own.
    names: the port's names or patterns -> the reference's, in part; or a JSON file.
    tolerance: the bound, 1e-6 unless given. dtype: float64 where all can run in it,
    else float32, whose rounding is measured and allowed for. program: a method, instead
    of a call. outputs: those that are compared, by path in the reference (-> in the
    port). same_layout: images have the same axes in both. gradients: whether there are
    any. steps: so many updates by an `optimizer` (sgd, adam or adamw, with settings as
    `adamw:lr=0.01`) are compared, too. python: the interpreter of a framework's
    `package.module:name`. html: a page of what was found.

    What cannot be compared is a ValueError of one line.
    """
    from triptych.holding import Held, precisions, written

    held = Held()
    given = [_said(model, held) for model in (reference, port)]
    wanted = outputs if isinstance(outputs, Mapping) else {p: p for p in outputs}
    with tempfile.TemporaryDirectory(prefix="triptych-") as folder:
        question = {
            "targets": given,
            "inputs": written(inputs, Path(folder)),
            "inputs_of": ("reference", "port").index(inputs_of),
            "names": os.fspath(names) if isinstance(names, os.PathLike) else names,
            "tolerance": tolerance,
            "program": program,
            "outputs": dict(wanted),
            "same_layout": same_layout,
            "gradients": gradients,
            "own_weights": own_weights,
            "steps": steps,
            "optimizer": optimizer,
            "python": dict(python or {}),
            "html": os.fspath(html) if html else "",
        }
        found = _found(question, held, [dtype] if dtype else precisions(given))
    if not found["agrees"]:
        raise AssertionError(found["said"])


def record(
    model: Model,
    inputs: Inputs,
    out: str | os.PathLike[str] = "dump",
    *,
    keep: Keep = "all",
    dtype: Dtype | None = None,
    program: str = "",
    outputs: Sequence[str] = (),
    same_layout: bool = False,
    gradients: bool = True,
    steps: int = 0,
    optimizer: str = "adamw",
) -> Path:
    """Writes what a live model is made of and does into a folder, and gives its path.

    `triptych diff` and `assert_parity` take the folder in the place of the model.
    inputs: as the model takes them. keep: of what the layers gave, all of it, its
    statistics, or a hash; weights, outputs and gradients are always whole. The other
    arguments are those of `assert_parity`.
    """
    from triptych.holding import PRECISIONS, recorded, written

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="triptych-") as place:
        recorded(
            model,
            [dtype] if dtype else PRECISIONS,
            folder,
            keep,
            (steps, optimizer),
            inputs=written(inputs, Path(place)),
            program=program,
            outputs=tuple(outputs),
            same_layout=same_layout,
            gradients=gradients,
        )
    return folder


def _said(model: Model, held: "Held") -> dict[str, str]:
    """What the judge is told of a model: a folder, a target, or that it lives here."""
    if isinstance(model, str | os.PathLike):
        path = Path(model)
        if path.is_dir():
            return {"dump": str(path.absolute())}
        if isinstance(model, str) and ":" in model:
            return {"target": model}
        raise ValueError(f"{path}: no such folder, nor package.module:name")
    return held.take(model)


def _found(
    question: Mapping[str, Any], held: "Held", dtypes: Sequence[str]
) -> dict[str, Any]:
    """The judge's answer, in the first precision in which the models here can run."""
    from triptych.holding import judged

    for precision in dtypes:
        held.raised = None
        found = judged({**question, "dtype": precision}, held)
        if "refused" not in found:
            break
        if held.raised is None:
            raise ValueError(found["refused"])
    else:
        raise ValueError(found["refused"]) from held.raised
    return found
