"""Which words stand near each other in a small language, by skip-gram with negative
sampling. A pair counts where its own word is likelier than five that are drawn."""

from shared.arrays import Array
from shared.data.words import WORDS, skipgrams
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.language.word2vec import Word2VecSpec
from shared.tasks.base import Task, warmup_cosine


def picked(logits: Array, wanted: Array) -> float:
    """Give the share of pairs whose own word has the highest logit."""
    return float((logits.argmax(-1) == wanted.argmax(-1)).mean())


TASK = Task(
    name="kinds_word2vec",
    title="which words stand near each other, word2vec",
    data=skipgrams,
    spec=Word2VecSpec(
        pieces=len(WORDS), told=len(WORDS), width=8, context=1, choices=6, nearest=4
    ),
    optimizer=Adam(lr=1e-2),
    schedule=warmup_cosine,
    metric=Metric("picked", picked, higher=True),
    target=0.3,
    epochs=4,
    batch_size=64,
)
