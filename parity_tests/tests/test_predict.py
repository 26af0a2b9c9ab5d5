"""Pictures through a model: what is shown is what the model puts out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parity_tests import predict as job
from parity_tests.tests.test_cli import one_line_error, run
from shared.catalog import variant
from shared.contract import metadata
from shared.data import pictures, transforms
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.randomness import generator
from shared.running import convert

MODEL = "resnet_tiny"
SPEC = variant(MODEL).spec
OTHER = variant("resnet_tiny_bottleneck").spec
WIDE = transforms.evaluation((224, 224), transforms.IMAGENET)
NAMES = ["ant", "bee", "cat", "dog", "eel"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eleven pictures, so that the second batch is not full, and what is none."""
    place = tmp_path_factory.mktemp("pictures")
    for i in range(job.BATCH + 3):
        shape = (50 + i, 60, 3)
        pixels = generator("picture", i).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    (place / "03 damaged.png").write_bytes(b"no picture")
    (place / "notes.txt").write_text("no picture, and does not say so")
    return place


@pytest.fixture(scope="module")
def trained(workers, tmp_path_factory):
    """A file of weights that names its classes."""
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    model = workers.get("pytorch", "float32").build(SPEC, MODEL)
    model.fill(3)
    said = {**metadata(MODEL, SPEC), "classes": json.dumps(NAMES)}
    weights.write(path, model.dump(), said)
    model.drop()
    return path


def told(asked, frameworks, paths, workers):
    found = job.predict(asked, frameworks, job.listed(paths), workers)
    return [one for batch in found for one in batch]


def test_a_folder_through_all_three(folder, trained, workers):
    asked = job.question(MODEL, weights=trained, top=3)
    found = told(asked, NATIVE, [folder], workers)
    assert len(found) == job.BATCH + 5
    bad = [one for one in found if isinstance(one, job.Unreadable)]
    named = [str(folder / name) for name in ("03 damaged.png", "notes.txt")]
    assert [one.picture for one in bad] == named
    model = workers.get("pytorch", "float32").build(SPEC, MODEL)
    model.load(weights.read(trained)[0])
    transform = transforms.evaluation((40, 40), transforms.IMAGENET)
    for one in found:
        if isinstance(one, job.Unreadable):
            continue
        x = transform(pictures.read(Path(one.picture)))[None]
        y = model.run(Request((x,))).outputs[0][0].astype(float)
        shares = np.exp(y) / np.exp(y).sum()
        assert one.guesses.keys() == set(NATIVE)
        assert 0 < one.difference < 1e-5
        for guesses in one.guesses.values():
            assert [g.number for g in guesses] == list(np.argsort(-y)[:3])
            assert [g.name for g in guesses] == [NAMES[g.number] for g in guesses]
            probabilities = [g.probability for g in guesses]
            np.testing.assert_allclose(probabilities, -np.sort(-shares)[:3], atol=1e-5)
    model.drop()
    text = [job.table(asked, NATIVE, found, first=first) for first in (True, False)]
    assert [t.row_count for t in text] == [3 * (job.BATCH + 3)] * 2


def test_no_more_than_a_batch_is_held(folder, workers, monkeypatch):
    seen = []
    read = pictures.read
    monkeypatch.setattr(pictures, "read", lambda *a: seen.append(a) or read(*a))
    paths = job.listed([folder]) * 5
    asked = job.question(MODEL)
    batches = job.predict(asked, ["pytorch"], paths, workers)
    for number, batch in enumerate(batches, start=1):
        assert len(batch) <= job.BATCH
        assert len(seen) == min(number * job.BATCH, len(paths))
    assert len(seen) == len(paths)


def test_a_batch_of_damaged_files_alone(folder, workers):
    asked = job.question(MODEL)
    (found,) = told(asked, ["pytorch"], [folder / "03 damaged.png"], workers)
    assert isinstance(found, job.Unreadable)


def test_without_weights_the_seed_starts_it(folder, workers):
    path = folder / "00.png"
    first, same, other = (
        told(job.question(MODEL, seed=seed), ["pytorch"], [path], workers)
        for seed in (0, 0, 1)
    )
    assert first == same != other
    assert first[0].difference is None
    note = job.question(MODEL, seed=7).note
    assert "as seed 7 starts it" in note
    assert "the classes mean nothing" in note


def test_weights_in_other_forms_and_precisions_are_the_same(
    folder, trained, workers, tmp_path
):
    convert.convert(trained, tmp_path / "w.pt", "pytorch", "", "")
    values, said = weights.read(trained)
    wide = {name: value.astype("float64") for name, value in values.items()}
    weights.write(tmp_path / "wide.safetensors", wide, said)
    found = [
        told(
            job.question(MODEL, weights=path, classes=None),
            ["pytorch"],
            [folder / "01.png"],
            workers,
        )[0].guesses["pytorch"]
        for path in (trained, tmp_path / "w.pt", tmp_path / "wide.safetensors")
    ]
    assert found[0] == found[2]
    assert [g.name for g in found[0]] == [NAMES[g.number] for g in found[0]]
    assert [g.name for g in found[1]] == [str(g.number) for g in found[0]]
    assert [g.probability for g in found[0]] == [g.probability for g in found[1]]


