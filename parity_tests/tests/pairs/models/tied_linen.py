"""An autoencoder whose decoder is its encoder's transpose."""

from flax import linen as nn


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        enc = nn.Dense(3)
        code = nn.sigmoid(enc(x))
        shift = self.param("shift", nn.initializers.zeros, (8,))
        again = code @ enc.variables["params"]["kernel"].T + shift
        return {"code": code, "again": again}


def make():
    return Net()
