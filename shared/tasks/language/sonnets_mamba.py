"""The next character of ten sonnets, with a small Mamba."""

from shared.data.text import sonnets
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.specs.language.mamba import MambaSpec
from shared.tasks.base import PERPLEXITY, Task, warmup_cosine

TOKENS = 32


TASK = Task(
    name="sonnets_mamba",
    title="next character of ten sonnets, Mamba",
    data=lambda: sonnets().dataset(TOKENS, stride=8),
    spec=MambaSpec(
        vocab_size=55,
        tokens=TOKENS,
        width=48,
        depth=2,
        inner_width=96,
        state=8,
        rank=3,
    ),
    loss=CrossEntropy(),
    optimizer=AdamW(lr=3e-3, beta2=0.99, weight_decay=0.1),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=PERPLEXITY,
    target=11.0,
    epochs=5,
    batch_size=32,
)
