"""A prompt goes on in several frameworks, token beside token: with the same weights and
the same uniform numbers they should say the same."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from parity_tests.engine import Workers
from shared.arrays import Array
from shared.catalog import variant
from shared.errors import UsageError
from shared.files import pretrained, voices
from shared.files.pretrained import PRETRAINED, WEIGHTS
from shared.files.voices import GGUF_SUFFIX, Voice
from shared.messages import Request
from shared.randomness import generator
from shared.running import convert
from shared.specs.decoder import DecoderSpec

MOST_TOKENS = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Asked:
    """settings: how tokens are drawn; temperature 0 takes the likeliest. beams: so many
    are searched instead, 0 for none. plain: the prompt in no form of a chat."""

    tokens: int = 64
    settings: Mapping[str, Any] = field(default_factory=lambda: {"temperature": 0.0})
    beams: int = 0
    seed: int = 0
    plain: bool = False
    dtype: str = "float32"


@dataclass(frozen=True)
class Speaker:
    """A model with its weights and its voice."""

    model: str
    spec: DecoderSpec
    weights: dict[str, Array]
    voice: Voice
    source: str

    @property
    def note(self) -> str:
        return f"{self.model}: {len(self.weights)} tensors read of {self.source}"


@dataclass(frozen=True)
class Said:
    """What a framework said: tokens, and the seconds until the first and the last."""

    framework: str
    tokens: list[int]
    text: str
    first_s: float
    whole_s: float


def known() -> list[str]:
    """The models whose weights, and what they read and say, a package ships."""
    return [n for n, one in PRETRAINED.items() if one.form == "gguf"]


def speaker(
    model: str, weights: Path | None = None, tokenizer: Path | None = None
) -> Speaker:
    """All that can be wrong is told here, before any framework starts."""
    spec = variant(model).spec
    if not isinstance(spec, DecoderSpec):
        raise UsageError(f"{model} generates no text; such do: {', '.join(known())}")
    if weights is None and model not in known():
        raise UsageError(
            f"{model} has no weights here: give --weights; not needed for "
            f"{', '.join(known())}"
        )
    path, form, source = weights, "", str(weights)
    if path is None:
        shipped = pretrained.named(model)
        path, form = pretrained.fetched(model)[WEIGHTS], shipped.form
        source = str(shipped.package)
    if tokenizer is None and path.suffix != GGUF_SUFFIX:
        raise UsageError(f"{path} has no tokenizer: give --tokenizer")
    voice = voices.read(tokenizer or path)
    if len(voice.tokenizer.numbers) > spec.vocab_size:
        number = len(voice.tokenizer.numbers)
        raise UsageError(
            f"{voice.where}: {number:,} tokens; {model} has {spec.vocab_size:,}"
        )
    return Speaker(model, spec, convert.read(path, model, form), voice, source)


def numbered(by: Speaker, prompt: str, asked: Asked) -> Array:
    """The prompt as tokens, [1, T]; with what is asked it is not too long."""
    if not 1 <= asked.tokens <= MOST_TOKENS:
        raise UsageError(f"{asked.tokens} tokens; allowed: from 1 to {MOST_TOKENS:,}")
    tokens = by.voice.prompt(prompt, asked.plain)
    by.spec.read(len(tokens), asked.tokens)
    return np.array([tokens], np.int64)


def go_on(
    by: Speaker,
    prompt: Array,
    asked: Asked,
    frameworks: Sequence[str],
    workers: Workers,
) -> Iterator[tuple[str, int]]:
    """Each framework's tokens as they come, all frameworks at once."""
    came: queue.Queue[tuple[str, int | Exception | None]] = queue.Queue()

    def work(framework: str) -> None:
        try:
            for token in _tokens(by, prompt, asked, framework, workers):
                came.put((framework, token))
            came.put((framework, None))
        except Exception as error:
            came.put((framework, error))

    for framework in frameworks:
        threading.Thread(target=work, args=(framework,), daemon=True).start()
    left = len(frameworks)
    while left:
        framework, token = came.get()
        if isinstance(token, Exception):
            raise token
        if token is None:
            left -= 1
        else:
            yield framework, token


def _tokens(
    by: Speaker, prompt: Array, asked: Asked, framework: str, workers: Workers
) -> Iterator[int]:
    """Up to the token that ends, which is the last."""
    model = workers.get(framework, asked.dtype).build(by.spec, by.model)
    model.load({name: w.astype(asked.dtype) for name, w in by.weights.items()})
    end = by.voice.end
    if asked.beams:
        settings = {"width": asked.beams, "length": asked.tokens}
        settings["end"] = by.spec.vocab_size if end is None else end
        request = Request((prompt,), program="search", settings=settings)
        sequences, _ = model.run(request).outputs
        said: Iterator[Array] = iter(sequences[0, 0][:, None])
    else:
        uniform = generator("generate", asked.seed).random((1, asked.tokens))
        model.say(Request((prompt, uniform), settings=asked.settings))
        said = iter(model.go_on, None)
    for tokens in said:
        token = int(tokens[0])
        yield token
        if token == end:
            break
    model.drop()


class Table:
    """The tokens so far, side by side: a row is whole when all frameworks have it, or
    have ended."""

    def __init__(self, by: Speaker, frameworks: Sequence[str]):
        self.by, self.start, self.told = by, time.perf_counter(), 0
        self.tokens: dict[str, list[int]] = {framework: [] for framework in frameworks}
        self.times: dict[str, list[float]] = {framework: [] for framework in frameworks}

    def add(self, framework: str, token: int) -> Iterator[tuple[int, ...]]:
        """Take a token; give the rows that are whole by it."""
        self.tokens[framework].append(token)
        self.times[framework].append(time.perf_counter() - self.start)
        while all(len(tokens) > self.told for tokens in self.tokens.values()):
            yield tuple(tokens[self.told] for tokens in self.tokens.values())
            self.told += 1

    def parted(self) -> int | None:
        """The place of the first token that is not the same in all; None where they
        agree."""
        rows = list(self.tokens.values())
        for place in range(max(map(len, rows))):
            if len({tuple(row[place : place + 1]) for row in rows}) > 1:
                return place
        return None

    def said(self) -> list[Said]:
        speak = self.by.voice.tokenizer.decode
        return [
            Said(name, tokens, speak(tokens), self.times[name][0], self.times[name][-1])
            for name, tokens in self.tokens.items()
        ]
