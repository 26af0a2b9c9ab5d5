"""Whisper (Radford et al. 2022, https://arxiv.org/abs/2212.04356): speech, as log-mel
spectrograms, written down by a Transformer.

Settled here, beside what shared/specs/language/transformer.py settles, as the published
code (https://github.com/openai/whisper) has it:
  sound      30 seconds, a frame each hundredth (shared/data/audio.py, WhisperMel); two
             convolutions with GELU, of which the second takes each other frame
  positions  of sounds: sines of all frequencies, then cosines, from 1 to 1/10000 in
             even steps of their logarithm; of words: learned
  norm       before each sub-layer, and once after each stack; its eps is torch's
  attention  with biases, but for keys
  GELU       exact
  dropout    none; where it is asked for, as the Transformer's
  sentence   the first mark begins the decoder's input, the second ends it and fills
             what is left: language and task are words that the model itself says next
             (section 2.3), and what follows an end is an end
  start      that of torch's layers; the embedding of words normal of 0.02, positions
             of 0.01, as in CLIP, whose code the published one goes back to
Left out are time stamps' rules, and texts of what was said before.

Names: encoder.{conv1,conv2,blocks.{i}.{attn.{q,k,v,proj},norm1,mlp.{fc1,fc2},norm2},
norm} decoder.{tokens,positions,blocks.{i}.{attn.{q,k,v,proj},norm1,cross.{q,k,v,proj},
norm2,mlp.{fc1,fc2},norm3},norm}
Hugging Face's: shared/files/checkpoints/whisper.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.initializers import Initializer, Normal, of_torch
from shared.definitions.losses import CrossEntropy
from shared.fields import Index, Positive, Rate, Size
from shared.objectives.supervised import Supervised
from shared.randomness import generator
from shared.specs.base import Conv1dSpec, Original, Tensor, Variant
from shared.specs.language.transformer import TransformerSpec
from shared.tensors import sample


@dataclass(frozen=True, kw_only=True)
class WhisperSpec(TransformerSpec):
    """source_tokens: of what the encoder puts out, two frames each.
    mels: bands of the spectrogram. marks: the tokens that begin and end a sentence.
    """

    cases: ClassVar[tuple[str, ...]] = ("silence",)

    vocab_size: Size = 51865
    source_tokens: Size = 1500
    target_tokens: Size = 448
    dropout: Rate = 0.0
    bias: bool = True
    ln_eps: Positive = 1e-5
    mels: Size = 80
    marks: tuple[Index, Index] = (50258, 50257)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 4:
            self.refuse("width", self.width, "at least 4")
        if max(self.marks) >= self.vocab_size:
            self.refuse("marks", self.marks, f"below vocab_size ({self.vocab_size})")

    def objective(self) -> Supervised:
        return Supervised(loss=CrossEntropy())

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """Sounds, and what the decoder is given of sentences of different lengths; in
        the case a sound of noughts."""
        (mel,) = self.read
        sound = sample(mel, batch, seed)
        draw = generator("sentences", seed)
        lengths = draw.integers(1, self.target_tokens + 1, batch)
        words = draw.integers(0, self.vocab_size, (batch, self.target_tokens))
        counts = np.arange(self.target_tokens) < lengths[:, None]
        target = np.where(counts, words, self.ends)
        target[:, 0] = self.begins
        return (0 * sound if case else sound), target

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        """At each place of the decoder's input the word that follows there."""
        return (self.following(inputs[-1]),)

    def following(self, target: Array) -> Array:
        return np.pad(target[:, 1:], ((0, 0), (0, 1)), constant_values=self.ends)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "encoder.conv1.*": of_torch(3 * self.mels),
            "encoder.conv2.*": of_torch(3 * self.width),
            "decoder.tokens.weight": Normal(std=0.02),
            "decoder.positions.weight": Normal(std=0.01),
            "*.fc2.*": of_torch(self.mlp_width),
            "*.[qkv].*": of_torch(self.width),
            "*.proj.*": of_torch(self.width),
            "*.fc1.*": of_torch(self.width),
        }

    @property
    def begins(self) -> int:
        return self.marks[0]

    @property
    def ends(self) -> int:
        return self.marks[1]

    @property
    def read(self) -> tuple[Tensor, ...]:
        frames = 2 * self.source_tokens
        return (Tensor("mel", (self.mels, frames), channels_first=True),)

    @property
    def key_bias(self) -> bool:
        return False

    @property
    def convs(self) -> tuple[Conv1dSpec, Conv1dSpec]:
        return (
            Conv1dSpec(self.mels, self.width, 3, 1, (1, 1), bias=True),
            Conv1dSpec(self.width, self.width, 3, 2, (1, 1), bias=True),
        )

    @property
    def frequencies(self) -> tuple[float, ...]:
        """The angles from one place to the next, of the encoder's positions."""
        half = self.width // 2
        return tuple(10000 ** (-i / (half - 1)) for i in range(half))


def _tiny(**changes: Any) -> WhisperSpec:
    sizes: dict[str, Any] = {
        "vocab_size": 11,
        "source_tokens": 5,
        "target_tokens": 6,
        "width": 6,
        "depth": 1,
        "heads": 3,
        "mlp_width": 7,
        "dropout": 0.3,
        "ln_eps": 1e-3,
        "mels": 3,
        "marks": (9, 8),
    }
    return WhisperSpec(**sizes | changes)


def _sized(width: int, depth: int, heads: int, **more: Any) -> WhisperSpec:
    sizes = {"width": width, "depth": depth, "heads": heads, "mlp_width": 4 * width}
    return WhisperSpec(**sizes | more)


_SUM, _SIZES = "sum over its layers", "transformers 5.23.0 at the published sizes"
VARIANTS = {
    "whisper_mini": Variant(_tiny(), 1_040, _SUM, tiny=True),
    "whisper_tiny": Variant(_sized(384, 4, 6), 37_184_640, "transformers 5.23.0"),
    "whisper_base": Variant(_sized(512, 6, 8), 71_825_920, _SIZES),
    "whisper_small": Variant(_sized(768, 12, 12), 240_582_912, _SIZES),
    "whisper_medium": Variant(_sized(1024, 24, 16), 762_321_920, _SIZES),
    "whisper_large": Variant(_sized(1280, 32, 20), 1_541_384_960, _SIZES),
    "whisper_large_v3": Variant(
        _sized(1280, 32, 20, vocab_size=51866, mels=128), 1_541_570_560, _SIZES
    ),
}

ORACLES = (
    Original(
        "huggingface",
        "small_whisper",
        "transformers' WhisperForConditionalGeneration, of three blocks",
        WhisperSpec(
            vocab_size=101,
            source_tokens=20,
            target_tokens=17,
            width=48,
            depth=3,
            heads=4,
            mlp_width=40,
            mels=9,
            marks=(100, 99),
        ),
    ),
)
