"""How decoders of tokens go on: with a cache or without, and by beams."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.decoding import Beams, BeamSearch, Sample, greedy

Cache = tuple[Array, Array]  # keys and values, [B, heads, T, head_width]
State = tuple[Array, list[Cache]]  # all tokens, and what is known of those read
Choose = Callable[[Array, Array], Array]


def chooser(temperature: float, top_k: int | None, top_p: float | None) -> Choose:
    """Choose the likeliest token at temperature 0, else one by the uniform number."""
    if temperature == 0:
        return lambda logits, uniform: greedy(logits)
    return Sample(temperature=temperature, top_k=top_k, top_p=top_p).next_token


class Generates:
    """Beside the call a decoder has `cache`, room for the keys and values of so many
    tokens, and `extend`, the logits after the last of further tokens, which join the
    cache."""

    spec: Any
    cache: Callable[[int, int], Any]
    extend: Callable[..., tuple[Array, Any]]

    def generate(
        self,
        prompt: Array,
        uniform: Array,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        cached: bool = True,
    ) -> tuple[Array, Array]:
        """Go on from the prompt, a token for each uniform number; beside the tokens the
        logits that each was chosen by. [B, T], [B, T, vocab_size]"""
        choose = chooser(temperature, top_k, top_p)
        (rows, first), new = prompt.shape, uniform.shape[1]
        length = self.spec.read(first, new)
        sequence = jnp.pad(prompt, ((0, 0), (0, new)))
        cache = self.cache(rows, length)
        if cached and first > 1:  # the last is read with the first step
            _, cache = self.extend(prompt[:, :-1], cache, jnp.arange(first - 1))

        def follow(state: State, step: tuple[Array, Array]) -> tuple[State, Array]:
            sequence, cache = state
            place, drawn = step
            if cached:
                token = lax.dynamic_slice_in_dim(sequence, place, 1, 1)
                logits, cache = self.extend(token, cache, place[None])
            else:
                logits = self(sequence[:, :length])[:, place]  # type: ignore[operator]
            token = choose(logits, drawn).astype(sequence.dtype)
            return (sequence.at[:, place + 1].set(token), cache), logits

        steps = jnp.arange(first - 1, length), uniform.T
        (sequence, _), seen = lax.scan(follow, (sequence, cache), steps)
        return sequence[:, first:], seen.swapaxes(0, 1)

    def stream(
        self,
        prompt: Array,
        uniform: Array,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Iterator[Array]:
        """Give the same tokens as `generate`, each as soon as it is there. [B]"""
        choose = chooser(temperature, top_k, top_p)
        (rows, first), new = prompt.shape, uniform.shape[1]
        length = self.spec.read(first, new)
        graph, state = nnx.split(self)
        cache = jax.tree.map(jnp.copy, self.cache(rows, length))  # each is donated

        def step(
            state: Any, tokens: Array, cache: list[Cache], places: Array, drawn: Array
        ) -> tuple[Array, list[Cache]]:
            logits, cache = nnx.merge(graph, state).extend(tokens, cache, places)
            return choose(logits, drawn), cache

        follow = jax.jit(step, donate_argnums=2)
        tokens, places = prompt, jnp.arange(first)
        for number in range(new):
            token, cache = follow(state, tokens, cache, places, uniform[:, number])
            yield token
            tokens, places = token[:, None], jnp.array([first + number])

    def search(
        self,
        prompt: Array,
        *,
        width: int,
        length: int,
        end: int,
        length_penalty: float = 0.0,
    ) -> tuple[Array, Array]:
        """Give the best continuations by beams, and their log probabilities.
        [B, width, T], [B, width]"""
        by = BeamSearch(
            width=width, end=end, length=length, length_penalty=length_penalty
        )
        rows, first = prompt.shape
        total = self.spec.read(first, length)
        each = jnp.arange(rows)[:, None] * width
        cache = self.cache(rows * width, total)
        prompts = jnp.repeat(prompt, width, 0)
        logits, cache = self.extend(prompts, cache, jnp.arange(first))
        beams = by.step(by.start(rows), _log_p(logits, rows, width), 0)

        def follow(
            state: tuple[Beams, list[Cache]], place: Array
        ) -> tuple[tuple[Beams, list[Cache]], None]:
            beams, cache = state
            kept = (each + beams.parents).reshape(-1)
            cache = [tuple(part[kept] for part in own) for own in cache]
            tokens = beams.sequences[:, :, place - 1].reshape(-1, 1)
            logits, cache = self.extend(tokens, cache, (first + place - 1)[None])
            return (by.step(beams, _log_p(logits, rows, width), place), cache), None

        (beams, _), _ = lax.scan(follow, (beams, cache), jnp.arange(1, length))
        return beams.sequences, beams.scores


def _log_p(logits: Array, rows: int, width: int) -> Array:
    return jax.nn.log_softmax(logits).reshape(rows, width, -1)
