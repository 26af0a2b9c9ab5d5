"""BERT in Keras 3, [B, T, width].

Spec, names, papers: shared/specs/language/bert.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    ACTIVATIONS,
    Attention,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    SpecModel,
    gelu,
    unit,
)
from keras_impl.precision import exact
from shared.specs.language.bert import (
    UNSEEN,
    BertForMaskedLMSpec,
    BertForQuestionAnsweringSpec,
    BertForSequenceClassificationSpec,
    BertForTokenClassificationSpec,
    BertSpec,
)


def norm(spec: BertSpec) -> LayerNormalization:
    return LayerNormalization(spec.width, epsilon=spec.ln_eps)


class Embeddings(keras.Layer):
    """Figure 2: what stands there, in which text of a pair, and where."""

    def __init__(self, spec: BertSpec):
        super().__init__()
        self.spec = spec
        self.word = Embedding(spec.vocab_size, spec.width)
        self.position = Embedding(spec.positions, spec.width)
        if spec.token_types:
            self.token_type = Embedding(spec.token_types, spec.width)
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None
    ) -> KerasTensor:
        x = self.word(tokens)
        if types is not None:
            x = x + self.token_type(types)
        return self.drop(self.norm(x + self.position(self.places(mask))))

    def places(self, mask: KerasTensor) -> KerasTensor:
        if self.spec.first_place == 0:
            return ops.arange(mask.shape[1])
        counts = ops.cast(mask, "int32")
        return ops.cumsum(counts, 1) * counts + self.spec.first_place - 1


class SelfAttention(keras.Layer):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.spec = spec
        self.qkv = Dense(spec.width, spec.qkv_width)
        self.attend = Attention(spec.dropout, causal=False)
        self.proj = Dense(spec.width, spec.width)
        self.proj_drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, mask: KerasTensor) -> KerasTensor:
        s, tokens = self.spec, x.shape[1]
        qkv = ops.reshape(self.qkv(x), (-1, tokens, 3, s.heads, s.head_width))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        q, k, v = ops.unstack(qkv, 3)  # [B, heads, T, head_width] each
        counts = ops.cast(mask[:, None], v.dtype)  # [B, 1, T]
        bias = UNSEEN * (1 - counts[:, :, None])  # [B, 1, 1, T]
        v = v * counts[..., None]
        y = ops.swapaxes(self.attend(q, k, v, bias), 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, tokens, s.width))
        return self.proj_drop(self.proj(y))  # [B, T, width]


class MLP(keras.Layer):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.fc1 = Dense(spec.width, spec.mlp_width)
        self.fc2 = Dense(spec.mlp_width, spec.width)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = gelu(self.fc1(x))  # [B, T, mlp_width]
        return self.drop(self.fc2(x))  # [B, T, width]


class Block(keras.Layer):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.attn = SelfAttention(spec)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)

    def call(self, x: KerasTensor, mask: KerasTensor) -> KerasTensor:
        x = self.norm1(x + self.attn(x, mask))
        return self.norm2(x + self.mlp(x))


class Encoder(keras.Layer):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.embeddings = Embeddings(spec)
        self.blocks = [Block(spec) for _ in range(spec.depth)]

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None = None
    ) -> KerasTensor:
        x = self.embeddings(tokens, mask, types)
        for block in self.blocks:
            x = block(x, mask)
        return x  # [B, T, width]


class Pooler(keras.Layer):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.dense = Dense(spec.width, spec.width)
        self.activation = ACTIVATIONS[spec.pooler]

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.activation(self.dense(x[:, 0]))  # [B, width]


class WordHead(keras.Layer):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.bias = self.add_weight((spec.vocab_size,), "zeros", name="bias")
        self.dense = Dense(spec.width, spec.width)
        self.norm = norm(spec)

    def call(self, x: KerasTensor, word: Embedding) -> KerasTensor:
        x = self.norm(gelu(self.dense(x)))
        y = ops.matmul(x, ops.transpose(word.embeddings))
        return y + self.bias  # [B, T, vocab_size]


class Bert(SpecModel):
    def __init__(self, spec: BertSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        if spec.token_types:
            self.pooler = Pooler(spec)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None = None
    ) -> KerasTensor | tuple[KerasTensor, KerasTensor]:
        x = self.encoder(tokens, mask, types)
        return (x, self.pooler(x)) if self.spec.token_types else x

    def embed(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None = None
    ) -> KerasTensor:
        (x,) = exact((self.encoder(tokens, mask, types, training=False),))
        total = ops.sum(x * ops.cast(mask[..., None], x.dtype), 1)  # [B, width]
        return unit(total)


class BertForMaskedLM(SpecModel):
    def __init__(self, spec: BertForMaskedLMSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.head = WordHead(spec)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None = None
    ) -> KerasTensor:
        x = self.encoder(tokens, mask, types)
        return self.head(x, word=self.encoder.embeddings.word)


class BertForSequenceClassification(SpecModel):
    def __init__(self, spec: BertForSequenceClassificationSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.pooler = Pooler(spec)
        self.drop = Dropout(spec.dropout)
        self.classifier = Dense(spec.width, spec.num_classes)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None = None
    ) -> KerasTensor:
        x = self.encoder(tokens, mask, types)
        return self.classifier(self.drop(self.pooler(x)))  # [B, num_classes]


class BertForTokenClassification(SpecModel):
    def __init__(self, spec: BertForTokenClassificationSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.drop = Dropout(spec.dropout)
        self.classifier = Dense(spec.width, spec.num_classes)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None = None
    ) -> KerasTensor:
        x = self.encoder(tokens, mask, types)
        return self.classifier(self.drop(x))  # [B, T, num_classes]


class BertForQuestionAnswering(SpecModel):
    def __init__(self, spec: BertForQuestionAnsweringSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.qa_outputs = Dense(spec.width, spec.ends)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, types: KerasTensor | None = None
    ) -> KerasTensor:
        x = self.encoder(tokens, mask, types)
        return ops.swapaxes(self.qa_outputs(x), 1, 2)  # [B, ends, T]
