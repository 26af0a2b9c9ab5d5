"""Byte-pair encoding (Sennrich, Haddow, Birch 2015, arXiv:1508.07909) over bytes, as
GPT-2 has it (Radford et al. 2019, section 2.2) and SmolLM2 after it.

Text is split into words, numbers, marks and gaps; inside each, pairs of neighbours are
joined, the pair first that was learnt first, from left to right. Each byte is written
as a character that can be seen, so that nothing is unknown.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from shared import reading
from shared.errors import UsageError, brief, one_line

_SUFFIXES = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
# What Unicode calls white space; Python's own has four separators more.
_SPACES = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
    + "".join(map(chr, range(0x2000, 0x200B)))
)
MOST_BYTES = 64 * reading.MEGABYTE
MOST_TOKENS = 1 << 20
_BYTE = "byte"


def _seen() -> dict[int, str]:
    """Each byte as a character: itself where that can be seen, else one from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in plain]
    others = {byte: chr(256 + i) for i, byte in enumerate(hidden)}
    return {byte: chr(byte) for byte in plain} | others


SEEN = _seen()
_BYTES = {character: byte for byte, character in SEEN.items()}


@dataclass(frozen=True)
class BytePair:
    """numbers: of each token. ranks: of each pair, the first learnt first. special:
    tokens that are no text. digits: each is a word by itself. unknown: the token of
    a byte that is none; empty where there is none."""

    numbers: Mapping[str, int]
    ranks: Mapping[tuple[str, str], int]
    special: frozenset[str] = frozenset()
    digits: bool = False
    unknown: str = ""
    tokens: Mapping[int, str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        backwards = {number: token for token, number in self.numbers.items()}
        object.__setattr__(self, "tokens", backwards)

    @classmethod
    def of(
        cls,
        where: object,
        tokens: Sequence[Any],
        merges: Sequence[Any],
        special: Sequence[str] = (),
        digits: bool = False,
        unknown: str = "",
    ) -> "BytePair":
        """What a file lists: each token once, and pairs of tokens that make one."""
        if not tokens or not all(isinstance(token, str) for token in tokens):
            raise UsageError(f"{where}: its vocabulary is no list of tokens")
        numbers = {token: number for number, token in enumerate(tokens)}
        if len(numbers) != len(tokens):
            twice, _ = Counter(tokens).most_common(1)[0]
            raise UsageError(f"{where}: the token {_told(twice)} is there twice")
        ranks: dict[tuple[str, str], int] = {}
        for rank, merge in enumerate(merges):
            pair = merge.split(" ") if isinstance(merge, str) else merge
            if not _fits(pair, numbers):
                raise UsageError(f"{where}: {_told(merge)} is no pair of its tokens")
            ranks.setdefault((pair[0], pair[1]), rank)
        if unknown and unknown not in numbers:
            raise UsageError(f"{where}: the unknown token {_told(unknown)} is none")
        return cls(numbers, ranks, frozenset(special), digits, unknown)

    @classmethod
    def read(cls, path: Path) -> "BytePair":
        """Read a tokenizer.json of Hugging Face that holds byte pairs over bytes."""
        found = reading.from_json(reading.content(path, MOST_BYTES), path)
        model = found.get("model") if isinstance(found, dict) else None
        kind = model.get("type") if isinstance(model, dict) else None
        if not isinstance(model, dict) or kind not in ("BPE", None):
            raise UsageError(f"{path}: its model is {_told(kind)}; allowed: BPE")
        vocabulary, merges = model.get("vocab"), model.get("merges")
        if not isinstance(vocabulary, dict) or not isinstance(merges, list):
            raise UsageError(f"{path}: a model without vocab and merges")
        added = _added(path, found.get("added_tokens"))
        whole = {**vocabulary, **added}
        tokens = _in_order(path, whole)
        unknown = model.get("unk_token") or ""
        return cls.of(path, tokens, merges, [*added], _digits(path, found), unknown)

    def split(self, text: str) -> list[str]:
        """The tokens of a text, each as its characters; nothing in it is special."""
        words = _words(text, self.digits)
        return [token for word in words for token in self._joined(word)]

    def encode(self, text: str, special: bool = False) -> list[int]:
        """The numbers of a text's tokens. special: what looks like a special token is
        one; else it is text like any other."""
        found: list[int] = []
        for part in self._parts(text) if special else [text]:
            if special and part in self.special:
                found.append(self.numbers[part])
            else:
                found += map(self._number, self.split(part))
        return found

    def _number(self, token: str) -> int:
        if token in self.numbers:
            return self.numbers[token]
        if self.unknown:
            return self.numbers[self.unknown]
        byte = _BYTES[token]
        raise UsageError(f"the byte {byte:#04x} is no token, and none is for unknown")

    def decode(self, numbers: Sequence[int], special: bool = False) -> str:
        """The text again; bytes that are no UTF-8 are marked as such."""
        return self.bytes(numbers, special).decode("utf-8", errors="replace")

    def bytes(self, numbers: Sequence[int], special: bool = False) -> bytes:
        """The bytes of these tokens, without special ones unless they are wanted."""
        found = bytearray()
        for number in numbers:
            if number not in self.tokens:
                most = len(self.numbers)
                raise UsageError(f"token {number} is not one of the {most:,} known")
            token = self.tokens[number]
            if token in self.special:
                found += token.encode() if special else b""
            else:
                found += bytes(_BYTES[character] for character in token)
        return bytes(found)

    def _parts(self, text: str) -> Iterator[str]:
        """Text between special tokens, and these; the longest where two begin alike."""
        names = sorted(self.special, key=len, reverse=True)
        start = place = 0
        while place < len(text):
            found = next((name for name in names if text.startswith(name, place)), "")
            if found:
                yield from (text[start:place],) if place > start else ()
                yield found
                start = place = place + len(found)
            else:
                place += 1
        if place > start:
            yield text[start:]

    def _joined(self, word: str) -> tuple[str, ...]:
        return _joined(self, word)

    def __hash__(self) -> int:
        return id(self)


@lru_cache(maxsize=1 << 16)
def _joined(by: BytePair, word: str) -> tuple[str, ...]:
    parts = [SEEN[byte] for byte in word.encode()]
    while len(parts) > 1:
        pairs = [by.ranks.get(pair, len(by.ranks)) for pair in pairwise(parts)]
        best = min(pairs)
        if best == len(by.ranks):
            break
        parts = _join(parts, pairs, best)
    return tuple(parts)


def _join(parts: list[str], pairs: list[int], rank: int) -> list[str]:
    """Each pair of this rank as one, from left to right."""
    found, place = [], 0
    while place < len(parts):
        both = place < len(pairs) and pairs[place] == rank
        found.append("".join(parts[place : place + 1 + both]))
        place += 1 + both
    return found


def learnt(texts: Sequence[str], size: int, digits: bool = False) -> BytePair:
    """Learn a vocabulary of so many tokens: the 256 bytes, then again and again the
    most frequent pair; of equally frequent ones that of the lower numbers."""
    if not len(SEEN) <= size <= MOST_TOKENS:
        allowed = f"from {len(SEEN)} to {MOST_TOKENS:,}"
        raise UsageError(f"a vocabulary of {size:,} tokens; allowed: {allowed}")
    counts = Counter(word for text in texts for word in _words(text, digits))
    words = {word: [SEEN[byte] for byte in word.encode()] for word in counts}
    numbers = {token: number for number, token in enumerate(sorted(SEEN.values()))}
    ranks: dict[tuple[str, str], int] = {}
    while len(numbers) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in words.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], numbers[p[0]], numbers[p[1]]))
        ranks[best] = len(ranks)
        numbers.setdefault("".join(best), len(numbers))
        for word, parts in words.items():
            own = [0 if pair == best else 1 for pair in pairwise(parts)]
            words[word] = _join(parts, own, 0)
    return BytePair(numbers, ranks, digits=digits)


