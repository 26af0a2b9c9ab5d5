"""What every definition's native forms are held to, for the test file of its kind."""

from collections.abc import Callable, Container, Iterable
from typing import Any

import pytest

from parity_tests import defined
from parity_tests.defined import CASES, SETTINGS, Found
from parity_tests.definition_judge import frozen, settings
from parity_tests.engine import Workers
from shared.frameworks import FRAMEWORKS, NATIVE, PACKAGES


def sampled(values: Iterable[Any], few: Container[Any]) -> list[Any]:
    """Leave what is not among the few to `make thorough`."""
    return [
        value
        if value in few
        else pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=pytest.mark.thorough,
        )
        for value in values
    ]


def spread(names: Iterable[str], definition: Callable[[str], str] = str) -> list[Any]:
    """Pair names with frameworks. Keras's other back ends run the lines that TensorFlow
    runs: of each definition they have the first name, the others in `make thorough`."""
    every = list(names)
    once = {definition(name): name for name in reversed(every)}
    pairs = [(name, framework) for name in every for framework in FRAMEWORKS]
    few = [
        (name, framework)
        for name, framework in pairs
        if framework in NATIVE or once[definition(name)] == name
    ]
    return sampled(pairs, few)


def follows(kind: str) -> Callable[..., None]:
    """The test that all back ends give what the cases of this kind say."""

    asked = spread(CASES[kind], lambda name: name.partition(",")[0])

    @pytest.mark.parametrize(("name", "framework"), asked)
    def test(workers: Workers, framework: str, name: str) -> None:
        worker = workers.get(framework, "float64")
        assert defined.of_case(worker, CASES[kind][name]) == Found("")

    return test


def takes(kind: str) -> Callable[..., None]:
    """The test that settings allow natively what the definition allows."""

    @pytest.mark.parametrize("framework", NATIVE)
    @pytest.mark.parametrize("name", SETTINGS[kind])
    def test(workers: Workers, framework: str, name: str) -> None:
        given = PACKAGES[framework], kind, SETTINGS[kind][name]
        worker = workers.get(framework, "float64")
        assert settings(*given)(worker) == ""
        assert frozen(*given)(worker) == ""

    return test
