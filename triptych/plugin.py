"""The pytest plugin: a fixture `parity` that holds models to golden dumps."""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pytest

from triptych.testing import Dtype, Inputs, Keep, Model, assert_parity, record


class Options(TypedDict, total=False):
    """What `triptych.assert_parity` takes beside models and inputs."""

    names: dict[str, str] | str | os.PathLike[str] | None
    tolerance: float | None
    own_weights: bool
    python: dict[str, str] | None
    html: str | os.PathLike[str] | None


class Parity:
    """Holds models to golden dumps, which lie in `golden` beside the test.

    A dump is recorded by `pytest --parity-update` where the reference's framework is;
    where only the port's is, it is read.
    """

    def __init__(self, folder: Path, name: str, update: bool):
        self.folder, self.name, self.update = folder, name, update

    def golden(self, name: str = "") -> Path:
        """Gives the folder of a dump, which is called after the test unless named."""
        return self.folder / (name or self.name)

    def __call__(
        self,
        model: Model,
        inputs: Inputs = None,
        *,
        name: str = "",
        keep: Keep = "all",
        dtype: Dtype | None = None,
        program: str = "",
        outputs: tuple[str, ...] = (),
        same_layout: bool = False,
        gradients: bool = True,
        **options: Unpack[Options],
    ) -> None:
        """Raises an AssertionError unless a model does what the golden dump has.

        inputs: as the model takes them; they may be left out where the dump is there.
        keep: what `triptych.record` keeps; the rest as in `triptych.assert_parity`.
        """
        __tracebackhide__ = True
        golden = self.golden(name)
        if self.update and inputs is not None and self._own(model, golden):
            _renew(
                golden,
                model,
                inputs,
                keep=keep,
                dtype=dtype,
                program=program,
                outputs=outputs,
                same_layout=same_layout,
                gradients=gradients,
            )
        if not golden.is_dir():
            raise AssertionError(
                f"no golden dump {golden}: `pytest --parity-update` records it, in the "
                "framework of the reference and with inputs"
            )
        assert_parity(
            golden,
            model,
            inputs,
            inputs_of="port",
            dtype=dtype,
            program=program,
            outputs=outputs,
            same_layout=same_layout,
            gradients=gradients,
            **options,
        )

    def _own(self, model: Model, golden: Path) -> bool:
        """Whether a model may renew a dump, which one of another framework may not."""
        from triptych.recorders import native_of

        try:
            said = json.loads((golden / "dump.json").read_text())["framework"]
        except (OSError, ValueError, TypeError, KeyError):
            return True
        return bool(said == getattr(native_of(model), "FRAMEWORK", ""))


def _renew(golden: Path, model: Model, inputs: Inputs, **how: Any) -> None:
    """Records a dump beside the old one, and puts it in its place when it is whole."""
    golden.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=golden.parent) as place:
        made = record(model, inputs, Path(place, "new"), **how)
        golden.mkdir(exist_ok=True)
        for file in made.iterdir():
            os.replace(file, golden / file.name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--parity-update`."""
    parser.getgroup("triptych").addoption(
        "--parity-update",
        action="store_true",
        help="record the golden dumps of `parity` anew, in their own framework",
    )


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> Parity:
    """Holds a model to a golden dump: parity(model, inputs)."""
    test = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    update = bool(request.config.getoption("--parity-update"))
    return Parity(request.path.parent / "golden", f"{request.path.stem}.{test}", update)
