"""The next character of Tiny Shakespeare, from $TRIPTYCH_DATA, with a small GPT."""

from shared.data.text import shakespeare
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.specs.language.gpt import GPTSpec
from shared.tasks.base import PERPLEXITY, Task, warmup_cosine

TOKENS = 64


TASK = Task(
    name="shakespeare_gpt",
    title="next character of Shakespeare, GPT",
    data=lambda: shakespeare().dataset(TOKENS, stride=64),
    spec=GPTSpec(
        vocab_size=65,
        positions=TOKENS,
        tokens=TOKENS,
        width=64,
        depth=2,
        heads=4,
        dropout=0.0,
    ),
    loss=CrossEntropy(),
    optimizer=AdamW(lr=4e-3, beta2=0.99, weight_decay=0.1),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=PERPLEXITY,
    target=9.0,
    epochs=2,
    batch_size=32,
)
