"""BERT in JAX (Flax NNX), [B, T, width].

Spec, names, papers: shared/specs/language/bert.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    ACTIVATIONS,
    Attention,
    Dropout,
    Embed,
    LayerNorm,
    Linear,
    unit,
)
from shared.specs.language.bert import (
    UNSEEN,
    BertForMaskedLMSpec,
    BertForQuestionAnsweringSpec,
    BertForSequenceClassificationSpec,
    BertForTokenClassificationSpec,
    BertSpec,
)


def norm(spec: BertSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(spec.width, epsilon=spec.ln_eps, rngs=rngs)


class Embeddings(nnx.Module):
    """Figure 2: what stands there, in which text of a pair, and where."""

    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.word = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.position = Embed(spec.positions, spec.width, rngs=rngs)
        if spec.token_types:
            self.token_type = Embed(spec.token_types, spec.width, rngs=rngs)
        self.norm = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, tokens: Array, mask: Array, types: Array | None) -> Array:
        x = self.word(tokens)
        if types is not None:
            x = x + self.token_type(types)
        return self.drop(self.norm(x + self.position(self.places(mask))))

    def places(self, mask: Array) -> Array:
        if self.spec.first_place == 0:
            return jnp.arange(mask.shape[1])
        return mask.cumsum(1) * mask + self.spec.first_place - 1


class SelfAttention(nnx.Module):
    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.qkv = Linear(spec.width, spec.qkv_width, rngs=rngs)
        self.attend = Attention(spec.dropout, causal=False, rngs=rngs)
        self.proj = Linear(spec.width, spec.width, rngs=rngs)
        self.proj_drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        s, tokens = self.spec, x.shape[1]
        qkv = self.qkv(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        counts = mask[:, None].astype(v.dtype)  # [B, 1, T]
        bias = UNSEEN * (1 - counts[:, :, None])  # [B, 1, 1, T]
        v = v * counts[..., None]
        y = self.attend(q, k, v, bias).swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.proj_drop(self.proj(y.reshape(x.shape)))  # [B, T, width]


class MLP(nnx.Module):
    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.fc1 = Linear(spec.width, spec.mlp_width, rngs=rngs)
        self.fc2 = Linear(spec.mlp_width, spec.width, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.gelu(self.fc1(x), approximate=False)  # [B, T, mlp_width]
        return self.drop(self.fc2(x))  # [B, T, width]


class Block(nnx.Module):
    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.attn = SelfAttention(spec, rngs=rngs)
        self.norm1 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        x = self.norm1(x + self.attn(x, mask))
        return self.norm2(x + self.mlp(x))


class Encoder(nnx.Module):
    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.embeddings = Embeddings(spec, rngs=rngs)
        self.blocks = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.depth))

    def __call__(self, tokens: Array, mask: Array, types: Array | None = None) -> Array:
        x = self.embeddings(tokens, mask, types)
        for block in self.blocks:
            x = block(x, mask)
        return x  # [B, T, width]


class Pooler(nnx.Module):
    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.dense = Linear(spec.width, spec.width, rngs=rngs)
        self.activation = ACTIVATIONS[spec.pooler]

    def __call__(self, x: Array) -> Array:
        return self.activation(self.dense(x[:, 0]))  # [B, width]


class WordHead(nnx.Module):
    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.bias = nnx.Param(jnp.zeros(spec.vocab_size))
        self.dense = Linear(spec.width, spec.width, rngs=rngs)
        self.norm = norm(spec, rngs=rngs)

    def __call__(self, x: Array, word: Embed) -> Array:
        x = self.norm(nnx.gelu(self.dense(x), approximate=False))
        return word.attend(x) + self.bias[...]  # [B, T, vocab_size]


class Bert(nnx.Module):
    def __init__(self, spec: BertSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        if spec.token_types:
            self.pooler = Pooler(spec, rngs=rngs)

    def __call__(
        self, tokens: Array, mask: Array, types: Array | None = None
    ) -> Array | tuple[Array, Array]:
        x = self.encoder(tokens, mask, types)
        return (x, self.pooler(x)) if self.spec.token_types else x

    def embed(self, tokens: Array, mask: Array, types: Array | None = None) -> Array:
        x = self.encoder(tokens, mask, types)
        total = (x * mask[..., None].astype(x.dtype)).sum(1)  # [B, width]
        return unit(total)


class BertForMaskedLM(nnx.Module):
    def __init__(self, spec: BertForMaskedLMSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.head = WordHead(spec, rngs=rngs)

    def __call__(self, tokens: Array, mask: Array, types: Array | None = None) -> Array:
        x = self.encoder(tokens, mask, types)
        return self.head(x, word=self.encoder.embeddings.word)


class BertForSequenceClassification(nnx.Module):
    def __init__(self, spec: BertForSequenceClassificationSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.pooler = Pooler(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.classifier = Linear(spec.width, spec.num_classes, rngs=rngs)

    def __call__(self, tokens: Array, mask: Array, types: Array | None = None) -> Array:
        x = self.encoder(tokens, mask, types)
        return self.classifier(self.drop(self.pooler(x)))  # [B, num_classes]


class BertForTokenClassification(nnx.Module):
    def __init__(self, spec: BertForTokenClassificationSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.classifier = Linear(spec.width, spec.num_classes, rngs=rngs)

    def __call__(self, tokens: Array, mask: Array, types: Array | None = None) -> Array:
        x = self.encoder(tokens, mask, types)
        return self.classifier(self.drop(x))  # [B, T, num_classes]


class BertForQuestionAnswering(nnx.Module):
    def __init__(self, spec: BertForQuestionAnsweringSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.qa_outputs = Linear(spec.width, spec.ends, rngs=rngs)

    def __call__(self, tokens: Array, mask: Array, types: Array | None = None) -> Array:
        x = self.encoder(tokens, mask, types)
        return self.qa_outputs(x).swapaxes(1, 2)  # [B, ends, T]
