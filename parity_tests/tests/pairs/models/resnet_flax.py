"""transformers' ResNet in Flax."""

import their  # noqa: F401
from flax import linen as nn
from transformers import ResNetConfig
from transformers.models.resnet.modeling_flax_resnet import (
    FlaxResNetForImageClassificationModule,
)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
        config = ResNetConfig(
            depths=[1, 2, 1, 1],
            embedding_size=64,
            hidden_sizes=[32, 48, 64, 80],
            num_labels=5,
        )
        model = FlaxResNetForImageClassificationModule(config)
        out = model(x, deterministic=deterministic)
        return out[0]


def make():
    return Net()
