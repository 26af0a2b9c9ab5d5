"""Whether a sentence on a film praises it, with Kim's network from random vectors."""

from shared.data.sentiment import SST2_LONGEST, SST2_WORDS, sst2
from shared.definitions.optimizers import Adadelta
from shared.specs.language.textcnn import TextCNNSpec
from shared.tasks.base import ACCURACY, Task

TASK = Task(
    name="sst2_textcnn",
    title="praise or not in sentences on films, TextCNN",
    data=sst2,
    spec=TextCNNSpec(
        mode="rand", vocab_size=SST2_WORDS, tokens=SST2_LONGEST, num_classes=2
    ),
    optimizer=Adadelta(lr=1.0, rho=0.95, eps=1e-6),
    metric=ACCURACY,
    target=0.75,
    epochs=8,
    batch_size=50,
)
