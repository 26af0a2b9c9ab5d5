"""One set of workers for the whole run: a framework is imported once."""

import textwrap
import zlib

import numpy as np
import pytest

from parity_tests.engine import Workers
from shared.worker import WorkerRaised


@pytest.fixture(scope="session")
def workers():
    with Workers() as running:
        yield running


_NOTHING = {
    "pytorch": "__import__('torch').nn.Identity()",
    "keras": "__import__('keras').layers.Identity()",
    "jax": "__import__('flax.nnx').nnx.Module()",
}


@pytest.fixture
def within(workers, tmp_path):
    """Calls a function of a source in a framework's worker; what it asserts holds."""

    def call(framework, source, name, dtype="float64"):
        package = framework.partition("[")[0]
        text = f"{textwrap.dedent(source)}\n\ndef ran():\n    {name}()\n"
        text += f"    return {_NOTHING[package]}\n"
        module = f"within_{zlib.crc32(text.encode()):x}"
        (tmp_path / f"{module}.py").write_text(text)
        worker = workers.get(framework, dtype)
        try:
            worker.adopt(f"{module}:ran", (np.zeros((1, 1)),), (str(tmp_path),)).drop()
        except WorkerRaised as error:
            raise AssertionError(f"{error}\n{error.details}") from None

    return call
