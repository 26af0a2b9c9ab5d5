"""Batches, and the data sets' own facts."""

import gzip
import os
import struct
from dataclasses import replace

import numpy as np
import pytest

from shared.data import images, sequences, tabular, text
from shared.data.batches import Samples, Shuffled, divided
from shared.errors import UsageError
from shared.tasks import TASKS
from shared.tasks.fitting import refuse_misfit

needs_files = pytest.mark.skipif(
    not os.environ.get("TRIPTYCH_DATA"),
    reason="set $TRIPTYCH_DATA to the folder of data files",
)


def numbered(count):
    return Samples((np.arange(count),), (np.arange(count) * 10,))


def test_an_epoch_has_every_sample_once_but_what_is_left_over():
    source = Shuffled(numbered(10), 3, seed=0)
    batches = list(source.epoch(0))
    seen = np.concatenate([batch.inputs[0] for batch in batches])
    assert [len(batch) for batch in batches] == [3, 3, 3]
    assert len(set(seen)) == 9
    for batch in batches:
        np.testing.assert_array_equal(batch.targets[0], batch.inputs[0] * 10)


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch, start=0):
        source = Shuffled(numbered(20), 4, seed)
        return [list(batch.inputs[0]) for batch in source.epoch(epoch, start)]

    assert order(0, 3) == order(0, 3)
    assert order(0, 3, start=2) == order(0, 3)[2:]
    assert order(0, 3) != order(0, 4)
    assert order(0, 3) != order(1, 3)


def test_batches_come_in_multiples():
    assert Shuffled(numbered(20), 3, 0, multiple=4).per_epoch == 4
    with pytest.raises(UsageError, match="20 samples, at least 24 are needed"):
        Shuffled(numbered(20), 3, 0, multiple=8)


def test_samples_must_be_as_many_everywhere():
    with pytest.raises(UsageError, match=r"arrays of \[2, 3\] samples"):
        Samples((np.zeros(2),), (np.zeros(3),))


def test_parts_share_no_sample():
    data = divided(numbered(100))
    parts = [set(s.inputs[0]) for s in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [70, 15, 15]
    assert len(set.union(*parts)) == 100


def test_diabetes():
    data = tabular.diabetes()
    sizes = [len(s) for s in (data.train, data.validation, data.test)]
    assert sum(sizes) == 442
    assert data.train.inputs[0].shape[1] == 10
    # By the training part alone: the others are near, not at, 0 and 1.
    np.testing.assert_allclose(data.train.inputs[0].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.targets[0].std(), 1, atol=1e-6)
    assert abs(data.test.inputs[0].mean(0)).max() > 1e-3


def test_breast_cancer():
    data = tabular.breast_cancer()
    parts = (data.train, data.validation, data.test)
    benign = sum(float(part.targets[0].sum()) for part in parts)
    assert (sum(map(len, parts)), benign) == (569, 357)


def test_digits_flat_and_enlarged_are_the_same_pixels():
    (flat,), (_, wide) = (
        (images.digits(flat=True).train.inputs),
        (
            None,
            images.digits(flat=False).train.inputs[0],
        ),
    )
    assert flat.shape[1:] == (64,)
    assert wide.shape[1:] == (1, 32, 32)
    np.testing.assert_array_equal(wide[:, 0, ::4, ::4].reshape(-1, 64), flat)
    assert (flat.min(), flat.max()) == (0, 1)


def test_temporal_order_is_told_by_the_marks_alone():
    data = sequences.temporal_order(300)
    (x,), (y,) = data.train.inputs, data.train.targets
    for sequence, label in zip(x.argmax(-1), y, strict=True):
        marks = [symbol for symbol in sequence if symbol < 2]
        assert len(marks) == 2
        assert label == 2 * marks[0] + marks[1]
    assert set(y) == {0, 1, 2, 3}


def test_jumbled_words_have_the_same_letters():
    data = text.jumbled_sonnets(copies=3)
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [2 * 3 * n for n in (112, 14, 14)]
    kept = "".join(c for c in text._sonnets().lower() if c in text.LETTERS + "\n")
    lines = f" {kept} ".replace("\n", "  ")
    said = [text.spelled(tokens) for tokens in data.test.inputs[0]]
    assert {len(one.split()) >= 4 for one in said} == {True}
    english = [f" {one} " in lines for one in said]
    np.testing.assert_array_equal(english, data.test.targets[0])
    for one, other in zip(said[::2], said[1::2], strict=True):
        pairs = zip(one.split(), other.split(), strict=True)
        assert all(sorted(a) == sorted(b) for a, b in pairs)


def test_jumbled_words_are_padded_pairs():
    tokens, mask, token_types = text.jumbled_sonnets(copies=1).test.inputs
    assert tokens.shape == mask.shape == token_types.shape == (28, text.LONGEST)
    np.testing.assert_array_equal(tokens != text.PAD, mask == 1)
    assert (tokens[:, 0] == text.FIRST).all()
    assert tokens[:, 1].min() > text.FIRST
    assert tokens.max() < text.PAIRS
    lengths = [len(text.spelled(row)) for row in tokens]
    np.testing.assert_array_equal(mask.sum(1), lengths)
    assert len(set(lengths)) > 5


def test_sonnets_predict_the_next_character():
    found = text.sonnets()
    written = "".join(found.characters[i] for i in found.numbers)
    assert written.startswith("Shall I compare thee to a summer's day?\n")
    assert written.count("\n\n") == 9
    data = found.dataset(32, stride=8)
    (x,), (y,) = data.train.inputs, data.train.targets
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    # Neither validation nor test text is trained on.
    total = sum(map(len, (data.validation, data.test))) * 32
    assert x.max() < 55
    assert len(written) // 10 * 2 - 66 <= total <= len(written) // 10 * 2 + 2


@needs_files
def test_mnist():
    data = images.mnist()
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    labels = np.concatenate([data.train.targets[0], data.validation.targets[0]])
    assert np.bincount(labels).tolist() == counts
    assert data.test.inputs[0].shape == (10_000, 1, 28, 28)
    assert np.bincount(data.test.targets[0])[0] == 980
    assert (data.train.inputs[0].min(), data.train.inputs[0].max()) == (0, 1)


@needs_files
def test_shakespeare():
    found = text.shakespeare()
    assert (len(found.numbers), len(found.characters)) == (1_115_394, 65)


def idx(array):
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


def test_idx_plain_and_packed(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "plain").write_bytes(idx(array))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx(array)))
    for name in ("plain", "packed"):
        np.testing.assert_array_equal(images.read_idx(tmp_path / name), array)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x0d\1" + bytes(8), "not an IDX file"),
        (b"\0\0\x08\3\0\0", "ends within its header"),
        (idx(np.zeros((2, 3), np.uint8))[:-1], "5 bytes of data, its header says"),
    ],
)
def test_a_bad_idx_file_is_one_line(tmp_path, content, said):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        images.read_idx(tmp_path / "bad")


