"""Weights: strict loading, exchange bit for bit, and files that cannot be trusted."""

import json
import os
import stat

import numpy as np
import pytest

from shared.catalog import variant
from shared.errors import UsageError
from shared.files import weights
from shared.files.writing import opened
from shared.frameworks import NATIVE

SPEC = variant("resnet_tiny").spec


@pytest.fixture
def model_in(workers):
    """A filled resnet_tiny in a framework."""
    built = []

    def make(framework, dtype="float64", seed=0):
        built.append(workers.get(framework, dtype).build(SPEC, "resnet_tiny"))
        built[-1].fill(seed)
        return built[-1]

    yield make
    for model in built:
        model.drop()


@pytest.mark.parametrize("framework", NATIVE)
def test_loading_lists_every_reason_and_changes_nothing(framework, model_in):
    model = model_in(framework)
    before = model.dump()
    bad = {name: np.zeros_like(value) for name, value in before.items()}
    del bad["fc.bias"]
    bad["extra.weight"] = np.zeros(3)
    bad["fc.weight"] = np.zeros((16, 5))
    bad["bn1.weight"] = np.zeros(8, np.float32)
    with pytest.raises(UsageError) as refused:
        model.load(bad)
    for reason in (
        "missing fc.bias",
        "unknown extra.weight",
        "fc.weight has shape (16, 5), the model (5, 16)",
        "bn1.weight has dtype float32, the model float64",
    ):
        assert reason in str(refused.value)
    after = model.dump()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("source", NATIVE)
@pytest.mark.parametrize("target", NATIVE)
def test_save_load_save_is_bit_for_bit(source, target, model_in, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    model_in(source, "float32", seed=3).save(one)
    other = model_in(target, "float32", seed=4)
    other.read(one)
    other.save(two)
    assert one.read_bytes() == two.read_bytes()


def test_a_file_says_what_it_holds_and_any_reader_reads_it(model_in, tmp_path):
    from safetensors.numpy import load_file

    path = tmp_path / "file.safetensors"
    model = model_in("jax", "float32")
    model.save(path)
    metadata, header = weights.read_header(path)
    assert metadata["format"] == weights.FORMAT
    assert metadata["model"] == "resnet_tiny"
    assert json.loads(metadata["spec"])["depths"] == [1, 2, 1, 1]
    assert header["fc.weight"]["shape"] == [5, 16]
    public, own = load_file(path), model.dump()
    assert public.keys() == own.keys()
    assert all(np.array_equal(public[name], own[name]) for name in own)


def test_the_same_weights_give_the_same_bytes(tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    values = {
        "b": np.ones((2, 0)),
        "a": np.float32([1, 2]),
        "c": np.int64(3).reshape(()),
    }
    weights.write(one, values, {"x": "1", "a": "2"})
    weights.write(two, dict(reversed(values.items())), {"a": "2", "x": "1"})
    assert one.read_bytes() == two.read_bytes()
    found, metadata = weights.read(one)
    assert metadata == {"x": "1", "a": "2"}
    assert found["c"].shape == ()


def test_a_dtype_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UsageError, match="c has dtype complex128"):
        weights.write(tmp_path / "x", {"c": np.zeros(2, complex)}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.safetensors"
    weights.write(path, {"a": np.zeros(3)}, {})
    before = path.read_bytes()

    def fail():
        with opened(path) as file:
            file.write(b"half")
            raise OSError(28, os.strerror(28))

    with pytest.raises(UsageError, match=r"cannot be written \(No space left"):
        fail()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        weights.write(tmp_path / "no" / "x", {"a": np.zeros(3)}, {})


def _file(header: object, data: bytes = b"") -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data


def _entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


HOSTILE = {
    "empty": b"",
    "seven bytes": b"1234567",
    "a huge header": (2**63).to_bytes(8, "little") + b"{}",
    "a header past the end": (1000).to_bytes(8, "little") + b"{}",
    "not JSON": _file(b"not json"),
    "a list": _file([1, 2]),
    "not UTF-8": _file(b'{"\xff": 1}'),
    "deep nesting": _file(b"[" * 100_000),
    "no dtype": _file({"a": {"shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "an unknown dtype": _file({"a": _entry([1], 0, 4, "X9")}, bytes(4)),
    "a negative shape": _file({"a": _entry([-1], 0, 4)}, bytes(4)),
    "negative offsets": _file({"a": _entry([1], -4, 0)}, bytes(4)),
    "offsets past the end": _file({"a": _entry([100], 0, 400)}, bytes(4)),
    "offsets that do not fit": _file({"a": _entry([1], 0, 8)}, bytes(8)),
    "overlap": _file({"a": _entry([1], 0, 4), "b": _entry([1], 0, 4)}, bytes(4)),
    "a hole": _file({"a": _entry([1], 4, 8)}, bytes(8)),
    "overflow": _file({"a": _entry([2**62, 2**62], 0, 4)}, bytes(4)),
    "metadata that is no object": _file({"__metadata__": 5}),
    "a pickle": b"\x80\x04\x95" + bytes(40),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line(kind, tmp_path):
    path = tmp_path / "file.safetensors"
    path.write_bytes(HOSTILE[kind])
    with pytest.raises(UsageError) as refused:
        weights.read(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_and_a_missing_file_are_one_line(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UsageError):
            weights.read(path)


def test_random_damage_is_refused_or_harmless(tmp_path):
    path = tmp_path / "file.safetensors"
    weights.write(path, {"a": np.ones((3, 4)), "b": np.zeros(2)}, {"model": "x"})
    whole = path.read_bytes()
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        if draw.random() < 0.3:
            damaged = damaged[: draw.integers(len(whole))]
        else:
            for _ in range(draw.integers(1, 4)):
                damaged[draw.integers(len(damaged))] = draw.integers(256)
        path.write_bytes(damaged)
        try:
            weights.read(path)
        except UsageError:
            refused += 1
    assert refused > 200


def test_counting_and_checking_agree_with_numpy():
    slots = {
        "w": weights.Slot(None, (3, 4), "float32", True),
        "b": weights.Slot(None, (), "float32", True),
        "m": weights.Slot(None, (5,), "float32", False),
    }
    assert weights.count(slots) == 13
    weights.check(slots, {k: np.zeros(s.shape, s.dtype) for k, s in slots.items()})


@pytest.mark.parametrize(
    ("layout", "native"),
    [
        (weights.SAME, (3,)),
        (weights.DENSE, (3, 4)),
        (weights.KERNEL, (5, 3, 4)),
        (weights.KERNEL, (2, 5, 3, 4)),
        (weights.KERNEL, (7, 2, 5, 3, 4)),
        (weights.TURNED, (5, 3, 4)),
        (weights.TURNED, (2, 5, 3, 4)),
        (weights.depthwise(3), (2, 5, 3, 4)),
    ],
)
def test_a_layout_goes_there_and_back(layout, native):
    value = np.random.default_rng(0).standard_normal(native)
    there = layout.canonical(value)
    assert layout.shape(native) == there.shape
    assert np.array_equal(layout.native(there), value)


def test_a_convolution_kernel_becomes_out_in_height_width():
    kernel = np.arange(2 * 5 * 3 * 4).reshape(2, 5, 3, 4)
    canonical = weights.KERNEL.canonical(kernel)
    assert canonical.shape == (4, 3, 2, 5)
    assert canonical[3, 2, 1, 4] == kernel[1, 4, 2, 3]
