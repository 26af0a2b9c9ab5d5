"""A checkpoint that is not as it was written is told in one line, and the one before it
taken: every part of its header removed, of another kind, deep, unknown."""

import copy
import json

import numpy as np
import pytest

from parity_tests.tests.test_stopping import train
from shared.errors import UsageError
from shared.files import weights
from shared.files.writing import write_bytes
from shared.reference.adapter import Adapter
from shared.running import saving
from shared.running.training import Run
from shared.tasks import task

CHANGES = {"epochs": 3, "save_every": 7}
KINDS = {
    "no number": None,
    "text": "x",
    "a number": -3,
    "a fraction": 0.5,
    "yes": True,
    "a list": [[1]],
    "an object": {"x": {"y": 1}},
    "not finite": float("nan"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The two checkpoints of a run that stands within an epoch."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(folder, CHANGES)
    newest, before = saving.found(folder / "checkpoints")
    return newest, before


def sealed(path, about, tensors, header=None):
    """A checkpoint that says this, with the digest of it."""
    text = about if isinstance(about, str) else json.dumps(about)
    metadata = {
        "format": saving.FORMAT,
        "about": text,
        "digest": saving._digest(text, tensors),
        **(header or {}),
    }
    kept = {key: value for key, value in metadata.items() if value is not None}
    weights.write(path, tensors, kept)


def mutations(about):
    """Every part of what it says, at any depth: left out, and of every other kind."""

    def places(value, way=()):
        if way:
            yield way
        items = value.items() if isinstance(value, dict) else ()
        for key, part in items:
            yield from places(part, (*way, key))

    for way in places(about):
        for name, kind in [("removed", ...), *KINDS.items()]:
            changed = copy.deepcopy(about)
            inside = changed
            for key in way[:-1]:
                inside = inside[key]
            if kind is ...:
                del inside[way[-1]]
            elif type(inside[way[-1]]) is type(kind) and inside[way[-1]] == kind:
                continue
            else:
                inside[way[-1]] = kind
            yield f"{'.'.join(way)} {name}", changed
    for where in ((), ("plan",), ("position",)):
        changed = copy.deepcopy(about)
        inside = changed
        for key in where:
            inside = inside[key]
        inside["unknown"] = 1
        yield f"unknown in {where}", changed


class Looked:
    """A run that has a trainer and goes no further than to look."""

    def __init__(self, folder):
        chosen = task("digits_mlp")
        data = chosen.data()
        plan = chosen.plan_for(len(data.train), CHANGES)
        model = Adapter("float32", 1).build(chosen.spec, chosen.name)
        model.start(0)
        self.said = []
        self.run = Run(
            model.trainer(plan),
            plan,
            data,
            chosen.metric,
            folder,
            self.said.append,
        )

    def resume(self):
        self.said.clear()
        self.run.resume()
        return self.run.at.step


@pytest.fixture
def looked(run, tmp_path):
    newest, before = run
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / before.name).hardlink_to(before)
    return Looked(tmp_path), tmp_path / "checkpoints" / newest.name, before


def step(path):
    return int(path.stem.removeprefix("step-"))


def assert_refused(looked, path, before, what):
    """One line of what is wrong, and the checkpoint before it."""
    assert looked.resume() == step(before), what
    (said,) = looked.said
    assert said.startswith(f"{path}: "), what
    assert said.endswith("; using the checkpoint before it")
    assert "\n" not in said
    assert len(said) < len(str(path)) + 400, what


# What may change without harm: how far the run goes, how often it is saved, the time
# that it took, and that it was begun in another framework.
HARMLESS = ("plan.epochs", "plan.save_every", "position.seconds", "framework text")


def test_every_word_of_its_header_is_needed(run, looked):
    seen, path, before = looked
    checkpoint = saving.read(run[0])
    about, tensors = dict(checkpoint.about), checkpoint.tensors()
    accepted, number = [], 0
    for what, changed in mutations(about):
        sealed(path, changed, tensors)
        number += 1
        seen.said.clear()
        if seen.resume() == about["step"]:
            accepted.append(what)
            continue
        assert_refused(seen, path, before, what)
    assert number > 250
    odd = [what for what in accepted if not what.startswith(HARMLESS)]
    assert odd == [
        "position.best no number",
        "position.best a number",
        "position.best a fraction",
        "position.best not finite",
        "position.best_epoch a number",
    ]


@pytest.mark.parametrize("header", ["format", "about", "digest"])
@pytest.mark.parametrize("value", [None, "", "x" * 10_000, "[" * 100_000, "null", "{}"])
def test_every_part_of_the_file_header_is_needed(run, looked, header, value):
    seen, path, before = looked
    checkpoint = saving.read(run[0])
    sealed(path, dict(checkpoint.about), checkpoint.tensors(), {header: value})
    assert_refused(seen, path, before, (header, value))


@pytest.mark.parametrize("text", ["", "[" * 100_000, "null", "[]", "{}", "{", "1e999"])
def test_what_is_no_object_is_refused_though_its_digest_fits(run, looked, text):
    seen, path, before = looked
    sealed(path, text, saving.read(run[0]).tensors())
    assert_refused(seen, path, before, text)


def test_every_tensor_is_needed_and_no_other(run, looked):
    seen, path, before = looked
    checkpoint = saving.read(run[0])
    about, tensors = dict(checkpoint.about), checkpoint.tensors()
    own = [n for n in tensors if not n.startswith("random/")]
    for name in own:
        rest = {k: v for k, v in tensors.items() if k != name}
        wrong = np.zeros((*tensors[name].shape, 2), tensors[name].dtype)
        for changed in (rest, {**tensors, name: wrong}):
            sealed(path, about, changed)
            assert_refused(seen, path, before, name)
    more = ("optimizer/w/fc9.weight", "optimizer/z", "model/x", "other/x", "x", "")
    for name in more:
        sealed(path, about, {**tensors, name: np.zeros(2)})
        assert_refused(seen, path, before, name)


def test_none_that_is_whole_is_one_line(run, looked, tmp_path):
    seen, path, before = looked
    sealed(path, "{}", {"model/x": np.zeros(2)})
    (tmp_path / "checkpoints" / before.name).unlink()
    write_bytes(tmp_path / "checkpoints" / before.name, b"half")
    with pytest.raises(
        UsageError, match=r"no checkpoint to go on from \(.*step"
    ) as told:
        seen.resume()
    assert "\n" not in str(told.value)
