"""Melodies written down, from their log-mel spectrograms, by a small Whisper.

A melody counts where all of its pitches are right, and no more.
"""

from shared.arrays import Array
from shared.data.audio import BEGIN, END, MELODY, NOTES, melodies
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.objectives.plan import Metric
from shared.specs.language.whisper import WhisperSpec
from shared.tasks.base import Task, warmup_cosine


def exact(tokens: Array, wanted: Array) -> float:
    """Give the share of melodies of which all is right."""
    return float((tokens == wanted).all(-1).mean())


TASK = Task(
    name="melodies_whisper",
    title="melodies written down, Whisper",
    data=melodies,
    spec=WhisperSpec(
        vocab_size=BEGIN + 1,
        source_tokens=20,
        target_tokens=NOTES + 1,
        width=32,
        depth=1,
        heads=4,
        mlp_width=64,
        mels=MELODY.bands,
        marks=(BEGIN, END),
    ),
    optimizer=AdamW(lr=4e-3, beta2=0.98, weight_decay=0.01),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=1.0),
    metric=Metric("exact", exact, higher=True, program="translate_greedy"),
    target=0.9,
    epochs=8,
    batch_size=32,
)
