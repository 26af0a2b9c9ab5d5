"""torchvision's ResNet of basic blocks, under other names, in Flax NNX."""

from flax import nnx


class Conv(nnx.Module):
    """A convolution and its norm."""

    def __init__(self, wide, out, size, stride, rngs):
        pad, shape = size // 2, (size, size)
        self.kernel = nnx.Conv(
            wide, out, shape, stride, padding=pad, use_bias=False, rngs=rngs
        )
        self.scale = nnx.BatchNorm(out, momentum=0.9, epsilon=1e-5, rngs=rngs)

    def __call__(self, x):
        return self.scale(self.kernel(x))


class Residual(nnx.Module):
    def __init__(self, wide, out, stride, rngs):
        self.skip = Conv(wide, out, 1, stride, rngs) if stride > 1 else None
        self.first = Conv(wide, out, 3, stride, rngs)
        self.second = Conv(out, out, 3, 1, rngs)

    def __call__(self, x):
        y = self.second(nnx.relu(self.first(x)))
        return nnx.relu(y + (x if self.skip is None else self.skip(x)))


class Net(nnx.Module):
    def __init__(self, rngs):
        self.stem = Conv(3, 64, 7, 2, rngs)
        self.a, self.b = Residual(64, 64, 1, rngs), Residual(64, 64, 1, rngs)
        self.c = Residual(64, 128, 2, rngs)
        self.d = Residual(128, 256, 2, rngs)
        self.e = Residual(256, 512, 2, rngs)
        self.out = nnx.Linear(512, 5, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.stem(x))
        x = nnx.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for block in (self.a, self.b, self.c, self.d, self.e):
            x = block(x)
        return self.out(x.mean((1, 2)))


def make():
    return Net(nnx.Rngs(0))
