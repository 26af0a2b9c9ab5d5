"""Five layers with a batch norm."""

from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.first = nnx.Conv(3, 4, (3, 3), padding=1, rngs=r)
        self.scale = nnx.BatchNorm(4, momentum=0.9, epsilon=1e-5, rngs=r)
        self.second = nnx.Conv(4, 4, (3, 3), padding=1, rngs=r)
        self.last = nnx.Linear(64, 5, rngs=r)

    def __call__(self, x):
        x = nnx.relu(self.scale(self.first(x)))
        x = nnx.relu(self.second(nnx.max_pool(x, (2, 2), (2, 2))))
        x = x.transpose(0, 3, 1, 2)
        return self.last(x.reshape(x.shape[0], -1))


make = Net
