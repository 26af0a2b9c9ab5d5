"""How similar sentences are by an encoder with trained weights, in each framework.

    python -m benchmarks.sentences

The weights are what a package ships (shared/files/pretrained.py). It writes
benchmarks/records/sentences.json, which the page of that family shows.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.measure import here
from benchmarks.records import RECORDS
from parity_tests import embed
from parity_tests.embed import Embedded
from parity_tests.engine import Workers
from shared.files import pretrained
from shared.files.writing import write_text
from shared.frameworks import NATIVE

MODEL = "minilm_l6"
RECORD = RECORDS / "sentences.json"
SENTENCES = (
    "A man plays the guitar in the street.",
    "Somebody makes music outdoors.",
    "The stock market fell sharply today.",
    "Share prices dropped.",
    "How do I bake sourdough bread?",
)


def found(workers: Workers) -> list[Embedded]:
    encoder = embed.encoder(MODEL)
    return embed.embed(encoder, NATIVE, SENTENCES, workers, "float32")


def record(found: Sequence[Embedded]) -> dict[str, Any]:
    apart = max(one.difference or 0.0 for one in found)
    return {
        "model": MODEL,
        "weights": str(pretrained.named(MODEL).package),
        "apart": float(f"{apart:.1e}"),
        "sentences": [one.sentence for one in found],
        "similarities": [
            {
                "one": pair.one,
                "two": pair.two,
                "cosines": {f: round(c, 5) for f, c in pair.cosines.items()},
            }
            for pair in embed.similarities(found)
        ],
    }


def main() -> None:
    with Workers() as workers:
        embedded = found(workers)
    where = here()
    plain = {**where, "machine": asdict(where["machine"]), **record(embedded)}
    write_text(RECORD, json.dumps(plain, indent=1) + "\n")
    for row in plain["similarities"]:
        cosines = " ".join(f"{cosine:.4f}" for cosine in row["cosines"].values())
        print(f"{row['one']} and {row['two']}: {cosines}")
    print(f"the frameworks are {plain['apart']:.1e} apart")


if __name__ == "__main__":
    main()
