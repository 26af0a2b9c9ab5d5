"""In which order two marks came, over twenty steps, with an LSTM."""

from shared.data.sequences import temporal_order
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import Adam, ClipByGlobalNorm
from shared.specs.sequence.lstm import LSTMSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="temporal_order_lstm",
    title="temporal order, LSTM",
    data=temporal_order,
    spec=LSTMSpec(
        features=6, hidden=32, layers=1, bidirectional=False, num_classes=4, length=20
    ),
    loss=CrossEntropy(),
    optimizer=Adam(lr=1e-2),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=ACCURACY,
    target=0.98,
    epochs=30,
    batch_size=50,
)
