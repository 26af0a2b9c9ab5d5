"""By how much the next month of a generated series differs, with an LSTM."""

from shared.data.series import WINDOW, seasons
from shared.definitions.losses import MSE
from shared.definitions.optimizers import Adam, ClipByGlobalNorm
from shared.specs.sequence.recurrent import LSTMCell
from shared.specs.sequence.rnn import RNNPredictorSpec
from shared.tasks.base import SKILL, Task, warmup_cosine

TASK = Task(
    name="seasons_lstm",
    title="forecast of a series, LSTM",
    data=seasons,
    spec=RNNPredictorSpec(
        cell=LSTMCell(), features=1, hidden=24, layers=1, length=WINDOW, num_outputs=1
    ),
    loss=MSE(),
    optimizer=Adam(lr=1e-2),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=SKILL,
    target=0.8,
    epochs=15,
    batch_size=32,
)
