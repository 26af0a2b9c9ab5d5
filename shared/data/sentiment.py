"""Sentences that praise or not, as numbers of words."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared import reading
from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.files import data_folder
from shared.errors import UsageError
from shared.randomness import generator

PADDING, UNKNOWN = 0, 1
GOOD = ["bright", "clever", "funny", "good", "great", "lovely", "moving", "rich"]
BAD = ["awful", "bad", "cheap", "dull", "empty", "flat", "poor", "slow", "tired"]
THINGS = ["acting", "cast", "ending", "film", "music", "plot", "score", "story"]
NOT = ["hardly", "never", "not"]
LINKS = ["and", "but", "though", "while"]
# Every word of the generated sentences, behind padding and the unknown.
WORDS = ("", "?", *GOOD, *BAD, *THINGS, *NOT, *LINKS, "the", "is")
LONGEST = 11  # of a generated sentence


def reviews(number: int = 3000, seed: int = 0) -> Dataset:
    """Generated reviews of one clause or two; the last one decides, and a "not" in it
    turns what it says around: so neither the words alone nor one of them tell."""
    draw = generator("reviews", seed)
    sentences, praised = [], []
    for _ in range(number):
        clauses = [_clause(draw) for _ in range(draw.integers(1, 3))]
        words = [
            word for clause, _ in clauses for word in (*clause, draw.choice(LINKS))
        ]
        sentences.append(words[:-1])
        praised.append(clauses[-1][1])
    table = {word: i for i, word in enumerate(WORDS)}
    whole = Samples(
        (_numbers(sentences, table, LONGEST),), (np.array(praised, np.int64),)
    )
    a, b = number * 2 // 3, number * 5 // 6
    return Dataset(
        whole.take(slice(a)), whole.take(slice(a, b)), whole.take(slice(b, None))
    )


def _clause(draw: np.random.Generator) -> tuple[list[str], bool]:
    """As "the plot is not dull", and whether it praises."""
    good, turned = draw.random() < 0.5, draw.random() < 0.4
    words = ["the", draw.choice(THINGS), "is"]
    words += [draw.choice(NOT)] if turned else []
    return [*words, draw.choice(GOOD if good else BAD)], bool(good != turned)


SST2 = {part: f"stsa.binary.{part}" for part in ("train", "dev", "test")}
SST2_WORDS, SST2_LONGEST = 8_000, 56


def sst2() -> Dataset:
    """The Stanford treebank's sentences of films, praise or not (Socher et al. 2013),
    from $TRIPTYCH_DATA/sst2: the SST2_WORDS most frequent words of the training part
    are known, and a sentence ends after SST2_LONGEST."""
    folder = data_folder("sst2", list(SST2.values()))
    read = {part: _labelled(folder / name) for part, name in SST2.items()}
    counts = Counter(word for words, _ in read["train"] for word in words)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    known = ranked[: SST2_WORDS - 2]
    table = {word: i for i, word in enumerate(known, 2)}

    def samples(part: str) -> Samples:
        sentences = [words for words, _ in read[part]]
        labels = np.array([label for _, label in read[part]], np.int64)
        return Samples((_numbers(sentences, table, SST2_LONGEST),), (labels,))

    return Dataset(samples("train"), samples("dev"), samples("test"))


def _labelled(path: Path) -> list[tuple[list[str], int]]:
    """Lines of a label, 0 or 1, and a sentence."""
    found = []
    for i, line in enumerate(reading.text(path).splitlines(), 1):
        label, _, sentence = line.partition(" ")
        if label not in ("0", "1") or not sentence.strip():
            raise UsageError(f"{path}, line {i}: not 0 or 1 and a sentence")
        found.append((sentence.split(), int(label)))
    if not found:
        raise UsageError(f"{path}: holds no sentence")
    return found


def _numbers(
    sentences: Sequence[Sequence[str]], table: dict[str, int], longest: int
) -> Array:
    found = np.full((len(sentences), longest), PADDING, np.int64)
    for row, words in zip(found, sentences, strict=True):
        own = [table.get(word, UNKNOWN) for word in words[:longest]]
        row[: len(own)] = own
    return found
