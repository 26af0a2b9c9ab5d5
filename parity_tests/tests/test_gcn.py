"""Graphs: the matrix and the edges say the same, several graphs are as each alone, what
awkward ones mean, the published layer by its formula, and the karate club's facts."""

import os
import pickle
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from parity_tests import tolerances
from parity_tests.compare import error
from parity_tests.engine import SEED
from shared import randomness
from shared.catalog import variant
from shared.data import graphs
from shared.data.batches import laid_out
from shared.errors import UsageError
from shared.frameworks import NATIVE, ORACLE
from shared.messages import Request
from shared.running.training import Job
from shared.specs.graph.gcn import as_matrix
from shared.tasks import task

NODES, POOLED = "gcn_tiny", "gcn_tiny_pooled"
ALL = (*NATIVE, ORACLE)


def run(workers, framework, name, inputs, program="", gradients=False):
    spec = variant(name).spec
    model = workers.get(framework, "float64").build(spec, name)
    model.fill(SEED)
    rows = len(inputs[0]) if name == NODES else len(inputs[-1])
    of_out = np.random.default_rng(1).standard_normal((rows, spec.targets))
    wanted = (of_out,) if gradients else None
    found = model.run(Request(tuple(inputs), program=program, cotangents=wanted))
    weights = model.dump()
    model.drop()
    return (found, weights) if gradients else found.outputs[0]


def by_formula(spec, w, x, ends):
    """Equation 2 for each node by itself, in loops."""
    degree = np.array([1 + (ends[:, 1] == i).sum() for i in range(len(x))])
    names = [*(f"hidden.{i}" for i in range(len(spec.hidden))), "out"]
    for name in names:
        z = x @ w[f"{name}.linear.weight"].T
        x = np.array(
            [
                z[i] / degree[i]
                + sum(z[s] / np.sqrt(degree[i] * degree[s]) for s, t in ends if t == i)
                for i in range(len(z))
            ]
        )
        x = x + w[f"{name}.bias"]
        x = x if name == "out" else np.maximum(x, 0)
    return x


@pytest.mark.parametrize("framework", ALL)
def test_a_layer_is_its_formula(workers, framework):
    spec = variant(NODES).spec
    x, ends = spec.examples(2, SEED)
    found, w = run(workers, framework, NODES, (x, ends), gradients=True)
    assert error(found.outputs[0], by_formula(spec, w, x, ends)) <= tolerances.FORWARD


def test_the_counts_are_those_of_the_paper_and_of_the_tutorial():
    """Section 6.1's Cora, each layer with a bias; three layers of 64 and a last one."""
    assert variant("gcn_cora").parameters == (1433 + 1) * 16 + (16 + 1) * 7
    layers = (7 + 1) * 64 + 2 * (64 + 1) * 64 + (64 + 1) * 2
    assert layers == variant("gcn_mutag").parameters


# Forms


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", [NODES, POOLED])
def test_the_matrix_says_what_the_edges_say(workers, framework, name):
    spec = variant(name).spec
    for case in ("", *spec.cases):
        given = spec.examples(4, SEED, case)
        matrix = as_matrix(given)
        one, _ = run(workers, framework, name, given, gradients=True)
        two, _ = run(workers, framework, name, matrix, "dense", gradients=True)
        assert error(one.outputs[0], two.outputs[0]) <= tolerances.FORWARD, case
        for tensor, gradient in one.gradients.items():
            off = error(gradient, two.gradients[tensor])
            assert off <= tolerances.GRADIENTS, (case, tensor)


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", [NODES, POOLED])
def test_several_graphs_are_as_each_alone(workers, framework, name):
    spec = variant(name).spec
    case = spec.cases[-1]  # of PooledGCN a graph without nodes
    x, ends = spec.graphs(4, SEED, case)
    whole = run(workers, framework, name, spec.examples(4, SEED, case))
    alone = []
    for k in range(4):
        part = slice(k, k + 1)
        given = laid_out((x[part], ends[part]))
        if name == POOLED:
            nodes = np.zeros(len(given[0]), np.int64)
            given = (*given, nodes, np.array([len(nodes)]))
        alone.append(run(workers, framework, name, given))
    assert error(whole, np.concatenate(alone)) <= tolerances.FORWARD


