"""The quick tasks reach their targets in all three; `make train` runs them all."""

import pytest

from parity_tests.tests import held
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.running import curves, runs
from shared.tasks import TASKS, task


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize(
    "name",
    held.sampled(["breast_cancer", "digits_mlp", "digits_vae"], ["breast_cancer"]),
)
def test_reaches_its_target(run, name, framework, tmp_path):
    chosen = task(name)
    outcome = run(framework, tmp_path, {}, name=name)
    assert chosen.reached(runs.score(chosen, outcome)), outcome
    assert len(outcome["history"]) == outcome["epochs"] <= chosen.epochs
    assert curves.read_history(tmp_path) == outcome["history"]


def test_all_three_run_beside_each_other_and_are_drawn(tmp_path):
    chosen = task("diabetes")
    said = []
    outcomes = runs.run(chosen, list(NATIVE), tmp_path, {}, say=said.append)
    assert list(outcomes) == list(NATIVE)
    for framework, outcome in outcomes.items():
        assert chosen.reached(runs.score(chosen, outcome)), (framework, outcome)
        history = curves.read_history(tmp_path / framework)
        assert history == outcome["history"]
        told = [line for line in said if line.startswith(f"{framework}: epoch")]
        assert len(told) == len(history)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="holds a run; --resume goes on with it"):
        runs.run(chosen, ["jax"], tmp_path, {})


@pytest.mark.parametrize("name", TASKS)
def test_is_whole(name):
    chosen = TASKS[name]
    assert chosen.name == name
    plan = chosen.plan_for(1000, {})
    assert plan.epochs == chosen.epochs
    assert chosen.aim.startswith("test ")


def test_an_unknown_one_is_answered_with_the_nearest():
    with pytest.raises(
        UsageError, match="unknown task 'digit'; the nearest are digits"
    ):
        task("digit")
