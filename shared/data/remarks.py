"""Small conversations, made here: one says where things are, the other is asked."""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.randomness import generator

THINGS = ("cat", "dog", "key", "lamp", "book", "ball", "ring", "shoe")
PLACES = ("kitchen", "garden", "hall", "attic", "cellar", "shed")
WORDS = (".", "where", *THINGS, *PLACES)
# A target that is not counted.
UNASKED = 0
TOLD, ASKED = 4, 3
LENGTH = 3 * TOLD + 3 * ASKED - 1


def spelled(numbers: Array) -> str:
    """Give the words of a conversation in a row."""
    return " ".join(WORDS[number] for number in numbers)


def remarks(number: int = 6000, seed: int = 0) -> Dataset:
    """Draw conversations: four times "THING PLACE .", then three times "where THING"
    about things that were told, each answered by its place. The targets are the answers
    alone."""
    draw = generator("remarks", seed)
    index = {word: i for i, word in enumerate(WORDS)}
    first_thing, first_place = index[THINGS[0]], index[PLACES[0]]
    every = np.tile(np.arange(len(THINGS)), (number, 1))
    things = draw.permuted(every, axis=1)[:, :TOLD]
    places = draw.integers(0, len(PLACES), (number, TOLD))
    asked = draw.permuted(np.tile(np.arange(TOLD), (number, 1)), axis=1)[:, :ASKED]
    told = np.full((number, TOLD, 3), index["."])
    told[..., 0], told[..., 1] = first_thing + things, first_place + places
    said = np.full((number, ASKED, 3), index["where"])
    said[..., 1] = first_thing + np.take_along_axis(things, asked, 1)
    said[..., 2] = first_place + np.take_along_axis(places, asked, 1)
    whole = np.concatenate([told.reshape(number, -1), said.reshape(number, -1)], 1)
    wanted = np.full_like(whole, UNASKED)
    wanted[:, 3 * TOLD + 2 :: 3] = whole[:, 3 * TOLD + 2 :: 3]
    samples = Samples((whole[:, :-1],), (wanted[:, 1:],))
    a, b = number * 2 // 3, number * 5 // 6
    return Dataset(
        samples.take(slice(a)), samples.take(slice(a, b)), samples.take(slice(b, None))
    )
