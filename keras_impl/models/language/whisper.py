"""Whisper in Keras 3, [B, T, width]; sounds [B, frames, mels].

Spec, names, paper: shared/specs/language/whisper.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    Dropout,
    Embedding,
    SpecModel,
    Translates,
    conv1d,
    gelu,
    turn,
)
from keras_impl.models.language.transformer import Cache, MultiHeadAttention, norm
from keras_impl.precision import full
from shared.specs.language.whisper import WhisperSpec


class MLP(keras.Layer):
    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.fc1 = Dense(spec.width, spec.mlp_width)
        self.fc2 = Dense(spec.mlp_width, spec.width)

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.fc2(gelu(self.fc1(x)))  # [B, T, width]


class EncoderBlock(keras.Layer):
    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.attn = MultiHeadAttention(spec, causal=False)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Encoder(keras.Layer):
    """Figure 1, left."""

    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.spec = spec
        first, second = spec.convs
        self.conv1 = conv1d(first)
        self.conv2 = conv1d(second)
        self.drop = Dropout(spec.dropout)
        self.blocks = [EncoderBlock(spec) for _ in range(spec.depth)]
        self.norm = norm(spec)

    def call(self, mel: KerasTensor) -> KerasTensor:
        x = gelu(self.conv2(gelu(self.conv1(mel))))
        places = ops.arange(x.shape[1], dtype="int32")
        cos, sin = turn(places, self.spec.frequencies)
        x = self.drop(x + ops.cast(ops.concatenate([sin, cos], 1), x.dtype))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)  # [B, T, width]


class DecoderBlock(keras.Layer):
    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.attn = MultiHeadAttention(spec, causal=True)
        self.norm1 = norm(spec)
        self.cross = MultiHeadAttention(spec, causal=False)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.norm3 = norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, seen: Cache) -> KerasTensor:
        y = self.norm1(x)
        return self.look(x, self.attn(y, self.attn.read(y)), seen)

    def extend(
        self, x: KerasTensor, cache: Cache, place: KerasTensor, seen: Cache
    ) -> tuple[KerasTensor, Cache]:
        y, cache = self.attn.extend(self.norm1(x), cache, place)
        return self.look(x, y, seen), cache

    def look(self, x: KerasTensor, y: KerasTensor, seen: Cache) -> KerasTensor:
        """From what its own attention gave on."""
        x = x + self.drop(y)
        x = x + self.drop(self.cross(self.norm2(x), seen))
        return x + self.drop(self.mlp(self.norm3(x)))


class Decoder(keras.Layer):
    """Figure 1, right."""

    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.tokens = Embedding(spec.vocab_size, spec.width)
        self.positions = Embedding(spec.target_tokens, spec.width)
        self.drop = Dropout(spec.dropout)
        self.blocks = [DecoderBlock(spec) for _ in range(spec.depth)]
        self.norm = norm(spec)

    def call(self, target: KerasTensor, seen: list[Cache]) -> KerasTensor:
        x = self.embedded(target, ops.arange(target.shape[1]))
        for block, pair in zip(self.blocks, seen, strict=True):
            x = block(x, pair)
        return self.head(x)

    def extend(
        self,
        token: KerasTensor,
        cache: list[Cache],
        place: KerasTensor,
        seen: list[Cache],
    ) -> tuple[KerasTensor, list[Cache]]:
        x = self.embedded(token, place[None])
        grown = []
        for block, own, pair in zip(self.blocks, cache, seen, strict=True):
            x, own = block.extend(x, own, place, pair)
            grown.append(own)
        return self.head(x[:, 0]), grown

    def embedded(self, tokens: KerasTensor, places: KerasTensor) -> KerasTensor:
        return self.drop(self.tokens(tokens) + self.positions(places))

    def head(self, x: KerasTensor) -> KerasTensor:
        x = self.norm(x)
        head = ops.cast(ops.transpose(self.tokens.embeddings), x.dtype)
        return full(ops.matmul(x, head))


class Whisper(Translates, SpecModel):
    def __init__(self, spec: WhisperSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def call(self, mel: KerasTensor, target: KerasTensor) -> KerasTensor:
        return self.decode(target, self.read(mel))

    def encode(self, mel: KerasTensor) -> KerasTensor:
        return self.encoder(mel)

    def read(self, mel: KerasTensor) -> list[Cache]:
        """What each block of the decoder sees of a sound."""
        memory = self.encode(mel)
        return [block.cross.read(memory) for block in self.decoder.blocks]

    def decode(self, target: KerasTensor, seen: list[Cache]) -> KerasTensor:
        return self.decoder(target, seen)

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = ops.zeros(shape, self.compute_dtype)
        return [(empty, empty) for _ in self.decoder.blocks]

    def extend(
        self,
        token: KerasTensor,
        cache: list[Cache],
        place: KerasTensor,
        seen: list[Cache],
    ) -> tuple[KerasTensor, list[Cache]]:
        """The logits after a further token, which joins the cache."""
        return self.decoder.extend(token, cache, place, seen)
