"""Every reader, given damaged files: what it reads is what another decoder reads, or
what can be."""

import gzip
import json
import math
import os
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from parity_tests.ports.table import read_table
from shared.arrays import Array
from shared.data import audio, graphs, heartbeats, images, membranes, pictures, text
from shared.data.batches import Dataset
from shared.data.bpe import BytePair
from shared.data.unigram import Unigram
from shared.data.wordpiece import WordPiece
from shared.files import weights
from shared.files.gguf import GGUF
from shared.running import convert
from triptych.faults import corpus, files
from triptych.faults.files import Files
from triptych.faults.mutations import mutated
from triptych.faults.oracle import Target

Judge = Callable[[Path], None]


def of_file(name: str, judge: Judge) -> Callable[[bytes], None]:
    """Gives a judge a file of these bytes."""

    def attempt(content: bytes) -> None:
        with TemporaryDirectory(dir=memory()) as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            judge(path)

    return attempt


def memory() -> str | None:
    """A folder that is in memory, where the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def of_data(data: str, read: Callable[[], Any]) -> Callable[[Files], Any]:
    """Reads files of a data set in a folder of its own."""

    def attempt(found: Files) -> Any:
        with TemporaryDirectory(dir=memory()) as folder:
            place = Path(folder) / data
            place.mkdir()
            for name, content in found.items():
                (place / name).write_bytes(content)
            with mock.patch.dict(os.environ, {"TRIPTYCH_DATA": folder}):
                return read()

    return attempt


def _same(found: Array, wanted: Array) -> None:
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted)


# One judge a format


def _idx(path: Path) -> None:
    found = images.read_idx(path)
    content = path.read_bytes()
    whole = gzip.decompress(content) if path.suffix == ".gz" else content
    axes = whole[3]
    shape = [int.from_bytes(whole[4 + 4 * k : 8 + 4 * k], "big") for k in range(axes)]
    body = whole[4 + 4 * axes :]
    assert whole[:3] == b"\0\0\x08"
    _same(found, np.array(list(body), np.uint8).reshape(shape))


def _mnist(found: Files) -> None:
    with mock.patch.object(images, "HELD_OUT", 1):
        data = of_data("mnist", images.mnist)(found)
    for part in (data.train, data.validation, data.test):
        (x,), (y,) = part.inputs, part.targets
        assert x.shape == (len(y), 1, 28, 28)
        assert x.min() >= 0
        assert x.max() <= 1
        assert set(y) <= set(range(10))


@st.composite
def _mnist_files(draw: DrawFn) -> Files:
    """Of the four one damaged inside, or where it is packed; labels of any size."""
    found: Files = {}
    for names in images.MNIST.values():
        pixels, labels = np.zeros((3, 28, 28), np.uint8), np.array([0, 9, 5], np.uint8)
        found |= dict(zip(names, (files.idx(pixels), files.idx(labels)), strict=True))
    name = draw(st.sampled_from(sorted(found)))
    content = draw(mutated((found[name], *found.values())))
    found[name] = content
    if draw(st.booleans()):
        pack = files.packed(found.pop(name))
        found[f"{name}.gz"] = draw(mutated((pack,), most=1))
    return found


def _wav(path: Path) -> None:
    found, rate = audio.read_wav(path)
    assert found.dtype == np.float32
    assert found.ndim == 2
    assert found.min() >= -1
    assert found.max() <= 1
    assert rate >= 1
    _like_scipy(path, found, rate)


def _like_scipy(path: Path, found: Array, rate: int) -> None:
    """What scipy reads too is the same; it refuses other files than `wave` does."""
    import warnings

    from scipy.io import wavfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            other_rate, other = wavfile.read(path)
        except Exception:  # it has no list of what it raises
            return
    if other.dtype.kind not in "iu" or not other.size:
        return
    scale = {"uint8": 2**7, "int16": 2**15, "int32": 2**31}.get(str(other.dtype))
    other = np.atleast_2d(other.T)
    if scale is None or other.shape != found.shape:
        return
    middle = 128 if other.dtype == np.uint8 else 0
    assert rate == other_rate
    assert np.array_equal(found, ((other.astype(float) - middle) / scale).astype("f4"))


def _spoken(content: bytes) -> None:
    left_out: list[str] = []
    read = partial(_recordings, left_out)
    found = of_data("fsdd", read)({audio.SPOKEN: content})
    for one in found:
        assert one.digit in range(10)
        assert one.index >= 0
        assert one.samples.ndim == 1
        assert abs(one.samples).max() <= 1
    with zipfile.ZipFile(BytesIO(content)) as whole:
        names = [name for name in whole.namelist() if name.endswith(".wav")]
    assert len(found) + len(left_out) == len(names)


def _recordings(left_out: list[str]) -> list[audio.Spoken]:
    return list(audio.spoken(left_out))


@st.composite
def _graph_files(draw: DrawFn) -> Files:
    found = files.planetoid(draw(st.sampled_from((2, 4))))
    name = draw(st.sampled_from(sorted(found)))
    return found | {name: draw(mutated((found[name],)))}


def _planetoid(found: Files) -> None:
    with mock.patch.object(graphs, "VALIDATION", 1):
        read = of_data("planetoid-two", lambda: graphs.planetoid("two"))
        data: Dataset = read(found)
    x, ends = data.train.inputs
    (y,) = data.train.targets
    assert np.isfinite(x.values).all()
    assert len(x.values) == len(y.values)
    assert ends.values.min() >= 0
    assert ends.values.max() < len(x.values)
    assert y.values.min() >= graphs.UNKNOWN


def _text(found: Files) -> None:
    characters = 65
    with mock.patch.object(text, "CHARACTERS", 5):
        held = of_data("tinyshakespeare", text.shakespeare)(found)
    assert len(held.characters) == 5 < characters
    said = "".join(held.characters[i] for i in held.numbers)
    wanted = found["input.txt"].decode("utf-8")
    assert said == wanted.replace("\r\n", "\n").replace("\r", "\n")


def _vocabulary(path: Path) -> None:
    known = WordPiece.read(path)
    (tokens, mask, _), _ = known.encode(["A b, \u4e2d!"], 16)
    assert tokens.shape == mask.shape
    assert set(tokens.ravel()) <= set(known.numbers.values())


def _tokenizer(path: Path) -> None:
    """What it splits comes together again, where all bytes are known."""
    known = BytePair.read(path)
    tokens = known.split("ab b")
    assert "".join(tokens) == "ab\u0120b"
    assert set(known.ranks) <= {(a, b) for a in known.numbers for b in known.numbers}
    assert sorted(known.numbers.values()) == [*range(len(known.numbers))]


def _unigram(path: Path) -> None:
    """All of a text is in its pieces, which are numbered from 0 on."""
    known = Unigram.read(path)
    assert "".join(known.split("abc")).replace("\u2581", "") == "abc"
    assert sorted(known.numbers.values()) == [*range(len(known.numbers))]
    assert max(known.encode("abc")) < len(known.numbers)


def _gguf(path: Path) -> None:
    """Its tensors are what lies where it says."""
    file, content = GGUF.read(path), path.read_bytes()
    found = file.tensors()
    assert found.keys() == file.entries.keys()
    for name, entry in file.entries.items():
        assert found[name].shape == entry.shape
        if entry.kind == 0:
            held = content[entry.place : entry.place + entry.size]
            assert found[name].tobytes() == held


def _picture(path: Path) -> None:
    found = pictures.read(path)
    assert found.mode == "RGB"
    assert found.width * found.height <= pictures.PIXELS
    x = pictures.to_tensor(pictures.center_crop(pictures.resize(found, 8), (8, 8)))
    assert x.shape == (3, 8, 8)
    assert x.min() >= 0
    assert x.max() <= 1


def _safetensors(path: Path) -> None:
    found, _ = weights.read(path)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__", None)
    assert set(found) == set(header)
    kinds = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8", "I32": "<i4"}
    for name, value in found.items():
        begin, end = header[name]["data_offsets"]
        assert list(value.shape) == header[name]["shape"]
        assert end - begin == value.nbytes == math.prod(value.shape) * value.itemsize
        if header[name]["dtype"] in kinds:
            held = content[8 + size + begin : 8 + size + end]
            other = np.frombuffer(held, kinds[header[name]["dtype"]])
            assert value.tobytes() == other.tobytes()


def _keras(path: Path) -> None:
    """The precision of all real numbers, told before Keras reads the file."""
    assert convert.keras_dtype(path) in ("float16", "float32", "float64")


def _renames(path: Path) -> None:
    found = read_table(path)
    assert found == json.loads(path.read_text(encoding="utf-8"))


def _membranes(content: bytes) -> None:
    """One section of few pixels."""
    small = mock.patch.multiple(membranes, NUMBER=1, SIDE=8, TRAINED=1, VALIDATED=0)
    with small:
        read = of_data("isbi-em", partial(membranes.isbi, tile=4))
        data: Dataset = read({membranes.FILE: content})
    (image,), (classes,) = data.train.inputs, data.train.targets
    assert image.shape == (4, 1, 4, 4)
    assert image.min() >= 0
    assert image.max() <= 1
    assert set(classes.ravel()) <= {membranes.CELL, membranes.MEMBRANE}


def _ucr(path: Path) -> None:
    label, series = heartbeats.read_ucr(path, files.UCR_WIDTH)
    other = np.loadtxt(path, ndmin=2, encoding="utf-8")
    assert np.array_equal(label, other[:, 0])
    _same(series, other[:, 1:].astype(np.float32))


WORDS = "\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "b", ","))
TEXTS = (b"abcde abcd\n", "\u00e9\u4e2dab\r\n".encode(), b"")


def targets() -> list[Target]:
    packed, pictured = tuple(map(files.packed, files.IDX)), files.pictures()
    hdf5, archive = ((content,) for content in files.keras())
    held, renames = files.safetensors(), (b'{"a.b": "c", "d": "e"}',)
    words = (WORDS.encode(),)
    pairs, scored, quantised = files.tokenizer(), files.unigram(), files.gguf()
    graph = tuple(files.planetoid(protocol) for protocol in (2, 4))
    recordings = (files.zipped({"0_ann_0.wav": files.RECORDING}),)
    texts = st.builds(as_input, mutated(TEXTS))
    return [
        target_of("idx", mutated(files.IDX), "x", _idx, corpus.IDX, files.IDX, 2.0),
        target_of("idx.gz", mutated(packed), "x.gz", _idx, corpus.PACKED, packed, 2.0),
        target_of("wav", mutated(files.WAV), "x.wav", _wav, corpus.WAV, files.WAV, 2.0),
        target_of("vocabulary", mutated(words), "x", _vocabulary, (), words),
        target_of(
            *("picture", mutated(pictured), "x", _picture),
            *(corpus.PICTURES, pictured, 3.0),
        ),
        target_of("tokenizer", mutated(pairs), "x", _tokenizer, (), pairs),
        target_of("unigram", mutated(scored), "x", _unigram, (), scored),
        target_of("gguf", mutated(quantised), "x.gguf", _gguf, (), quantised, 2.0),
        target_of("weights", mutated(held), "x", _safetensors, (), held, 2.0),
        target_of("hdf5", mutated(hdf5), "x.weights.h5", _keras, (), hdf5),
        target_of("keras", mutated(archive), "x.keras", _keras, (), archive),
        target_of("renames", mutated(renames), "x", _renames, (), renames),
        target_of("ucr", mutated(files.UCR), "x.txt", _ucr, corpus.UCR, files.UCR),
        _members("membranes", files.sections(), _membranes),
        Target("mnist", _mnist_files(), _mnist),
        Target("digits", files.archives(), _spoken, corpus.archives(), recordings, 2.0),
        Target("graph", _graph_files(), _planetoid, corpus.graphs(), graph, 2.0),
        Target("text", texts, _text, corpus.TEXTS, (as_input(TEXTS[0][:5]),)),
    ]


def target_of(
    name: str,
    cases: st.SearchStrategy[bytes],
    file: str,
    judge: Judge,
    corpus: tuple[bytes, ...] = (),
    good: tuple[bytes, ...] = (),
    share: float = 1.0,
) -> Target:
    return Target(name, cases, of_file(file, judge), corpus, good, share)


def _members(name: str, whole: bytes, judge: Callable[[bytes], None]) -> Target:
    return Target(name, mutated((whole,), most=2), judge, (), (whole,))


def as_input(content: bytes) -> Files:
    return {"input.txt": content}
