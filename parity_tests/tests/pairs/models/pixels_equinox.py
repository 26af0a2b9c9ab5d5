"""Two convolutions with a norm and a pool between them, in Equinox."""

import equinox as eqx
import jax
from equinox import nn


class Net(eqx.Module):
    first: nn.Conv2d
    norm: nn.BatchNorm
    pool: nn.MaxPool2d
    second: nn.Conv2d
    out: nn.Linear

    def __init__(self, key):
        self.first = nn.Conv2d(3, 4, 3, padding=1, key=key)
        self.norm = nn.BatchNorm(4, "batch", eps=1e-5, momentum=0.9, mode="batch")
        self.pool = nn.MaxPool2d(2, 2)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1, key=key)
        self.out = nn.Linear(6, 5, key=key)

    def __call__(self, x, state):
        x, state = self.norm(self.first(x), state)
        x = jax.nn.relu(self.second(self.pool(jax.nn.relu(x))))
        return self.out(x.mean((1, 2))), state


def make():
    return nn.make_with_state(Net)(jax.random.key(0))