def test_the_smallest_penalty_wins(folder, workers):
    """LeNet-5's outputs are distances (LeCun et al. 1998, eq. 7)."""
    asked = job.question("lenet5", top=10)
    (found,) = told(asked, ["pytorch"], [folder / "00.png"], workers)
    x = asked.transform(pictures.read(folder / "00.png", 1))[None]
    assert (x.shape, x.min() >= 0, x.max() <= 1) == ((1, 1, 32, 32), True, True)
    model = workers.get("pytorch", "float32").build(variant("lenet5").spec, "lenet5")
    model.start(0)
    penalties = model.run(Request((x,))).outputs[0][0]
    model.drop()
    order = [g.number for g in found.guesses["pytorch"]]
    assert order == list(np.argsort(penalties))


def test_five_classes_are_shown_where_there_are_as_many(monkeypatch):
    assert job.question("resnet18").top == 5
    spec = replace(SPEC, num_classes=3)
    monkeypatch.setattr(job, "variant", lambda name: replace(variant(MODEL), spec=spec))
    assert job.question("three").top == 3
    with pytest.raises(UsageError, match="top is 4; allowed for three: 1 to 3"):
        job.question("three", top=4)


@pytest.mark.parametrize("framework", NATIVE)
def test_other_weights_are_taken_up(framework, workers):
    model = workers.get(framework, "float64").build(SPEC, MODEL)
    x = generator("x").standard_normal((2, 3, 40, 40))
    for seed in (0, 1):
        model.fill(seed)
        (expected,) = model.run(Request((x,))).outputs
        np.testing.assert_allclose(model.predict((x,))[0], expected, rtol=1e-9)
    model.drop()


def test_normalisation_is_as_asked(folder):
    image = pictures.read(folder / "00.png")
    raw, half, usual = (
        job.question(MODEL, normalize=name).transform(image)
        for name in ("none", "half", "")
    )
    np.testing.assert_allclose(half, 2 * raw - 1, atol=1e-6)
    np.testing.assert_array_equal(usual, transforms.IMAGENET(raw))


@pytest.fixture
def files(tmp_path, trained):
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    (tmp_path / "short.txt").write_text("ant\nbee\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "x.png")
    values = weights.read(trained)[0]
    said = metadata(MODEL, SPEC)
    for name, classes in (
        ("three", '["a", "b", "c"]'),
        ("text", '"abcde"'),
        ("no", "["),
    ):
        weights.write(
            tmp_path / f"{name}.safetensors", values, {**said, "classes": classes}
        )
    own = metadata("resnet18", variant("resnet18").spec)
    weights.write(tmp_path / "other.safetensors", values, own)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("resnet_tin", {}, "the nearest are resnet_tiny"),
        ("gpt_tiny", {}, r"gpt_tiny reads tokens \[.*\], no picture of 1 or 3"),
        ("mlp_784_128_10", {}, r"reads features \[784\], no picture"),
        ("lenet_tiny", {}, r"reads image \[2, 18, 23\], no picture of 1 or 3"),
        (MODEL, {"top": 0}, "top is 0; allowed for resnet_tiny: 1 to 5"),
        (MODEL, {"top": 6}, "top is 6; allowed"),
        (MODEL, {"classes": "gone.txt"}, "gone.txt: cannot be read"),
        (MODEL, {"classes": "binary.txt"}, "binary.txt: cannot be read"),
        (MODEL, {"classes": "short.txt"}, "short.txt names 2 classes, the model has 5"),
        (MODEL, {"weights": "gone.pt"}, "gone.pt: no such file"),
        (MODEL, {"weights": "names.txt"}, "does not say what form it has"),
        (MODEL, {"weights": "three.safetensors"}, "names 3 classes, the model has 5"),
        (MODEL, {"weights": "text.safetensors"}, "its classes (is|are) no JSON"),
        (MODEL, {"weights": "no.safetensors"}, "its classes (is|are) no JSON"),
        (MODEL, {"weights": "other.safetensors"}, "holds resnet18, not resnet_tiny"),
        ("lenet5", {"normalize": "imagenet"}, "of colours; lenet5 reads 1 channel"),
    ],
)
def test_what_cannot_be_is_told_first(model, options, said, files):
    paths = {
        name: files / value if name in ("classes", "weights") else value
        for name, value in options.items()
    }
    with pytest.raises(UsageError, match=said):
        job.question(model, **paths)


def test_names_of_a_file_go_before_those_of_the_weights(files, trained):
    (files / "others.txt").write_text("v\nw\nx\ny\nz\n")
    asked = job.question(MODEL, weights=trained, classes=files / "others.txt")
    assert asked.classes == tuple("vwxyz")
    assert job.question(MODEL, weights=trained).classes == tuple(NAMES)


