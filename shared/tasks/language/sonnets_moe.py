"""The next character of ten sonnets, with a small mixture of experts."""

from shared.data.text import sonnets
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.specs.language.moe import MoESpec
from shared.tasks.base import PERPLEXITY, Task, warmup_cosine

TOKENS = 32


TASK = Task(
    name="sonnets_moe",
    title="next character of ten sonnets, mixture of experts",
    data=lambda: sonnets().dataset(TOKENS, stride=8),
    spec=MoESpec(
        vocab_size=55,
        tokens=TOKENS,
        width=48,
        depth=2,
        heads=4,
        kv_heads=2,
        mlp_width=64,
        experts=4,
        capacity=1.25,
    ),
    optimizer=AdamW(lr=3e-3, beta2=0.99, weight_decay=0.1),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=PERPLEXITY,
    target=11.0,
    epochs=8,
    batch_size=32,
)
