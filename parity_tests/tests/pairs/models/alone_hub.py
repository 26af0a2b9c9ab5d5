"""A backbone of keras-hub by itself: its other inputs say that all is one text."""

import keras
from keras import ops


class Alone(keras.Model):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def call(self, ids):
        ones = ops.ones(ops.shape(ids), "int32")
        given = {"token_ids": ids, "padding_mask": ones, "segment_ids": ones * 0}
        return self.backbone({k.name: given[k.name] for k in self.backbone.inputs})
