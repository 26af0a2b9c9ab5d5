"""How decoders of tokens go on: with a cache or without, and by beams."""

from collections.abc import Callable, Iterator
from typing import Any

from keras import KerasTensor, ops

from keras_impl import backends
from keras_impl.decoding import Beams, BeamSearch, Sample, greedy
from keras_impl.layers.slices import update_slice_in_dim

Cache = tuple[KerasTensor, KerasTensor]  # keys and values, [B, heads, T, head_width]
State = tuple[KerasTensor, KerasTensor, list[Cache]]
Choose = Callable[[KerasTensor, KerasTensor], KerasTensor]


def chooser(temperature: float, top_k: int | None, top_p: float | None) -> Choose:
    """Choose the likeliest token at temperature 0, else one by the uniform number."""
    if temperature == 0:
        return lambda logits, uniform: greedy(logits)
    return Sample(temperature=temperature, top_k=top_k, top_p=top_p).next_token


class Generates:
    """Beside `call` a decoder has `cache`, room for the keys and values of so many
    tokens, and `extend`, the logits after the last of further tokens, which join the
    cache."""

    spec: Any
    variable_dtype: str
    cache: Callable[[int, int], Any]
    extend: Callable[..., tuple[KerasTensor, Any]]

    def generate(
        self,
        prompt: KerasTensor,
        uniform: KerasTensor,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        cached: bool = True,
    ) -> tuple[KerasTensor, KerasTensor]:
        """Go on from the prompt, a token for each uniform number; beside the tokens the
        logits that each was chosen by. [B, T], [B, T, vocab_size]"""
        choose = chooser(temperature, top_k, top_p)
        (rows, first), new = ops.shape(prompt), uniform.shape[1]
        length = self.spec.read(first, new)
        sequence = ops.cast(ops.pad(prompt, ((0, 0), (0, new))), "int32")
        seen = ops.zeros((rows, new, self.spec.vocab_size), self.variable_dtype)
        cache = self.cache(rows, length)
        if cached and first > 1:  # the last is read with the first step
            before = ops.arange(first - 1, dtype="int32")
            _, cache = self.extend(prompt[:, :-1], cache, before)

        def follow(place: KerasTensor, state: State) -> State:
            sequence, seen, cache = state
            if cached:
                token = ops.take(sequence, [place], 1)
                logits, cache = self.extend(token, cache, ops.stack([place]))
            else:
                read = sequence[:, :length]
                logits = self(read, training=False)[:, place]  # type: ignore[operator]
            done = place - first + 1
            token = ops.cast(choose(logits, uniform[:, done]), "int32")
            sequence = update_slice_in_dim(sequence, token[:, None], place + 1, 1)
            seen = update_slice_in_dim(seen, logits[:, None], done, 1)
            return sequence, seen, cache

        state = sequence, seen, cache
        sequence, seen, _ = ops.fori_loop(first - 1, length, follow, state)
        return sequence[:, first:], seen

    def stream(
        self,
        prompt: KerasTensor,
        uniform: KerasTensor,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Iterator[KerasTensor]:
        """Give the same tokens as `generate`, each as soon as it is there. [B]"""
        choose = chooser(temperature, top_k, top_p)
        (rows, first), new = ops.shape(prompt), uniform.shape[1]
        length = self.spec.read(first, new)
        cache = self.cache(rows, length)

        def step(
            tokens: KerasTensor,
            cache: list[Cache],
            places: KerasTensor,
            drawn: KerasTensor,
        ) -> tuple[KerasTensor, list[Cache]]:
            logits, cache = self.extend(tokens, cache, places)
            return ops.cast(choose(logits, drawn), "int32"), cache

        # A graph for the prompt, one for a token; one of both would be of any length.
        read, follow = backends.graph(step), backends.graph(step)
        tokens, places = ops.cast(prompt, "int32"), ops.arange(first, dtype="int32")
        for number in range(new):
            call = follow if number else read
            token, cache = call(tokens, cache, places, uniform[:, number])
            yield token
            tokens, places = token[:, None], ops.convert_to_tensor([first + number])

    def search(
        self,
        prompt: KerasTensor,
        *,
        width: int,
        length: int,
        end: int,
        length_penalty: float = 0.0,
    ) -> tuple[KerasTensor, KerasTensor]:
        """Give the best continuations by beams, and their log probabilities.
        [B, width, T], [B, width]"""
        by = BeamSearch(
            width=width, end=end, length=length, length_penalty=length_penalty
        )
        rows, first = ops.shape(prompt)
        total = self.spec.read(first, length)
        each = ops.arange(rows, dtype="int32")[:, None] * width
        cache = self.cache(rows * width, total)
        prompts = ops.repeat(prompt, width, 0)
        logits, cache = self.extend(prompts, cache, ops.arange(first, dtype="int32"))
        beams = by.step(by.start(rows), _log_p(logits, rows, width), 0)

        def follow(
            place: KerasTensor, state: tuple[tuple[KerasTensor, ...], list[Cache]]
        ) -> tuple[tuple[KerasTensor, ...], list[Cache]]:
            beams, cache = Beams(*state[0]), state[1]
            kept = ops.reshape(each + beams.parents, (-1,))
            cache = [tuple(ops.take(x, kept, 0) for x in own) for own in cache]
            tokens = ops.take(beams.sequences, [place - 1], 2)
            here = ops.stack([first + place - 1])
            logits, cache = self.extend(ops.reshape(tokens, (-1, 1)), cache, here)
            return tuple(by.step(beams, _log_p(logits, rows, width), place)), cache

        found, _ = ops.fori_loop(1, length, follow, (tuple(beams), cache))
        return Beams(*found).sequences, Beams(*found).scores


def _log_p(logits: KerasTensor, rows: int, width: int) -> KerasTensor:
    return ops.reshape(ops.log_softmax(logits), (rows, width, logits.shape[-1]))
