"""Questions about what was said before, answered in a small conversation by a small
LaMDA. By chance one of six answers is right, one of four if it was told at all."""

from shared.arrays import Array
from shared.data.remarks import LENGTH, UNASKED, WORDS, remarks
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.objectives.plan import Metric
from shared.specs.language.lamda import LaMDASpec
from shared.tasks.base import Task, warmup_cosine


def answered(logits: Array, wanted: Array) -> float:
    """Give the share of questions whose answer is the likeliest word."""
    asked = wanted != UNASKED
    return float((logits.argmax(-1) == wanted)[asked].mean())


TASK = Task(
    name="remarks_lamda",
    title="questions about what was said, LaMDA",
    data=remarks,
    spec=LaMDASpec(
        vocab_size=len(WORDS),
        tokens=LENGTH,
        width=48,
        depth=2,
        heads=4,
        head_width=16,
        mlp_width=96,
        buckets=(16, 20),
    ),
    loss=CrossEntropy(ignore=UNASKED),
    optimizer=AdamW(lr=3e-3, beta2=0.98, weight_decay=0.01),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=Metric("answers", answered, higher=True),
    target=0.95,
    epochs=8,
    batch_size=32,
)
