"""Every form there and back, bit for bit; what cannot be is told in a line."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parity_tests.tests.test_cli import ROOT
from shared.catalog import FAMILIES, variant
from shared.contract import metadata
from shared.errors import UsageError
from shared.files import checkpoints, weights
from shared.running.client import Worker
from shared.running.convert import FORMS as CONVERTED
from shared.running.convert import PUBLIC, convert
from triptych import cli

SPEC = variant("resnet_tiny").spec
FORMS = [
    ("pytorch", "w.pt"),
    ("pytorch", "w.bin"),
    ("pytorch", "w.safetensors"),
    ("keras", "w.weights.h5"),
    ("keras", "w.keras"),
    ("jax", "w.safetensors"),
    ("jax", "orbax"),
    ("torchvision", "w.pth"),
    ("torchvision", "w.safetensors"),
]


@pytest.fixture(scope="module")
def canonical(workers, tmp_path_factory):
    path = tmp_path_factory.mktemp("canonical") / "resnet_tiny.safetensors"
    model = workers.get("pytorch", "float32").build(SPEC, "resnet_tiny")
    model.fill(5)
    model.save(path)
    model.drop()
    return path


@pytest.fixture(autouse=True)
def started(workers, monkeypatch):
    """The frameworks of all tests, where each conversion would start its own."""

    def worker(framework, dtype="float32"):
        return contextlib.nullcontext(workers.get(framework, dtype))

    monkeypatch.setattr("shared.running.convert.Worker", worker)


@pytest.mark.parametrize(("form", "name"), FORMS)
def test_there_and_back_is_bit_for_bit(form, name, canonical, tmp_path):
    there, back = tmp_path / name, tmp_path / "back.safetensors"
    convert(canonical, there, form, "", "")
    convert(there, back, "canonical", form, "resnet_tiny")
    assert back.read_bytes() == canonical.read_bytes()


@pytest.mark.parametrize(("form", "name"), [("keras", "w.keras"), ("jax", "orbax")])
def test_files_are_named_as_people_name_them(
    form, name, canonical, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "shared.running.convert.Worker", Worker
    )  # which starts where we are
    monkeypatch.chdir(tmp_path)
    there, back = Path(name), Path("back.safetensors")
    convert(canonical, there, form, "", "")
    assert there.exists()
    convert(there, back, "canonical", form, "resnet_tiny")
    assert back.read_bytes() == canonical.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {name, back.name}


@pytest.mark.parametrize(
    ("form", "name", "dtype"),
    [
        ("pytorch", "w.pt", "float16"),
        ("keras", "w.weights.h5", "float64"),
        ("keras", "w.keras", "float16"),
        ("jax", "orbax", "float64"),
    ],
)
def test_every_precision_is_kept(form, name, dtype, canonical, tmp_path):
    values, said = weights.read(canonical)
    own = tmp_path / "own.safetensors"
    weights.write(own, {k: v.astype(dtype) / 3 for k, v in values.items()}, said)
    there, back = tmp_path / name, tmp_path / "back.safetensors"
    convert(own, there, form, "", "")
    convert(there, back, "canonical", "", "resnet_tiny")
    assert back.read_bytes() == own.read_bytes()


def test_a_native_file_has_native_names(canonical, tmp_path):
    path = tmp_path / "w.safetensors"
    convert(canonical, path, "jax", "", "")
    found, own = weights.read(path)[0], weights.read(canonical)[0]
    kernel = found["layer1.0.conv1.kernel"]
    assert np.array_equal(kernel.transpose(3, 2, 0, 1), own["layer1.0.conv1.weight"])
    assert "layer1.0.bn1.scale" in found
    convert(canonical, path, "pytorch", "", "")
    assert "layer1.0.bn1.num_batches_tracked" in weights.read(path)[0]


def test_a_public_file_of_torch_counts_batches_under_its_own_names(
    workers, within, tmp_path
):
    own, public = tmp_path / "own.safetensors", tmp_path / "public.pt"
    model = workers.get("pytorch", "float32").build(
        variant("mnasnet_tiny").spec, "mnasnet_tiny"
    )
    model.fill(0)
    model.save(own)
    model.drop()
    convert(own, public, "torchvision", "", "")
    source = f"""
    import torch

    def counted():
        found = torch.load({str(public)!r}, weights_only=True)
        norms = [n.removesuffix("running_mean") for n in found if "running_mean" in n]
        counts = [n for n in found if n.endswith("num_batches_tracked")]
        assert norms[0] == "layers.1."
        assert sorted(counts) == sorted(n + "num_batches_tracked" for n in norms)
    """
    within("pytorch", source, "counted")


def test_a_file_can_be_converted_onto_itself(canonical, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(canonical.read_bytes())
    convert(path, path, "canonical", "", "")
    assert path.read_bytes() == canonical.read_bytes()


def _damaged(canonical, tmp_path, **changes):
    values = weights.read(canonical)[0]
    values["fc.weight"] = np.zeros((2, 2), np.float32)
    del values["fc.bias"]
    path = tmp_path / "damaged.safetensors"
    said = metadata("resnet_tiny", SPEC) | changes
    weights.write(path, values, said)
    return path


@pytest.mark.parametrize("to", ["canonical", "jax"])
def test_all_that_does_not_fit_is_listed_and_nothing_is_written(
    to, canonical, tmp_path
):
    path, target = _damaged(canonical, tmp_path), tmp_path / "out.safetensors"
    with pytest.raises(UsageError) as refused:
        convert(path, target, to, "", "")
    assert "missing fc.bias" in str(refused.value)
    assert "fc.weight has shape (2, 2), the model (5, 16)" in str(refused.value)
    assert not target.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "resnet_gone"}, "holds the unknown model 'resnet_gone'"),
        ({"model": "resnet_tiny_bottleneck"}, "its spec is not that of resnet_tiny_"),
        ({"spec": "no json"}, "its spec is not a JSON object"),
        ({"spec": '{"colour": 1}'}, "has no field colour"),
        ({"spec": '{"block": "basic", "depths": [0, 1, 1, 1]}'}, "depths is"),
    ],
)
def test_a_lying_header_is_one_line(changes, said, canonical, tmp_path):
    path = _damaged(canonical, tmp_path, **changes)
    with pytest.raises(UsageError, match=said):
        convert(path, tmp_path / "out", "canonical", "", "")


def test_what_is_not_said_is_asked_for(canonical, tmp_path):
    plain = tmp_path / "plain.safetensors"
    weights.write(plain, weights.read(canonical)[0], {})
    out = tmp_path / "out.safetensors"
    with pytest.raises(UsageError, match="give --from"):
        convert(plain, out, "jax", "", "resnet_tiny")
    with pytest.raises(UsageError, match="give --model"):
        convert(plain, out, "jax", "pytorch", "")
    with pytest.raises(UsageError, match="unknown form 'tensorflow'"):
        convert(plain, out, "tensorflow", "pytorch", "resnet_tiny")
    with pytest.raises(UsageError, match="no such file"):
        convert(tmp_path / "gone", out, "jax", "", "")
    with pytest.raises(UsageError, match="no folder"):
        convert(canonical, tmp_path / "no" / "out.pt", "pytorch", "", "")
    with pytest.raises(UsageError, match="resnet has no huggingface form"):
        convert(canonical, out, "huggingface", "", "")


def test_an_unknown_suffix_is_refused(canonical, tmp_path):
    for form, name in [("pytorch", "w.h5"), ("keras", "w.h5"), ("jax", "w.npz")]:
        with pytest.raises(UsageError, match=r"writes .*\.(safetensors|keras)"):
            convert(canonical, tmp_path / name, form, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_overwritten(canonical, tmp_path):
    (tmp_path / "mine").mkdir()
    for form in ("jax", "canonical"):
        with pytest.raises(UsageError):
            convert(canonical, tmp_path / "mine", form, "", "")
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def _made_by(library, code, folder):
    subprocess.run(
        [sys.executable, "-c", f"import {library}\n{code}"], check=True, cwd=folder
    )


def test_a_state_dict_that_is_none_says_why(tmp_path):
    kinds = {
        "[1, 2]": "not a state dict but a list",
        "{'state_dict': {}}": "'state_dict' is no tensor but a dict",
        "{'w': torch.zeros(2, dtype=torch.bfloat16)}": "'w': .*BFloat16",
        "{1: torch.nn.Parameter(torch.zeros(2))}": "unknown 1",
        "torch.nn.Linear(2, 2)": "it is damaged, or holds more than tensors",
    }
    code = "\n".join(f"torch.save({k}, '{i}.pt')" for i, k in enumerate(kinds))
    _made_by("torch", code, tmp_path)
    for i, said in enumerate(kinds.values()):
        with pytest.raises(UsageError, match=said):
            convert(tmp_path / f"{i}.pt", tmp_path / "o", "jax", "", "resnet_tiny")


@pytest.mark.thorough
def test_a_keras_file_is_a_whole_model(canonical, tmp_path):
    path, back = tmp_path / "whole.keras", tmp_path / "back.safetensors"
    convert(canonical, path, "keras", "", "")
    code = f"""