# Awkward graphs


@pytest.mark.parametrize("framework", NATIVE)
def test_without_edges_each_node_is_by_itself(workers, framework):
    """S is the identity: a perceptron."""
    spec = variant(NODES).spec
    x, ends = spec.examples(3, SEED, "no edges")
    assert len(ends) == 0
    found, w = run(workers, framework, NODES, (x, ends), gradients=True)
    for name in ("hidden.0", "hidden.1", "out"):
        x = x @ w[f"{name}.linear.weight"].T + w[f"{name}.bias"]
        x = x if name == "out" else np.maximum(x, 0)
    assert error(found.outputs[0], x) <= tolerances.FORWARD
    assert all(np.isfinite(g).all() for g in found.gradients.values())


@pytest.mark.parametrize("framework", NATIVE)
def test_a_graph_without_nodes_has_a_mean_of_0(workers, framework):
    spec = variant(POOLED).spec
    inputs = spec.examples(4, SEED, "a graph without nodes")
    assert inputs[-1].tolist()[2] == 0
    found, w = run(workers, framework, POOLED, inputs, gradients=True)
    np.testing.assert_allclose(found.outputs[0][2], w["fc.bias"], atol=1e-15)
    assert all(np.isfinite(g).all() for g in found.gradients.values())


def test_an_edge_twice_counts_twice_and_a_loop_beside_the_own(workers):
    """Of two nodes, by hand: A + I is [[1, 0], [2, 2]]."""
    spec = variant(NODES).spec
    x = np.random.default_rng(0).standard_normal((2, spec.features))
    ends = np.array([[0, 1], [0, 1], [1, 1]])
    found, w = run(workers, "pytorch", NODES, (x, ends), gradients=True)
    degree = np.array([1.0, 4.0])
    s = np.array([[1, 0], [2, 2]]) / np.sqrt(np.outer(degree, degree))
    for name in ("hidden.0", "hidden.1", "out"):
        x = s @ x @ w[f"{name}.linear.weight"].T + w[f"{name}.bias"]
        x = x if name == "out" else np.maximum(x, 0)
    assert error(found.outputs[0], x) <= tolerances.FORWARD


def test_cases_are_what_they_say():
    spec = variant(POOLED).spec
    loops, isolated = (spec.examples(3, SEED, c)[1] for c in spec.cases[2:0:-1])
    assert (loops[:, 0] == loops[:, 1]).any()
    x, ends, graph, sizes = spec.examples(3, SEED, "isolated nodes")
    assert len(np.unique(ends)) < len(x) == sizes.sum()
    assert np.bincount(graph).tolist() == sizes.tolist() == [5, 4, 3]
    assert (isolated == ends).all()
    twice = spec.examples(3, SEED, "repeated edges")[1]
    np.testing.assert_array_equal(twice[::2], twice[1::2])
    assert spec.examples(3, SEED, "single nodes")[-1].tolist() == [1, 1, 1]


def test_each_node_points_into_its_own_graph():
    _, ends, graph, _ = variant(POOLED).spec.examples(4, SEED)
    np.testing.assert_array_equal(graph[ends[:, 0]], graph[ends[:, 1]])
    assert len(np.unique(graph[ends])) == 4


# The karate club


def test_the_club_is_the_published_one():
    """Zachary 1977: 34 members, 78 links, and whom networkx has on which side."""
    networkx = pytest.importorskip("networkx")
    club = networkx.karate_club_graph()
    edges = graphs.both_ways(graphs.LINKS)
    assert len(edges) == 2 * 78
    assert {(int(a), int(b)) for a, b in edges if a < b} == set(club.edges())
    sides = [club.nodes[i]["club"] == "Mr. Hi" for i in range(34)]
    assert tuple(np.flatnonzero(sides)) == graphs.WITH_INSTRUCTOR
    degrees = np.bincount(edges[:, 0])
    assert (degrees[graphs.INSTRUCTOR], degrees[graphs.ADMINISTRATOR]) == (16, 17)


