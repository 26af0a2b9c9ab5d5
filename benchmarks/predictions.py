"""What weights that were trained on ImageNet say of pictures, in each framework.

    python -m benchmarks.predictions

Weights and pictures are what packages ship (shared/files/pretrained.py,
shared/data/samples.py). It writes benchmarks/records/predictions.json, which the page
of that family shows.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.measure import here
from benchmarks.records import RECORDS
from shared.arrays import Array
from shared.catalog import variant
from shared.data import pictures, samples
from shared.files import pretrained
from shared.files.writing import write_text
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.running import convert
from shared.running.client import Worker

MODEL = "efficientnet_lite0"
RECORD = RECORDS / "predictions.json"
SHOWN = 3


def weights(model: str = MODEL) -> dict[str, Array]:
    """Give the canonical weights of a pretrained model."""
    file = pretrained.fetched(model)[pretrained.WEIGHTS]
    return convert.read(file, model, pretrained.named(model).form)


def prepared(model: str = MODEL) -> Array:
    """Every picture as this model reads it."""
    prepare = pretrained.named(model).pictures
    assert prepare is not None
    files = [samples.picture(name) for name in samples.PICTURES]
    return np.stack([prepare(pictures.read(file)) for file in files])


def logits(worker: Worker, values: Mapping[str, Array], name: str = MODEL) -> Array:
    """Give the logits of the pictures, [pictures, classes]."""
    x = prepared(name)
    model = worker.build(variant(name).spec, name)
    model.load({name: value.astype(worker.dtype) for name, value in values.items()})
    (found,) = model.run(Request((x.astype(worker.dtype),))).outputs
    model.drop()
    return found


def likeliest(logits: Array, count: int) -> list[tuple[str, float]]:
    """The classes of one picture, and how likely each is."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    shares, names = powers / powers.sum(), pretrained.class_names("imagenet")
    return [(names[i], float(shares[i])) for i in shares.argsort()[::-1][:count]]


def record(found: Mapping[str, Array]) -> dict[str, Any]:
    """Make the record of each framework's logits."""
    largest = max(float(np.abs(y).max()) for y in found.values())
    apart = max(float(np.abs(a - b).max()) for a, b in combinations(found.values(), 2))
    return {
        "model": MODEL,
        "weights": str(pretrained.named(MODEL).package),
        "apart": float(f"{apart / largest:.1e}"),
        "predictions": [
            {
                "picture": name,
                "from": samples.picture_from(name),
                "likeliest": {f: _rounded(y[i]) for f, y in found.items()},
            }
            for i, name in enumerate(samples.PICTURES)
        ],
    }


def _rounded(y: Array) -> list[tuple[str, float]]:
    return [(n, round(share, 5)) for n, share in likeliest(y, SHOWN)]


def main() -> None:
    values, found = weights(), {}
    for framework in NATIVE:
        with Worker(framework, "float32") as worker:
            found[framework] = logits(worker, values)
    where = here()
    plain = {**where, "machine": asdict(where["machine"]), **record(found)}
    write_text(RECORD, json.dumps(plain, indent=1) + "\n")
    for row in plain["predictions"]:
        said = [f"{name} {share:.1%}" for name, share in row["likeliest"][NATIVE[0]]]
        print(f"{row['picture']:12} {', '.join(said)}")
    print(f"the frameworks are {plain['apart']:.1e} apart")


if __name__ == "__main__":
    main()
