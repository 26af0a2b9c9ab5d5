"""An LSTM whose last state is read."""

from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.rnn = nnx.RNN(nnx.OptimizedLSTMCell(3, 4, rngs=r), rngs=r)
        self.fc = nnx.Linear(4, 2, rngs=r)

    def __call__(self, x):
        return self.fc(self.rnn(x)[:, -1])


make = Net
