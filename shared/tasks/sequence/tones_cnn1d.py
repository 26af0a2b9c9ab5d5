"""Which of six pitches sounds in noise, with convolutions along time."""

from shared.data.audio import tones
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import Adam
from shared.specs.sequence.cnn1d import CNN1DSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="tones_cnn1d",
    title="six pitches in noise, convolutions along time",
    data=tones,
    spec=CNN1DSpec(
        length=400,
        stages=((1, 16, 40), (1, 24, 3), (1, 32, 3)),
        stride=2,
        pool=4,
        pools=2,
        num_classes=6,
    ),
    loss=CrossEntropy(),
    optimizer=Adam(lr=5e-3),
    schedule=warmup_cosine,
    metric=ACCURACY,
    target=0.97,
    epochs=6,
    batch_size=50,
)
