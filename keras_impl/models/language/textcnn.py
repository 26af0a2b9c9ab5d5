"""Convolutional networks for sentences in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/textcnn.py.
"""

from keras import KerasTensor, ops

from keras_impl.layers import Dense, Dropout, Embedding, SpecModel, conv1d
from shared.specs.language.textcnn import PADDING, TextCNNSpec


class TextCNN(SpecModel):
    def __init__(self, spec: TextCNNSpec):
        super().__init__(spec)
        if spec.tuned:
            self.embedding = Embedding(spec.vocab_size, spec.width)
        if spec.kept:
            self.fixed = Embedding(spec.vocab_size, spec.width)
        self.convs = [conv1d(c) for c in spec.convs]
        self.drop = Dropout(spec.dropout)
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(self, tokens: KerasTensor) -> KerasTensor:
        x = self.words(tokens)
        found = [ops.max(ops.relu(conv(x)), 1) for conv in self.convs]
        return self.fc(self.drop(ops.concatenate(found, 1)))  # [B, num_classes]

    def words(self, tokens: KerasTensor) -> KerasTensor:
        """The sum of both channels, as each filter is applied to both."""
        if self.spec.tuned and self.spec.kept:
            x = self.embedding(tokens) + self.fixed(tokens)
        else:
            x = self.embedding(tokens) if self.spec.tuned else self.fixed(tokens)
        counts = ops.cast(tokens != PADDING, x.dtype)
        return x * counts[..., None]  # [B, T, width]