def _words(text: str, digits: bool) -> Iterator[str]:
    """Letters, digits, marks, each with one space before them; what an apostrophe
    begins; and gaps, of which the last space goes to the word after them."""
    for part in _at_digits(text) if digits else [text]:
        place = 0
        while place < len(part):
            end = _end(part, place)
            yield part[place:end]
            place = end


def _at_digits(text: str) -> Iterator[str]:
    start = 0
    for place, character in enumerate(text):
        if unicodedata.category(character)[0] == "N":
            yield from (text[start:place],) if place > start else ()
            yield character
            start = place + 1
    if start < len(text):
        yield text[start:]


def _end(text: str, place: int) -> int:
    for suffix in _SUFFIXES:
        if text.startswith(suffix, place):
            return place + len(suffix)
    first = place + (text[place] == " " and place + 1 < len(text))
    kind = _kind(text[first])
    if kind != "Z":
        return _run(text, first, kind)
    end = _run(text, place, "Z")
    return end if end == len(text) or end == place + 1 else end - 1


def _run(text: str, place: int, kind: str) -> int:
    while place < len(text) and _kind(text[place]) == kind:
        place += 1
    return place


def _kind(character: str) -> str:
    """L for letters, N for numbers, Z for spaces, and one for all else."""
    if character in _SPACES:
        return "Z"
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "M"


def _fits(pair: Any, numbers: Mapping[str, int]) -> bool:
    """Whether it is two tokens that make a third."""
    two = isinstance(pair, list | tuple) and len(pair) == 2
    return (
        two
        and all(isinstance(part, str) for part in pair)
        and {*pair, "".join(pair)} <= numbers.keys()
    )


def _told(value: object) -> str:
    return brief(repr(one_line(value)))


def _added(path: Path, found: Any) -> dict[str, int]:
    """Special tokens, which a file lists by themselves."""
    rows = found or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path}: added_tokens is no list of objects")
    return {row.get("content"): row.get("id") for row in rows}


def _in_order(path: Path, numbers: Mapping[Any, Any]) -> list[str]:
    """Tokens by their numbers, which are all from 0 on."""
    if len(numbers) > MOST_TOKENS:
        raise UsageError(f"{path}: {len(numbers):,} tokens; allowed: {MOST_TOKENS:,}")
    tokens = {number: token for token, number in numbers.items()}
    if not all(number in tokens for number in range(len(numbers))):
        raise UsageError(f"{path}: its tokens are not numbered from 0 on, each once")
    return [tokens[number] for number in range(len(numbers))]


def _digits(path: Path, found: Mapping[str, Any]) -> bool:
    """Whether digits stand alone, by what a file says comes before the pairs."""
    before = found.get("pre_tokenizer")
    steps = before.get("pretokenizers", [before]) if isinstance(before, dict) else []
    kinds = [step.get("type") for step in steps if isinstance(step, dict)]
    if kinds == ["ByteLevel"]:
        return False
    if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        return True
    raise UsageError(
        f"{path}: {_told(kinds)} before the pairs; allowed: ByteLevel, or Digits and "
        "ByteLevel"
    )