def mnist_of(folder, monkeypatch, labels, side=28):
    place = folder / "mnist"
    place.mkdir()
    for names in images.MNIST.values():
        pixels = np.zeros((len(labels), side, side), np.uint8)
        for name, array in zip(names, (pixels, labels), strict=True):
            (place / name).write_bytes(idx(np.array(array, np.uint8)))
    monkeypatch.setenv("TRIPTYCH_DATA", str(folder))
    monkeypatch.setattr(images, "HELD_OUT", 1)
    return images.mnist()


def test_a_label_out_of_range_is_told_by_record_and_byte(tmp_path, monkeypatch):
    with pytest.raises(
        UsageError, match=r"record 2 \(byte 10 unpacked\) is 99; allowed: from 0 to 9"
    ):
        mnist_of(tmp_path, monkeypatch, [3, 4, 99])


def test_pictures_of_another_size_are_told(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"of shape \(27, 27\); allowed: \(28, 28\)"):
        mnist_of(tmp_path, monkeypatch, [3, 4], side=27)


def test_text_that_is_not_utf8_is_told_by_line_and_byte(tmp_path, monkeypatch):
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_bytes(b"one\ntw\xffo")
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="byte 6, 0xff in line 2, is not UTF-8"):
        text.shakespeare()


def test_a_folder_in_place_of_a_file_is_no_file(tmp_path, monkeypatch):
    (tmp_path / "tinyshakespeare" / "input.txt").mkdir(parents=True)
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    with pytest.raises(UsageError, match=r"input\.txt not found"):
        text.shakespeare()


@pytest.mark.parametrize("name", TASKS)
def test_the_data_of_every_task_fit_its_model(name):
    try:
        TASKS[name].read()
    except UsageError as refused:
        if "set $TRIPTYCH_DATA" not in str(refused):
            raise
        pytest.skip(str(refused))  # what is missing, and the variable to set


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"targets": (np.array([0, 10]),)},
            "target 0: sample 1 has 10; allowed: a who",
        ),
        ({"targets": (np.array([0.0, 1.0]),)}, "target 0 has dtype float64; allowed"),
        ({"inputs": (np.zeros((2, 63)),)}, r"input \w+ has the shape \(63,\); allowed"),
        (
            {"inputs": (np.full((2, 64), np.nan),)},
            "sample 0 has nan; allowed: a finite",
        ),
        ({"inputs": (np.zeros((2, 64)),) * 2}, "has 2 inputs; the model takes"),
    ],
)
def test_what_does_not_fit_is_told_before_a_framework_has_it(changes, said):
    task = TASKS["digits_mlp"]
    split = task.data().train.take(slice(2))
    with pytest.raises(UsageError, match=said):
        refuse_misfit("here", task.spec, task.aims, replace(split, **changes))


def test_a_torn_packed_file_is_one_line(tmp_path):
    packed = gzip.compress(idx(np.zeros((20, 20), np.uint8)))
    (tmp_path / "torn.gz").write_bytes(packed[:-12])
    with pytest.raises(UsageError, match="cannot be read"):
        images.read_idx(tmp_path / "torn")


def test_files_that_are_not_there_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("TRIPTYCH_DATA", raising=False)
    with pytest.raises(UsageError, match=r"set \$TRIPTYCH_DATA to the folder"):
        images.mnist()
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    with pytest.raises(UsageError, match=r"input.txt not found \(\$TRIPTYCH_DATA\)"):
        text.shakespeare()
