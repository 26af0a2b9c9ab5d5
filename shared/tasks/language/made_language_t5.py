"""English sentences translated to a small language that is made here, by a small T5.

A sentence counts where every word of it is right. No word has a place of its own: what
two are apart is all that is known of where they stand.
"""

from functools import partial

from shared.data.translation import PAD, READ, SAID, made_language
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.objectives.plan import Metric
from shared.specs.language.t5 import T5Spec
from shared.tasks.base import Task, warmup_cosine
from shared.tasks.language.made_language_transformer import exact

TASK = Task(
    name="made_language_t5",
    title="a small language translated, T5",
    data=partial(made_language, PAD),
    spec=T5Spec(
        vocab_size=75,
        source_tokens=READ,
        target_tokens=SAID,
        width=48,
        depth=1,
        heads=4,
        head_width=12,
        mlp_width=96,
        version="1.1",
        buckets=(16, 12),
        dropout=0.0,
    ),
    optimizer=AdamW(lr=4e-3, beta2=0.98, weight_decay=0.01),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=Metric("exact", exact, higher=True, program="translate_greedy"),
    target=0.9,
    epochs=6,
    batch_size=32,
)
