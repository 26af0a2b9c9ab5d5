"""What vectors of words learn from: pairs of words that stand near each other, words
that do not, Huffman's tree, and pieces of words, as the codes of word2vec, GloVe and
fastText have them."""

import heapq
from collections import Counter
from collections.abc import Sequence

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.randomness import generator

Sentence = Sequence[int]


def kept(counts: Array, threshold: float) -> Array:
    """With which probability each word stays: 1 where it is rare (word2vec's code; in
    Mikolov et al. 2013, arXiv:1310.4546, section 2.3, it is the root alone)."""
    share = counts / max(counts.sum(), 1)
    ratio = threshold / np.maximum(share, 1e-300)
    return np.minimum(np.sqrt(ratio) + ratio, 1.0)


def noise(counts: Array, power: float = 0.75) -> Array:
    """The distribution of what is not told (section 2.2)."""
    raised = np.asarray(counts, np.float64) ** power
    return raised / raised.sum()


def near(
    sentences: Sequence[Sentence], window: int, draw: np.random.Generator
) -> list[tuple[int, list[int]]]:
    """Every word with those around it, so many on each side, evenly from 1 up to the
    window."""
    found = []
    for sentence in sentences:
        reaches = draw.integers(1, window + 1, len(sentence))
        for i, reach in enumerate(reaches):
            around = [
                *sentence[max(i - reach, 0) : i],
                *sentence[i + 1 : i + reach + 1],
            ]
            if around:
                found.append((sentence[i], around))
    return found


def cooccurrences(
    sentences: Sequence[Sentence], window: int
) -> Counter[tuple[int, int]]:
    """How often two words stand near each other, each time for one over their distance
    (Pennington et al. 2014, section 4.2)."""
    found: Counter[tuple[int, int]] = Counter()
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j in range(max(i - window, 0), i):
                found[word, sentence[j]] += 1 / (i - j)  # type: ignore[assignment]
                found[sentence[j], word] += 1 / (i - j)  # type: ignore[assignment]
    return found


def huffman(counts: Sequence[int]) -> tuple[list[list[int]], list[list[int]]]:
    """The way to each word in Huffman's tree, from its root: the inner nodes, of which
    there is one less than words, and at each 1 for the rarer side, 0 for the other."""
    heap = [(count, i, i) for i, count in enumerate(counts)]
    heapq.heapify(heap)
    above: dict[int, tuple[int, int]] = {}
    for new in range(len(counts), 2 * len(counts) - 1):
        (few, _, one), (more, _, other) = heapq.heappop(heap), heapq.heappop(heap)
        above[one], above[other] = (new, 1), (new, 0)
        heapq.heappush(heap, (few + more, new, new))
    root, paths, turns = 2 * len(counts) - 2, [], []
    for node in range(len(counts)):
        path, turn = [], []
        while node != root:
            node, side = above[node]
            path.append(node - len(counts))
            turn.append(side)
        paths.append(path[::-1])
        turns.append(turn[::-1])
    return paths, turns


def pieces(word: str, shortest: int = 3, longest: int = 6) -> list[str]:
    """Parts of a word between < and >, by where they begin, the shorter first
    (Bojanowski et al. 2016, section 3.2); the ends alone are none."""
    marked = f"<{word}>"
    return [
        marked[i : i + n]
        for i in range(len(marked))
        for n in range(shortest, longest + 1)
        if i + n <= len(marked) and not (n == 1 and (i == 0 or i + n == len(marked)))
    ]


def bucket(piece: str, buckets: int) -> int:
    """FNV-1a of 32 bits, each byte with its sign, as fastText hashes."""
    value = 2166136261
    for byte in piece.encode():
        signed = byte - 256 if byte > 127 else byte
        value = ((value ^ (signed & 0xFFFFFFFF)) * 16777619) & 0xFFFFFFFF
    return value % buckets


# A small language whose words are of kinds

KINDS: dict[str, tuple[str, ...]] = {
    "animal": ("cat", "dog", "horse", "mouse", "goat"),
    "food": ("bread", "apple", "cheese", "rice", "soup"),
    "colour": ("red", "green", "blue", "white", "black"),
    "place": ("house", "garden", "barn", "field", "forest"),
    "person": ("anna", "peter", "maria", "john", "clara"),
}
OTHERS = ("the", "eats", "sees", "is", "in", "likes", "a")
WORDS = (*OTHERS, *(word for kind in KINDS.values() for word in kind))
_SENTENCES = (
    "the animal eats food",
    "person eats a food",
    "the animal is in the place",
    "person is in the place",
    "person sees a colour animal",
    "the place is colour",
    "person likes colour food",
)


def kind(word: int) -> str:
    """Give the kind of a word, or the word itself."""
    said = WORDS[word]
    return next((name for name, words in KINDS.items() if said in words), said)


def sentences(number: int, seed: int = 0) -> list[list[int]]:
    """Draw sentences of that language, by the numbers of their words."""
    draw, index = generator("sentences", seed), {w: i for i, w in enumerate(WORDS)}
    found = []
    for _ in range(number):
        form = _SENTENCES[draw.integers(len(_SENTENCES))].split()
        said = [str(draw.choice(KINDS[w])) if w in KINDS else w for w in form]
        found.append([index[word] for word in said])
    return found


def skipgrams(number: int = 1500, negatives: int = 5, seed: int = 0) -> Dataset:
    """Draw pairs of near words of that language, each with so many that are drawn by
    how often they are; the targets are 1 for what was near. The context is one word."""
    text, draw = sentences(number, seed), generator("skipgrams", seed)
    counts = np.bincount([w for line in text for w in line], minlength=len(WORDS))
    stays = kept(counts, 0.02)
    text = [[w for w in line if draw.random() < stays[w]] for line in text]
    pairs = [(word, other) for word, around in near(text, 3, draw) for other in around]
    word, other = np.array(pairs)[draw.permutation(len(pairs))].T
    drawn = draw.choice(len(WORDS), (len(word), negatives), p=noise(counts))
    choices = np.column_stack([other, drawn])
    wanted = np.zeros(choices.shape, np.float32)
    wanted[:, 0] = 1
    ones = np.ones_like(word)[:, None]
    whole = Samples((word[:, None], ones, choices, np.ones_like(choices)), (wanted,))
    a, b = len(word) * 2 // 3, len(word) * 5 // 6
    return Dataset(
        whole.take(slice(a)), whole.take(slice(a, b)), whole.take(slice(b, None))
    )
