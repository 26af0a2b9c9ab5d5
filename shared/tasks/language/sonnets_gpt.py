"""The next character of ten sonnets, with a small GPT."""

from shared.data.text import sonnets
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.specs.language.gpt import GPTSpec
from shared.tasks.base import PERPLEXITY, Task, warmup_cosine

TOKENS = 32


TASK = Task(
    name="sonnets_gpt",
    title="next character of ten sonnets, GPT",
    data=lambda: sonnets().dataset(TOKENS, stride=8),
    spec=GPTSpec(
        vocab_size=55,
        positions=TOKENS,
        tokens=TOKENS,
        width=48,
        depth=2,
        heads=4,
        dropout=0.1,
    ),
    loss=CrossEntropy(),
    optimizer=AdamW(lr=3e-3, beta2=0.99, weight_decay=0.1),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=PERPLEXITY,
    target=13.0,
    epochs=20,
    batch_size=32,
)
