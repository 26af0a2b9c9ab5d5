"""Which mutants are made, and that what is said of the survivors is still of one."""

import ast
from pathlib import Path

import pytest

from parity_tests.changes import changed
from parity_tests.definition_judge import PARTS
from parity_tests.model_judge import LAYERS
from parity_tests.mutants import collect, explanations, key
from shared.catalog import FAMILIES, place_of
from shared.frameworks import NATIVE, ROOT

SOURCE = """
class Block(nn.Module):
    def __init__(self, dropout: float = 0):
        self.conv = nn.Conv2d(3, spec.width, 3, stride=2, bias=spec.bias)
        self.norm = nn.BatchNorm2d(spec.width, eps=spec.eps)

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        y = y.permute(0, 2, 1) if training else self.dropout(y)
        return torch.cat([x + y, y - x], dim=1)
"""
CHANGES = {
    "0 -> 1",
    "3 -> 4",
    "2 -> 3",
    "1 -> 2",
    "spec.eps -> spec.eps * 0.5",
    "F.relu -> F.tanh",
    "y.permute(0, 2, 1) -> y.permute(0, 1, 2)",
    "training -> not training",
    "self.dropout -> self.dropout * 0.5",
    "self.dropout(y) -> y",
    "x + y -> x",
    "x + y -> y",
    "y - x -> y + x",
}
OF_CALLS = ("bias=not spec.bias", "torch.cat([y - x, x + y], dim=1)")


@pytest.fixture(scope="module")
def everything():
    return collect([*FAMILIES, LAYERS, *PARTS], list(NATIVE))


ARITHMETIC = """
class Adam(Optimizer):
    def update(self, group, ps, gs, ms, vs):
        beta1, decay = group["beta1"], group["decay"]
        rate = -group["lr"] / (1 - beta1 ** group["t"])
        torch._foreach_addcmul_(vs, gs, gs, 1 - decay)
        roots = torch._foreach_sqrt(vs)
        if decay > 0 and not rate:
            torch._foreach_add_(ps, torch._foreach_maximum(gs, ms), alpha=rate)
        return roots * min(rate, decay) + decay
"""
OF_ARITHMETIC = {
    "'beta1' -> 'beta2'",
    "beta1 -> beta2",
    "-group['lr'] -> group['lr']",
    "1 - beta1 ** group['t'] -> 1",
    "beta1 ** group['t'] -> beta1 * group['t']",
    "torch._foreach_addcmul_(vs, gs, gs, 1 - decay) -> None",
    "torch._foreach_sqrt(vs) -> vs",
    "decay > 0 -> decay >= 0",
    "decay > 0 and (not rate) -> not (decay > 0 and (not rate))",
    "decay > 0 and (not rate) -> decay > 0 or not rate",
    "not rate -> rate",
    "torch._foreach_maximum -> torch._foreach_minimum",
    "min -> max",
    "roots * min(rate, decay) -> roots / min(rate, decay)",
    "roots * min(rate, decay) + decay -> roots * min(rate, decay) - decay",
    "roots * min(rate, decay) + decay -> decay",
}


def test_definitions_have_the_changes_of_arithmetic_besides():
    found = {change for _, change, _ in changed(ARITHMETIC, definition=True)}
    assert found >= OF_ARITHMETIC
    assert any("2 * (1 - decay)" in change for change in found)
    assert any("alpha=2 * rate" in change for change in found)
    fewer = {change for _, change, _ in changed(ARITHMETIC)}
    assert fewer < found
    assert not fewer & {"min -> max", "not rate -> rate", "beta1 -> beta2"}


def test_a_definitions_mutant_knows_whose_it_is(everything):
    owners = {(m.path, m.owner) for m in everything}
    assert ("pytorch_impl/optimizers/muon.py", "Muon") in owners
    assert ("jax_impl/schedules.py", "warm_restarts") in owners
    assert {m.owner for m in everything if "/models/" in m.path} == {""}


def test_each_changes_one_place():
    made = list(changed(SOURCE))
    found = {change for _, change, _ in made}
    assert found >= CHANGES
    for part in OF_CALLS:
        assert any(part in change for change in found), part
    plain = ast.unparse(ast.parse(SOURCE)).splitlines()
    for _, change, source in made:
        lines = source.splitlines()
        assert len(lines) == len(plain)
        differ = [a for a, b in zip(lines, plain, strict=True) if a != b]
        assert len(differ) == 1, change


# One call of the framework's own, with nothing in it that could be another.
NOTHING_TO_CHANGE = {"jax_impl/layers/segment.py"}


def test_every_file_has_some(everything):
    files = {mutant.path for mutant in everything} | NOTHING_TO_CHANGE
    for package in ("pytorch_impl", "keras_impl", "jax_impl"):
        for family in FAMILIES:
            assert f"{package}/models/{place_of(family)}" in files
        for file in (ROOT / "pytorch_impl" / LAYERS).glob("[!_]*.py"):
            assert f"{package}/{LAYERS}/{file.name}" in files
        for name in PARTS:
            inside = {path.parent.name for path in map(Path, files)}
            assert f"{package}/{name}.py" in files or name in inside
    assert len(everything) >= 400


def test_explanations_are_of_mutants_and_stand_in_the_docs(everything):
    explained = explanations()
    assert set(explained) <= {key(mutant) for mutant in everything}
    page = (ROOT / "docs" / "mutants.md").read_text()
    for reason in explained.values():
        assert reason in page
    assert "NOT EXPLAINED" not in page