def test_weights_of_another_variant_are_told_with_the_one_that_fits(folder, workers):
    asked = job.question(MODEL, seed=0)
    other = workers.get("pytorch", "float32").build(OTHER, "resnet_tiny_bottleneck")
    other.fill(0)
    asked = replace(asked, weights=other.dump())
    other.drop()
    with pytest.raises(UsageError, match="they fit resnet_tiny_bottleneck"):
        told(asked, ["pytorch"], [folder / "00.png"], workers)


def test_classes_are_named_where_their_names_are_here(monkeypatch, tmp_path):
    """Public weights of 1,000 classes have ImageNet's."""
    path = tmp_path / "x.pth"
    names = tuple(f"class {i}" for i in range(1000))
    monkeypatch.setattr(job.pretrained, "class_names", lambda known: names)
    for state, first in (("fetched", "class 0"), ("not fetched", "0")):
        monkeypatch.setattr(job.pretrained, "state", lambda name, now=state: now)
        assert job.class_names(None, path, None, 1000)[0] == first
        assert job.class_names(None, path, None, 999)[0] == "0"
    numbered = tuple(map(str, range(1000)))
    asked = replace(job.question(MODEL, seed=0), weights={}, classes=numbered)
    assert asked.note.endswith("their names: triptych weights fetch imagenet")


def test_a_thin_picture_is_refused_by_name(tmp_path, workers):
    """Its shorter side made as long as others', it would be gigabytes."""
    path = tmp_path / "thin.png"
    Image.new("L", (1, 60_000)).save(path)
    asked = job.question(MODEL, seed=0)
    (found,) = told(replace(asked, transform=WIDE), ["pytorch"], [path], workers)
    assert isinstance(found, job.Unreadable)
    assert f"{path}: a picture of 1 x 60000 pixels scaled to 256" in found.reason
    assert "256 x 15360000 pixels; allowed: 89,478,485" in found.reason


def test_a_large_picture_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "large.ppm"
    path.write_bytes(b"P5 10000 10000 255 0")
    with pytest.raises(UsageError, match=r"large\.ppm: 10000 x 10000 pixels; allowed"):
        pictures.read(path)


def test_what_is_hidden_or_a_folder_is_passed_over(tmp_path):
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "inside.png").mkdir()
    (tmp_path / "a.png").write_bytes(b"")
    assert job.listed([tmp_path]) == [tmp_path / "a.png"]


def test_paths_are_files_and_folders(folder, files):
    assert job.listed([files / "x.png"]) == [files / "x.png"]
    inside = job.listed([folder])
    assert inside == sorted(inside)
    assert folder / "notes.txt" in inside
    assert job.listed([folder / "notes.txt"]) == [folder / "notes.txt"]
    with pytest.raises(UsageError, match="empty: no picture in this folder"):
        job.listed([files / "empty"])
    with pytest.raises(UsageError, match="gone: no such file or folder"):
        job.listed([files / "gone"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resnet_tin", "x.png"], "the nearest are resnet_tiny"),
        ([MODEL], "images"),
        ([MODEL, "gone.png"], "gone.png: no such file or folder"),
        ([MODEL, "x.png", "--framework", "torch"], "framework 'torch'; allowed"),
        ([MODEL, "x.png", "--framework", ","], "framework ','; allowed"),
        ([MODEL, "x.png", "--dtype", "int8"], "allowed: float64, float32"),
        ([MODEL, "x.png", "--normalize", "zero"], "allowed: imagenet, half, none"),
        ([MODEL, "x.png", "--from", "onnx", "--weights", "x.png"], "form 'onnx'"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(arguments, said, files):
    paths = [str(files / a) if a.endswith(".png") else a for a in arguments]
    assert said in one_line_error(run("predict", *paths))


def test_the_command(folder, trained, tmp_path):
    out = tmp_path / "out.jsonl"
    options = ["--weights", str(trained), "--framework", "pytorch", "--top", "2"]
    done = run("predict", MODEL, str(folder), *options, "--json", str(out))
    assert done.returncode == 1, done.stderr
    assert "skipped " in done.stderr
    assert "03 damaged.png: not a readable picture" in done.stderr
    assert f"{job.BATCH + 5}/{job.BATCH + 5}" in done.stderr
    assert done.stdout.count("pytorch") == 1  # the header
    assert done.stdout.count(".png") == job.BATCH + 3
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == job.BATCH + 5
    assert [row["picture"] for row in rows] == [str(p) for p in job.listed([folder])]
    name = rows[0]["guesses"]["pytorch"][0]["name"]
    assert name in NAMES
    assert f"00.png                    {name}" in done.stdout


def test_json_on_standard_output_stands_alone(folder):
    path = str(folder / "00.png")
    done = run("predict", MODEL, path, "--framework", "pytorch", "--json", "-")
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, done.stdout.splitlines())
    assert len(row["guesses"]["pytorch"]) == 5
    assert "the classes mean nothing" in done.stderr
