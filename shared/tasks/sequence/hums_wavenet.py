"""The next sample of two tones, by its level, with a small WaveNet."""

from shared.data.audio import hums
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import Adam, ClipByGlobalNorm
from shared.specs.sequence.wavenet import WaveNetSpec
from shared.tasks.base import PERPLEXITY, Task, warmup_cosine

LEVELS, LENGTH = 32, 64

TASK = Task(
    name="hums_wavenet",
    title="next sample of two tones, WaveNet",
    data=lambda: hums(length=LENGTH, levels=LEVELS),
    spec=WaveNetSpec(
        vocab_size=LEVELS,
        tokens=LENGTH,
        width=24,
        gate_width=24,
        skip_width=48,
        dilations=(1, 2, 4, 8, 16),
    ),
    loss=CrossEntropy(),
    optimizer=Adam(lr=5e-3),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=PERPLEXITY,
    target=4.0,
    epochs=15,
    batch_size=32,
)
