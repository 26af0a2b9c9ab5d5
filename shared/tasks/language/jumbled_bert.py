"""Lines of ten sonnets, or their words with the letters in another order, told apart by
a small BERT.

Both have the same letters and the same words by length: what counts those is right half
of the time. It reads pairs of neighbouring letters.
"""

from shared.data.text import LONGEST, PAIRS, jumbled_sonnets
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.specs.language.bert import BertForSequenceClassificationSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="jumbled_bert",
    title="English or jumbled letters, BERT",
    data=jumbled_sonnets,
    spec=BertForSequenceClassificationSpec(
        vocab_size=PAIRS,
        positions=LONGEST,
        token_types=1,
        tokens=LONGEST,
        width=48,
        depth=1,
        heads=4,
        mlp_width=192,
        num_classes=2,
    ),
    optimizer=AdamW(lr=1e-3, beta2=0.99, weight_decay=0.1),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=ACCURACY,
    target=0.93,
    epochs=6,
    batch_size=32,
)
