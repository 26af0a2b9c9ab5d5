"""Sentences in two languages, as numbers of words: English and one made here."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.data.batches import Dataset, Samples
from shared.errors import UsageError
from shared.randomness import generator

Pair = tuple[str, str]
PAD, END = 0, 1
WORDS = 2  # the first token that is neither


@dataclass(frozen=True)
class Vocabulary:
    """Every word has a number, from WORDS on."""

    words: tuple[str, ...]

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {word: WORDS + i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return WORDS + len(self.words)

    def encode(self, text: str) -> list[int]:
        return [self.numbers[word] for word in text.split()]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text up to the first END."""
        said = itertools.takewhile(lambda token: token != END, map(int, tokens))
        return " ".join(self.words[token - WORDS] for token in said if token >= WORDS)


def samples(
    pairs: Sequence[Pair],
    known: Vocabulary,
    lengths: tuple[int, int],
    begins: int = END,
) -> Samples:
    """Source, its mask and what a decoder is given, what begins and all words but the
    last; and what is wanted: all words, and END."""
    read, most = lengths
    shape = len(pairs), most
    (x, mask), given = np.full((2, len(pairs), read), PAD), np.full(shape, PAD)
    wanted = np.full(shape, PAD)
    for row, (one, other) in enumerate(pairs):
        theirs, ours = known.encode(one), known.encode(other)
        if len(theirs) > read or len(ours) >= most:
            raise UsageError(f"{one!r}: more than {read} tokens, or {most} translated")
        x[row, : len(theirs)], mask[row, : len(theirs)] = theirs, 1
        given[row, : len(ours) + 1] = [begins, *ours]
        wanted[row, : len(ours) + 1] = [*ours, END]
    return Samples((x, mask, given), (wanted,))


# A language made here

_NOUNS = {  # in the other language two genders
    "dog": "bako",
    "cat": "mira",
    "bird": "tilo",
    "boy": "sena",
    "king": "rudo",
    "queen": "vala",
    "horse": "gano",
    "frog": "lipa",
}
_ADJECTIVES = {
    "red": "kar",
    "small": "min",
    "old": "ved",
    "happy": "sol",
    "wild": "gur",
}
_VERBS = {"see": "okut", "follow": "remat", "fear": "pilat", "love": "amit"}
_TIMES = {"": "", "today": "ude", "never": "neki"}
READ, SAID = 8, 11  # the longest sentences, of the other language with its end


def made_pairs(number: int, seed: int = 0) -> list[Pair]:
    """Different sentences and what they are in another language.

    There the object stands before the verb and an adjective behind its noun, whose
    gender and number its ending follows; plurals are said by a word of their own; and
    what says when comes first.
    """
    draw = generator("language", seed)
    found: dict[str, str] = {}
    while len(found) < number:
        subject, one = _phrase(draw)
        thing, other = _phrase(draw)
        verb, time = (_chosen(draw, table) for table in (_VERBS, _TIMES))
        many = subject.endswith("s")
        said = f"{subject} {verb if many else verb + 's'} {thing} {time}"
        ending = "en" if many else ""
        found[said.strip()] = (
            f"{_TIMES[time]} {one} {other} {_VERBS[verb]}{ending}".strip()
        )
    return list(found.items())


def _phrase(draw: np.random.Generator) -> Pair:
    noun, many = _chosen(draw, _NOUNS), bool(draw.integers(2))
    adjective = _chosen(draw, {"": "", **_ADJECTIVES})
    theirs = _NOUNS[noun]
    gender = theirs[-1]
    ours = ["the", adjective, noun + "s" if many else noun]
    other = ["l" + gender, "pol" if many else "", theirs]
    if adjective:
        other.append(_ADJECTIVES[adjective] + gender + ("n" if many else ""))
    return " ".join(filter(None, ours)), " ".join(filter(None, other))


def _chosen(draw: np.random.Generator, table: dict[str, str]) -> str:
    return list(table)[draw.integers(len(table))]


def made_vocabulary() -> Vocabulary:
    """Every word of both languages."""
    said = {word for pair in made_pairs(4000) for text in pair for word in text.split()}
    return Vocabulary(tuple(sorted(said)))


def made_language(begins: int = END) -> Dataset:
    """The first sentences are to train, then 300 to validate and 500 to test."""
    pairs, known = made_pairs(4800), made_vocabulary()
    train, validation, test = (
        samples(pairs[a:b], known, (READ, SAID), begins)
        for a, b in ((0, 4000), (4000, 4300), (4300, 4800))
    )
    return Dataset(train, validation, test)
