"""By how much the next month of a generated series differs, with a TCN."""

from functools import partial

from shared.data.series import WINDOW, seasons
from shared.definitions.losses import MSE
from shared.definitions.optimizers import Adam, ClipByGlobalNorm
from shared.specs.sequence.tcn import TCNSpec
from shared.tasks.base import SKILL, Task, warmup_cosine

TASK = Task(
    name="seasons_tcn",
    title="forecast of a series, TCN",
    data=partial(seasons, ragged=False),
    spec=TCNSpec(
        features=1, length=WINDOW, widths=(16, 16, 16), k=3, dropout=0.0, num_outputs=1
    ),
    loss=MSE(),
    optimizer=Adam(lr=5e-3),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=SKILL,
    target=0.8,
    epochs=15,
    batch_size=32,
)
