"""Whether a generated review praises, with a convolutional network for sentences."""

from shared.data.sentiment import LONGEST, WORDS, reviews
from shared.definitions.optimizers import Adam
from shared.specs.language.textcnn import TextCNNSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="reviews_textcnn",
    title="praise or not in generated reviews, TextCNN",
    data=reviews,
    spec=TextCNNSpec(
        mode="rand",
        vocab_size=len(WORDS),
        tokens=LONGEST,
        width=24,
        kernels=(3, 5),
        filters=48,
        dropout=0.2,
        num_classes=2,
    ),
    optimizer=Adam(lr=5e-3),
    schedule=warmup_cosine,
    metric=ACCURACY,
    target=0.95,
    epochs=15,
    batch_size=50,
)
