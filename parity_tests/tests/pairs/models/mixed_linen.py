"""A convolution, a norm, attention and dropout."""

from flax import linen as nn


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(4, (3, 3), (2, 2), padding=1)(x)
        x = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5)(x)
        x = nn.relu(x).reshape(x.shape[0], -1, 4)
        x = x + nn.MultiHeadDotProductAttention(2)(x)
        x = nn.Dropout(0.2, deterministic=not train)(x.mean(1))
        return nn.Dense(5)(x)


make = Net
