"""Bytes that were a good file once: cut, flipped, spliced, stretched, overwritten."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

Change = Callable[[DrawFn, bytearray, Sequence[bytes]], bytearray]
# What lengths and offsets are overwritten with.
EXTREMES = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)


def _place(draw: DrawFn, content: bytearray) -> int:
    return draw(st.integers(0, max(len(content) - 1, 0)))


def _cut(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    return content[: _place(draw, content)]


def _flip(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    if content:
        content[_place(draw, content)] ^= 1 << draw(st.integers(0, 7))
    return content


def _overwrite(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    place, some = _place(draw, content), draw(st.binary(min_size=1, max_size=8))
    content[place : place + len(some)] = some
    return content


def _number(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    """A number of the header, which is near the beginning or the end."""
    size = draw(st.sampled_from((1, 2, 4, 8)))
    number = draw(st.sampled_from(EXTREMES)) % 256**size
    order = draw(st.sampled_from(("little", "big")))
    near = draw(st.integers(0, 64))
    place = near if draw(st.booleans()) else max(len(content) - 1 - near, 0)
    content[place : place + size] = number.to_bytes(size, order)
    return content


def _delete(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    place = _place(draw, content)
    del content[place : place + draw(st.integers(1, 16))]
    return content


def _extend(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    return content + draw(st.binary(min_size=1, max_size=16))


def _insert(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    place = _place(draw, content)
    content[place:place] = draw(st.binary(min_size=1, max_size=8))
    return content


def _repeat(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    place = _place(draw, content)
    part = content[place : place + draw(st.integers(1, 64))]
    content[place:place] = part * draw(st.integers(1, 8))
    return content


def _splice(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    other = draw(st.sampled_from(list(seeds)))
    return content[: _place(draw, content)] + other[_place(draw, bytearray(other)) :]


def _head(draw: DrawFn, content: bytearray, seeds: Sequence[bytes]) -> bytearray:
    """Another file's head."""
    other, size = draw(st.sampled_from(list(seeds))), draw(st.integers(1, 44))
    return bytearray(other[:size]) + content[size:]


CHANGES: tuple[Change, ...] = (
    *(_cut, _flip, _overwrite, _number, _delete),
    *(_extend, _insert, _repeat, _splice, _head),
)


@st.composite
def mutated(draw: DrawFn, seeds: Sequence[bytes], most: int = 3) -> bytes:
    """One of these files after up to so many changes."""
    content = bytearray(draw(st.sampled_from(list(seeds))))
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=most)):
        content = change(draw, content, seeds)
    return bytes(content)
