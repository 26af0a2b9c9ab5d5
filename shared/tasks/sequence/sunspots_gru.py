"""By how much the next month's sunspots differ from the last's, with a GRU."""

from shared.data.series import WINDOW, sunspots
from shared.definitions.losses import MSE
from shared.definitions.optimizers import Adam, ClipByGlobalNorm
from shared.specs.sequence.recurrent import GRUCell
from shared.specs.sequence.rnn import RNNPredictorSpec
from shared.tasks.base import SKILL, Task, warmup_cosine

TASK = Task(
    name="sunspots_gru",
    title="sunspots of the next month, GRU",
    data=sunspots,
    spec=RNNPredictorSpec(
        cell=GRUCell(), features=1, hidden=24, layers=1, length=WINDOW, num_outputs=1
    ),
    loss=MSE(),
    optimizer=Adam(lr=1e-2),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=SKILL,
    target=0.1,
    epochs=15,
    batch_size=16,
)
