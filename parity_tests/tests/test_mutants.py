"""Which mutants are made, and that what is said of the survivors is still of one."""

import ast
from pathlib import Path

import pytest

from parity_tests import mutants, mutants_page, touched
from parity_tests.changes import changed
from parity_tests.definition_judge import PARTS
from parity_tests.kept import KeptTests
from parity_tests.model_judge import LAYERS, OBJECTIVES
from parity_tests.mutants_page import Judged, Outcome, explanations, key
from shared.catalog import FAMILIES, place_of
from shared.frameworks import ROOT

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
    return mutants.everything()


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


# Calls alone, with nothing in them that could be another.
NOTHING_TO_CHANGE = {
    "jax_impl/layers/segment.py",
    "jax_impl/objectives/supervised.py",
    "pytorch_impl/objectives/supervised.py",
}


def test_every_file_has_some(everything):
    files = {mutant.path for mutant in everything} | NOTHING_TO_CHANGE
    for package in ("pytorch_impl", "keras_impl", "jax_impl"):
        for family in FAMILIES:
            assert f"{package}/models/{place_of(family)}" in files
        for room in (LAYERS, OBJECTIVES):
            for file in (ROOT / "pytorch_impl" / room).glob("[!_]*.py"):
                assert f"{package}/{room}/{file.name}" in files
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


def test_the_page_is_made_of_the_record(everything):
    judged = mutants_page.recorded()
    text = (ROOT / "docs" / "mutants.md").read_text()
    assert text == mutants_page.page(judged, everything)
    assert all(one.caught + one.explained == one.judged for one in judged)
    families = {Path(one.path).stem for one in judged if "/models/" in one.path}
    assert set(FAMILIES) <= families
    shared = {Path(one.path).stem for one in judged if "/models/" not in one.path}
    assert shared == {LAYERS, OBJECTIVES, *PARTS}


def test_a_later_run_of_a_file_takes_the_place_of_the_earlier(everything):
    one = Outcome(
        "jax", "jax_impl/layers/linear.py", 3, "x + y", "x + y -> x", True, ""
    )
    other = Outcome("jax", "jax_impl/layers/dropout.py", 3, "2", "2 -> 3", False, "")
    before = mutants_page.recorded()
    after = mutants_page.merged([one, other], everything)
    made = sum(m.path.startswith("jax_impl/layers/") for m in everything)
    assert Judged("jax", "jax_impl/layers", made, 2, 1, 0) in after
    assert len(after) == len(before) == len(set(after) & set(before)) + 1


def test_of_several_alike_in_a_line_each_is_judged():
    one = mutants.Mutant("jax", "jax_impl/a/b.py", 1, "x[:1, :1]", "1 -> 2", "")
    judged = mutants.outcome_of(one, "names", "")
    assert mutants.unjudged([one, one, one], [judged, judged]) == [one]


# Which models a layer's mutant is shown to


def test_what_a_model_runs_of_the_layers_is_seen(workers):
    """Of both branches that one which its spec takes, and no other layer."""
    worker = workers.get("pytorch", "float64")
    seen = touched.seen(worker, "rnn_tiny_gru_before", ("forward",))
    assert not seen.evidence.failures
    files = {Path(file).name for file, _ in seen.lines}
    assert files == {"cells.py", "dropout.py", "recurrent.py"}
    cells = (ROOT / "pytorch_impl" / "layers" / "cells.py").read_text()
    owners = mutants.owners(cells, tables=True)
    ran = {owners[line] for file, line in seen.lines if file.endswith("cells.py")}
    assert ran == {"gru", "step_of"}


BRANCHES = """A = {
    1: 2,
}


@g(3)
def f(x=1):
    if (
        x
    ):
        return (
            3,
            4)
    y = [
        5]
    def g(z=y):
        return z
    return A, g
"""


def test_a_line_is_of_its_statement():
    def of(line):
        lines, certain = touched.statement(BRANCHES, line)
        return lines.start, lines.stop - 1, certain

    assert of(2) == (1, 3, False)
    assert of(6) == of(7) == (6, 18, True)
    assert of(9) == (8, 10, True)  # of a compound the head
    assert of(13) == (11, 13, True)
    assert of(15) == (14, 15, True)
    assert of(16) == (16, 16, True)
    assert of(17) == (17, 17, True)


def test_lines_are_their_functions_or_tables():
    text = "A = 1\n\n\ndef f():\n    return A\n"
    assert mutants.owners(text, tables=True) == {1: "A", 4: "f", 5: "f"}
    assert mutants.owners(text, tables=False) == {4: "f", 5: "f"}


# Processes that stay


RELU = "test_a_layer_is_what_its_spec_says[relu6]"


@pytest.mark.thorough
def test_tests_run_again_on_files_that_changed(tmp_path):
    """A process that stays sees a change, and that it is gone again."""
    mutants.copied(tmp_path)
    file = tmp_path / "pytorch_impl" / "layers" / "activation.py"
    text = file.read_text()
    asked = ["parity_tests/tests/test_layers.py", "-k", "relu6"]
    with KeptTests(tmp_path) as tests:
        assert tests.failing("pytorch", asked) == ""
        asked_more = [asked[0], "-k", "is_what_its_spec_says[hard_sigmoid]"]
        ((_, lines),) = tests.lines("pytorch", asked_more).items()
        ran = {text.splitlines()[line - 1] for _, line in lines}
        assert any('"hard_sigmoid": lambda x:' in line for line in ran)
        file.write_text(text.replace("relu6", "relu"))
        assert tests.failing("pytorch", asked).endswith(RELU)
        file.write_text(text.replace("import torch", "import nothing_of_the_name"))
        assert tests.failing("pytorch", asked)
        file.write_text(text)
        assert tests.failing("pytorch", asked) == ""