def test_no_label_is_in_two_parts():
    data = graphs.karate()
    known = [
        np.flatnonzero(part.targets[0].values != graphs.UNKNOWN)
        for part in (data.train, data.validation, data.test)
    ]
    assert known[0].tolist() == [0, 33]
    assert sorted(np.concatenate(known)) == list(range(34))
    assert [len(part) for part in known] == [2, 10, 22]


@pytest.mark.parametrize("framework", ALL)
def test_a_run_over_one_graph_reaches_its_target(workers, framework, tmp_path):
    chosen = task("karate_gcn")
    model = workers.get(framework, "float32").build(chosen.spec, chosen.name)
    model.start(0)
    outcome = model.train(Job(chosen.name, tmp_path))
    model.drop()
    assert chosen.reached(outcome["test_accuracy"])
    assert outcome["steps"] == 20 * chosen.epochs


def test_a_batch_of_graphs_is_taken_by_sample():
    data = graphs.karate().train.take(np.array([0, 0]))
    (x, ends), (labels,) = data.arrays
    assert (len(x), len(ends), len(labels)) == (68, 2 * 156, 68)
    np.testing.assert_array_equal(ends[156:], ends[:156] + 34)


# A citation graph


def written(folder, **changes):
    """Six papers of two words; the last two are to test, in another order."""
    allx = sparse.csr_matrix([[1, 1], [0, 2], [0, 0], [3, 0]], dtype="float32")
    tx = sparse.csr_matrix([[0, 4], [5, 5]], dtype="float32")
    one_hot = np.eye(2)
    parts = {
        "allx": allx,
        "ally": one_hot[[0, 1, 0, 1]],
        "x": allx[:2],
        "y": one_hot[[0, 1]],
        "tx": tx,
        "ty": one_hot[[1, 0]],
        "graph": defaultdict(list, {0: [1, 1], 1: [0, 1], 2: [5], 3: [], 4: [], 5: []}),
    }
    place = folder / "planetoid-two"
    place.mkdir()
    for part, value in (parts | changes).items():
        (place / f"ind.two.{part}").write_bytes(pickle.dumps(value, 4))
    (place / "ind.two.test.index").write_text("5\n4\n")


def test_a_citation_graph_is_read(tmp_path, monkeypatch):
    written(tmp_path)
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    monkeypatch.setattr(graphs, "VALIDATION", 1)
    data = graphs.planetoid("two")
    x, ends = data.test.inputs
    np.testing.assert_allclose(
        x.values, [[0.5, 0.5], [0, 1], [0, 0], [1, 0], [0.5, 0.5], [0, 1]]
    )
    assert ends.values.tolist() == [[0, 1], [1, 0], [2, 5], [5, 2]]
    parts = [part.targets[0].values.tolist() for part in (data.train, data.validation)]
    assert parts == [[0, 1, -1, -1, -1, -1], [-1, -1, 0, -1, -1, -1]]
    assert data.test.targets[0].values.tolist() == [-1, -1, -1, -1, 0, 1]


def test_a_pickle_of_anything_else_is_refused(tmp_path, monkeypatch):
    written(tmp_path, graph=os.system)
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    with pytest.raises(UsageError, match=r"ind\.two\.graph: not a .*it holds a posix"):
        graphs.planetoid("two")


def test_dropout_is_of_what_a_layer_takes(workers):
    """Its mask has the features' shape, drawn for the first layer's own path."""
    spec = replace(variant(NODES).spec, hidden=())
    x, ends = spec.examples(1, SEED)
    x = x.astype(float)
    model = workers.get("pytorch", "float64").build(spec, NODES)
    model.fill(SEED)
    w = model.dump()
    found = model.run(Request((x, ends), training=True, seed=SEED)).outputs[0]
    model.drop()
    keep = randomness.Draws(SEED, "out.dropout").keep(x.shape, spec.dropout)
    dropped = x * keep / (1 - spec.dropout)
    assert error(found, by_formula(spec, w, dropped, ends)) <= tolerances.FORWARD