import triptych
triptych.on_path()
import keras_impl
model = keras.models.load_model({str(path)!r})
keras_impl.save_weights(model, {str(back)!r}, "resnet_tiny")
"""
    _made_by("keras", code, tmp_path)
    assert back.read_bytes() == canonical.read_bytes()


def test_a_nested_orbax_state_is_read(canonical, tmp_path):
    flat = tmp_path / "flat.safetensors"
    convert(canonical, flat, "jax", "", "")
    code = f"""
from flax import traverse_util
from safetensors.numpy import load_file
state = traverse_util.unflatten_dict(load_file({str(flat)!r}), sep=".")
with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save({str(tmp_path / "nested")!r}, state)
"""
    _made_by("orbax.checkpoint as ocp", code, tmp_path)
    back = tmp_path / "back.safetensors"
    convert(tmp_path / "nested", back, "canonical", "", "resnet_tiny")
    assert back.read_bytes() == canonical.read_bytes()


def test_a_flax_tensor_of_another_rank_is_told_with_the_rest(canonical, tmp_path):
    path = tmp_path / "w.safetensors"
    convert(canonical, path, "jax", "", "")
    values = weights.read(path)[0]
    values["conv1.kernel"] = np.zeros(3, np.float32)
    del values["fc.kernel"]
    weights.write(path, values, {})
    with pytest.raises(UsageError) as refused:
        convert(path, tmp_path / "out", "canonical", "jax", "resnet_tiny")
    assert "missing fc.weight" in str(refused.value)
    assert "conv1.weight has shape (3,), the model (8, 3, 7, 7)" in str(refused.value)


def test_a_pickle_that_runs_code_is_not_run(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"fc.weight": Evil()}))
    with pytest.raises(UsageError, match="not a plain state dict"):
        convert(path, tmp_path / "out.safetensors", "canonical", "", "resnet_tiny")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["w.weights.h5", "w.keras", "w.pt", "orbax"])
def test_a_corrupt_native_file_is_one_line(name, canonical, tmp_path):
    path = tmp_path / name
    if name == "orbax":
        path.mkdir()
    else:
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(UsageError) as refused:
        convert(path, tmp_path / "out.safetensors", "canonical", "", "resnet_tiny")
    assert "\n" not in str(refused.value)
    assert name in str(refused.value)


def altered(path, content, times=40):
    """The file with one byte of its tensors another, at so many places."""
    draw = np.random.default_rng(0)
    begin = content.index(b"/data/0") + 64
    for place in draw.integers(begin, len(content) * 9 // 10, times):
        changed = bytearray(content)
        changed[place] ^= 1 << int(draw.integers(8))
        path.write_bytes(bytes(changed))
        yield place


def test_an_altered_state_dict_gives_no_other_values(canonical, tmp_path, workers):
    convert(canonical, tmp_path / "w.pt", "pytorch", "", "")
    worker = workers.get("pytorch", "float32")
    model = worker.build(SPEC, "resnet_tiny")
    wanted = model.read_native(tmp_path / "w.pt")
    content, refused = (tmp_path / "w.pt").read_bytes(), 0
    for _ in altered(tmp_path / "x.pt", content):
        try:
            found = model.read_native(tmp_path / "x.pt")
        except UsageError as error:
            refused += "x.pt" in str(error)
            continue
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value)
    model.drop()
    assert refused > 30


@pytest.mark.parametrize("kind", ["i4", "c8", "u1"])
def test_a_tensor_of_keras_that_is_no_real_number_is_named(kind, canonical, tmp_path):
    import h5py

    path = tmp_path / "w.weights.h5"
    convert(canonical, path, "keras", "", "")
    with h5py.File(path, "r+") as file:
        names = []
        file.visititems(lambda n, x: names.append(n) if hasattr(x, "dtype") else None)
        value = file[names[0]][()]
        del file[names[0]]
        file[names[0]] = value.astype(kind)
    with pytest.raises(
        UsageError, match=rf"h5: {names[0]} is (u?int|complex)\d+; allow"
    ):
        convert(path, tmp_path / "out.safetensors", "canonical", "", "resnet_tiny")


def test_a_wrong_variant_is_told_with_the_one_that_fits(canonical, tmp_path):
    convert(canonical, tmp_path / "w.pt", "pytorch", "", "")
    out = tmp_path / "out.safetensors"
    with pytest.raises(UsageError) as refused:
        convert(tmp_path / "w.pt", out, "canonical", "", "resnet50")
    said = str(refused.value)
    assert said.endswith("more; they fit resnet_tiny")
    assert said.count("; ") == weights.MOST_REASONS + 1
    assert len(said) < 600
    other = dict(weights.read(canonical)[0])
    other["fc.weight"] = np.zeros((77, 3), np.float32)
    weights.write(tmp_path / "o.safetensors", other, {})
    nearest = "no model of the catalog fits; resnet_tiny is nearest"
    source = tmp_path / "o.safetensors"
    with pytest.raises(UsageError, match=nearest):
        convert(source, out, "canonical", "torchvision", "resnet50")


def test_the_forms_are_those_of_the_tables():
    """convert knows them all, and the help and README's table name them."""
    assert set(PUBLIC) == {s for f in FAMILIES for s in checkpoints.sources(f)}
    assert all(form in cli._FORMS for form in CONVERTED)
    row = next(
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("| `triptych convert")
    )
    assert all(form in row for form in CONVERTED)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("model", "call"),
    [
        ("mobilenet_v1_x0_25", "MobileNet(alpha=0.25, "),
        ("xception_same", "Xception("),
    ],
)
def test_keras_applications_there_and_back(model, call, workers, within, tmp_path):
    """Through a model that keras.applications itself makes and reads the file with,
    and through its `.h5`, which is the form of the published files."""
    own, there = tmp_path / "own.safetensors", tmp_path / "there.weights.h5"
    ours = workers.get("pytorch", "float32").build(variant(model).spec, model)
    ours.fill(7)
    ours.save(own)
    ours.drop()
    convert(own, there, "keras.applications", "", "")
    source = f"""
    import keras

    def reads():
        model = keras.applications.{call}weights={str(there)!r})
        model.save({str(tmp_path / "published.h5")!r})
    """
    within("keras", source, "reads", "float32")
    for name in ("there.weights.h5", "published.h5"):
        back = tmp_path / "back.safetensors"
        convert(tmp_path / name, back, "canonical", "keras.applications", model)
        assert back.read_bytes() == own.read_bytes()


def test_what_keras_applications_has_not_is_one_line(canonical, tmp_path, workers):
    out = tmp_path / "out.weights.h5"
    with pytest.raises(UsageError, match=r"resnet has no keras\.applications form"):
        convert(canonical, out, "keras.applications", "", "")
    for model, said in (
        ("mobilenet_v1_tiny", "no MobileNet of these widths"),
        ("xception_tiny", "no Xception of this padding"),
    ):
        own = tmp_path / f"{model}.safetensors"
        ours = workers.get("pytorch", "float32").build(variant(model).spec, model)
        ours.fill(0)
        ours.save(own)
        ours.drop()
        with pytest.raises(UsageError, match=said):
            convert(own, out, "keras.applications", "", "")
    assert not out.exists()
