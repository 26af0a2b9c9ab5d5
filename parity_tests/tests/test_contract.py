"""What the contract carries beside one forward pass: ragged parts, programs, noise,
objectives of several steps."""

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity_tests import asked, tolerances, training
from parity_tests.engine import request
from shared.catalog import VARIANTS
from shared.contract import drawn
from shared.data.batches import (
    SAMPLE,
    Batch,
    Ragged,
    Samples,
    laid_out,
    one_batch,
)
from shared.definitions.optimizers import Prodigy, ScheduleFreeAdamW
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE, ORACLE
from shared.messages import Result
from shared.objectives.adversarial import Adversarial
from shared.objectives.base import Copy, Step
from shared.objectives.plan import Metric
from shared.objectives.supervised import Supervised
from shared.randomness import Draws, generator
from shared.running import saving
from shared.running.training import Run
from shared.specs.base import Program, Spec, Tensor
from shared.tensors import NODES, edges


def graphs():
    """Two graphs: three nodes in a path, and one node that points at itself."""
    nodes = Ragged(np.arange(4.0)[:, None], np.array([3, 1]))
    edges = Ragged(np.array([[0, 1], [1, 2], [0, 0]]), np.array([2, 1]), into=0)
    owner = Ragged(np.zeros(4, np.int64), np.array([3, 1]), into=SAMPLE)
    return nodes, edges, owner


