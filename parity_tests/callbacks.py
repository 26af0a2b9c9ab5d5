"""What definitions that call a model are given for one, in NumPy; natively in
parity_tests/natives.py."""

from collections.abc import Callable
from typing import Any

from shared.arrays import Array
from shared.definitions import decoding, diffusion


def following_table(table: Array) -> decoding.Scorer:
    """A language model that knows the token before: a row of log probabilities each."""

    def score(sequences: Array, position: int) -> Array:
        before = sequences[..., max(position - 1, 0)]
        return table[before]

    return score


def adding_tokens(table: Array) -> decoding.CachedScorer:
    """A language model that knows the sum of all tokens before, which it keeps."""

    def score(last: Array, position: int, sums: Array) -> tuple[Array, Array]:
        sums = sums + last.reshape(-1, 1)
        return table[(sums % len(table)).reshape(last.shape)], sums

    return score


def scaling(scales: Array) -> diffusion.Predictor:
    """A model that sees noise in a share of x, by the time."""
    return lambda x, t: scales[t][:, None] * x


CALLBACKS: dict[str, Callable[[Array], Any]] = {
    "adding_tokens": adding_tokens,
    "following_table": following_table,
    "scaling": scaling,
}