def test_graphs_of_a_batch_are_one_graph():
    nodes, edges, owner = laid_out(graphs())
    np.testing.assert_array_equal(nodes[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(edges, [[0, 1], [1, 2], [3, 3]])
    np.testing.assert_array_equal(owner, [0, 0, 0, 1])


def test_ragged_parts_are_taken_by_sample():
    samples = Samples(graphs(), (np.array([5, 6]),))
    turned = samples.take(np.array([1, 0, 1]))
    nodes, edges, owner = turned.arrays[0]
    np.testing.assert_array_equal(nodes[:, 0], [3, 0, 1, 2, 3])
    np.testing.assert_array_equal(edges, [[0, 0], [1, 2], [2, 3], [4, 4]])
    np.testing.assert_array_equal(owner, [0, 1, 1, 1, 2])
    np.testing.assert_array_equal(turned.arrays[1][0], [6, 5, 6])
    assert len(samples.take(slice(0, 0)).arrays[0][1]) == 0


def test_ragged_parts_must_add_up():
    with pytest.raises(UsageError, match="4 rows for samples of 3 in all"):
        Ragged(np.zeros(4), np.array([2, 1]))


def test_a_batch_counts_samples():
    batch = Batch((np.zeros((7, 2)),), (np.zeros(3),), 3)
    assert len(batch) == 3


def test_a_batch_is_divided_where_all_count_its_samples():
    assert type(one_batch((np.zeros((3, 2)),), (np.zeros(3),), 3)) is Samples
    ragged = one_batch((np.zeros((7, 2)), np.zeros(3)), (), 3)
    assert isinstance(ragged, Batch)
    assert len(ragged) == 3
    with pytest.raises(UsageError, match="3 samples that are laid out as one batch"):
        ragged.take(slice(0, 1))


@dataclass(frozen=True, kw_only=True)
class OfGraphs(Spec):
    """Something is said of each graph, and its nodes come first."""

    def inputs(self):
        return (
            Tensor("x", (2,), rows=NODES),
            edges("edges"),
            Tensor("sizes", (), below=9),
        )

    def outputs(self, training):
        return (Tensor("logits", (3,)),)

    def programs(self):
        inputs = self.inputs()
        return {"part": Program("part", (inputs[2], Tensor("z", (4,))), ())}

    def examples(self, batch, seed, case=""):
        sizes = np.arange(1, batch + 1)
        return np.zeros((sizes.sum(), 2)), np.zeros((0, 2), int), sizes


def test_what_is_wanted_has_the_rows_of_the_output():
    spec = OfGraphs()
    (wanted,) = spec.wanted(spec.examples(4, 0), 0)
    assert wanted.shape == (4,)


def test_a_program_is_asked_of_what_forward_is():
    sizes, z = OfGraphs().asked("part", 4, 0)
    np.testing.assert_array_equal(sizes, [1, 2, 3, 4])
    assert z.shape == (4, 4)
    question = asked.of_program(OfGraphs(), "part", 4, 0)
    np.testing.assert_array_equal(question.inputs[1], z)


def test_a_layer_called_again_draws_anew():
    draws = Draws(1, "drop", 2)
    first, second = draws.keep((4, 5), 0.5), draws.keep((4, 5), 0.5)
    assert (first != second).any()
    plain = generator("keep", 1, "drop", 2).random((4, 5)) >= 0.5
    np.testing.assert_array_equal(first, plain)
    np.testing.assert_array_equal(Draws(1, "drop", 2).kept((4, 5), 0.5, 1), second)


def program(margin="margin"):
    out = (Tensor("tokens", (3,), below=9), Tensor("margin", (3,)))
    return Program("decide", (), out, margin=margin)


def answers(tokens, margins):
    return Result((np.array(tokens), np.array(margins, float)))


@pytest.mark.parametrize(
    ("margin", "verdict"), [(1e-10, "1 ties"), (1e-8, "tokens[1, 2] is decided")]
)
def test_a_decision_may_differ_where_it_is_a_tie(margin, verdict):
    one = answers([[1, 2, 3], [4, 5, 6]], [[1, 1, 1], [1, 1, margin]])
    two = answers([[1, 2, 3], [4, 5, 8]], [[1, 1, 1], [1, 1, margin]])
    found = asked.compared(program(), (), {"a": one, "b": two})
    assert verdict in (found if isinstance(found, str) else found.where)
    same = asked.compared(program(), (), {"a": one, "b": one})
    assert same.error == 0


def test_a_margin_may_follow_from_inputs_and_outputs():
    """Of the sum of what goes in and of the second output."""

    def margin(inputs, outputs):
        return inputs[0] + outputs[1]

    one = answers([[1, 2, 3]], [[1, 1, 1e-10]])
    two = answers([[1, 2, 4]], [[1, 1, 1e-10]])
    given = np.zeros((1, 3)), np.array([[0, 0, 1.0]])
    for inputs, verdict in zip(given, ("1 ties", "a margin of 1"), strict=True):
        judged = program(margin=margin)
        found = asked.compared(judged, (inputs,), {"a": one, "b": two})
        assert verdict in (found if isinstance(found, str) else found.where)


def test_without_a_margin_every_decision_counts():
    one = answers([[1, 2, 3]], [[0, 0, 0]])
    two = answers([[1, 2, 4]], [[0, 0, 0]])
    found = asked.compared(program(margin=""), (), {"a": one, "b": two})
    assert "by a margin of inf" in found


def test_outputs_have_the_shape_that_the_program_says():
    one = Result((np.zeros((2, 4), int), np.zeros((2, 4))))
    assert "tokens is (4,)" in asked.compared(program(), (), {"a": one, "b": one})


# Objectives


def test_the_steps_of_two_players():
    spec = VARIANTS["mlp_tiny"].spec
    game = Adversarial(game="wasserstein", penalty=10.0, every=5)
    critic, generator = game.steps(spec)
    names = ["discriminator.fc.weight", "generator.fc.weight"]
    assert (critic.chosen(names), generator.chosen(names)) == (names[:1], names[1:])
    assert [n.name for n in critic.noise] == ["between"]
    assert [generator.due(k) for k in (1, 4, 5, 10)] == [False, False, True, True]


def test_a_copy_finds_its_pairs():
    names = ["online.a", "online.b.c", "target.a", "target.b.c", "onlinex"]
    copy = Copy(source="online", target="target", keep=0.9)
    wanted = [("online.a", "target.a"), ("online.b.c", "target.b.c")]
    assert copy.pairs(names) == wanted


def followed(workers, plan, name="mlp_tiny"):
    spec = VARIANTS[name].spec
    return {
        framework: training.follow(workers.get(framework, "float64"), name, spec, plan)
        for framework in (*NATIVE, ORACLE)
    }


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_groups_have_rates_of_their_own(workers, optimizer):
    """What is frozen stays as it was, what has a rate of its own moves by it."""
    name = "mlp_tiny_tanh"  # with dropout
    plan = training.plans(VARIANTS[name].spec)[optimizer]
    rates = (("hidden.0.*", 0.0), ("*.bias", 0.1))
    seen = followed(workers, replace(plan, rates=rates), name)
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst
    first, last = seen["pytorch"][0].weights, seen["pytorch"][-1].weights
    moved = {name for name in first if (first[name] != last[name]).any()}
    still = {name for name in first if name.startswith("hidden.0.")}
    assert moved == first.keys() - still
    assert seen["pytorch"][0].gradients.keys() == moved


def test_a_tenth_of_a_rate_moves_a_tenth(workers):
    spec = VARIANTS["mlp_tiny"].spec
    plan = replace(training.plans(spec)["momentum"], clip=None)
    name = "fc.bias"
    ends = []
    for rates in ((), ((name, 0.1),)):
        model = workers.get("pytorch", "float64").build(spec, "mlp_tiny")
        model.fill(0)
        start = model.dump()[name].copy()
        batch = training.batches(spec, 1)
        (seen,), _ = model.follow(replace(plan, rates=rates), batch, 0)
        ends.append(seen.weights[name] - start)
        model.drop()
    np.testing.assert_allclose(ends[1], ends[0] / 10, rtol=1e-9)


def test_what_is_not_trained_stays(workers):
    spec = VARIANTS["mlp_tiny"].spec
    plan = training.plans(spec)["adamw"]
    objective = replace(plan.objective, trains=("fc.*",))
    seen = followed(workers, replace(plan, objective=objective))
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst
    first, last = seen["jax"][0].weights, seen["jax"][-1].weights
    moved = {name for name in first if (first[name] != last[name]).any()}
    assert moved == {"fc.weight", "fc.bias"}


def test_parameters_follow_others(workers):
    """After every second update a block is nine tenths itself, a tenth another."""
    spec = VARIANTS["gpt_tiny"].spec
    plan = training.plans(spec)["adamw"]
    copy = Copy(source="h.0", target="h.1", every=2, keep=0.9)
    trains = ("wte.*", "wpe.*", "h.0.*", "ln_f.*")
    objective = replace(plan.objective, trains=trains, copies=(copy,))
    seen = followed(workers, replace(plan, objective=objective), "gpt_tiny")
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst
    for updates in seen.values():
        for number, (one, two) in enumerate(pairwise(updates), start=2):
            for source, target in copy.pairs(one.weights):
                wanted = one.weights[target]
                if number % copy.every == 0:
                    wanted = 0.9 * wanted + (1 - 0.9) * two.weights[source]
                np.testing.assert_allclose(two.weights[target], wanted, atol=1e-15)


def test_a_model_can_be_differentiated_after_fine_tuning(workers):
    """What was frozen for a while has gradients again."""
    spec = VARIANTS["mlp_tiny"].spec
    plan = training.plans(spec)["adamw"]
    objective = replace(plan.objective, trains=("fc.*",))
    for framework in NATIVE:
        model = workers.get(framework, "float64").build(spec, "mlp_tiny")
        model.fill(0)
        batches = training.batches(spec, 1)
        model.follow(replace(plan, objective=objective), batches, 0)
        asked = request(spec, 4, training=True, gradients=True)
        assert model.run(asked).gradients.keys() == {
            name for name, entry in model.entries().items() if entry.trainable
        }
        model.drop()


@pytest.mark.parametrize("optimizer", [Prodigy(), ScheduleFreeAdamW()])
def test_an_optimizer_that_sets_its_own_rate_has_no_groups(optimizer):
    plan = training.plans(VARIANTS["mlp_tiny"].spec)["adamw"]
    with pytest.raises(UsageError, match="rates"):
        replace(plan, optimizer=optimizer, rates=(("*", 0.1),))


def test_a_step_names_its_optimizer():
    step = Step("critic", optimizer=Prodigy())
    plan = training.plans(VARIANTS["mlp_tiny"].spec)["adamw"]
    assert plan.optimizer_of(step) == Prodigy()
    assert plan.optimizer_of(Step("generator")) == plan.optimizer


# Checkpoints of before


def before(path, about):
    """A checkpoint as the first format had it."""
    text, tensors = json.dumps(about, sort_keys=True), {"model/w": np.ones(2)}
    digest = saving._digest(text, tensors)
    header = {"format": saving.BEFORE, "about": text, "digest": digest}
    weights.write(path, tensors, header)


def test_a_checkpoint_of_before_is_read(tmp_path):
    path = saving.path_of(tmp_path, 7)
    loss = {"kind": "MSE"}
    about = {
        "plan": {"loss": loss, "heads": [1.0], "epochs": 3},
        "position": {"batch": 2, "losses": 1.5},
        "step": 7,
    }
    before(path, about)
    found = saving.read(path).about
    assert found["plan"]["objective"] == {
        "kind": "Supervised",
        "copies": [],
        "loss": loss,
        "heads": [1.0],
        "trains": ["*"],
    }
    assert "loss" not in found["plan"]
    assert found["position"]["losses"] == {"loss": 1.5}
    assert found["position"]["counted"] == {"loss": 2}


def test_a_metric_is_given_as_much_as_it_asks_for():
    """Boxes, their classes and which are there are wanted together."""
    given = {}

    def told(name):
        return lambda *arrays: given.setdefault(name, len(arrays)) and 1.0

    few = Metric("few", told("few"), higher=True, program="detect")
    all_ = Metric("all", told("all"), higher=True, program="detect", takes=4, wants=3)
    objective = SimpleNamespace(judge=None)
    scored: Any = SimpleNamespace(
        plan=SimpleNamespace(objective=objective), metric=few, others=(all_,)
    )
    scored._outputs = lambda samples, program: (np.zeros((2, 3)),) * 4
    samples = Samples((np.zeros((2, 1)),), (np.zeros((2, 3)),) * 3)
    _, found = Run.score(scored, samples)
    assert found == {"few": 1.0, "all": 1.0}
    assert given == {"few": 2, "all": 7}


def test_heads_weigh_outputs():
    two = Supervised(loss=VARIANTS["mlp_tiny"].spec.objective().loss, heads=(1.0, 0.3))
    assert two.of(lambda y, t: y * t, (2.0, 10.0), (3.0,)) == pytest.approx(15.0)


def test_noise_of_pictures_lies_where_the_framework_keeps_channels():
    picture = Tensor("noise", (2, 3, 4), channels_first=True, drawn="normal")
    step = Step("one", noise=(picture, Tensor("z", (5,), drawn="normal")))
    assert picture.native(channels_last=True) == (3, 4, 2)
    assert picture.native(channels_last=False) == picture.shape
    first, z = drawn(step, 6, seed=0, number=1)
    last, same = drawn(step, 6, seed=0, number=1, channels_last=True)
    assert (first.shape, last.shape) == ((6, 2, 3, 4), (6, 3, 4, 2))
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)
    np.testing.assert_array_equal(z, same)
