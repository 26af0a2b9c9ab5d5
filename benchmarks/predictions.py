"""What weights that were trained on ImageNet say of pictures, in each framework.

    python -m benchmarks.predictions

Weights and pictures are what packages ship (shared/data/pretrained.py). It writes
benchmarks/records/predictions.json, which the page of that family shows.
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
from shared.catalog import family_of, variant
from shared.contract import Request
from shared.data import pretrained
from shared.files import checkpoints
from shared.running.client import NATIVE, Worker

RECORD = RECORDS / "predictions.json"
SHOWN = 3


def weights() -> dict[str, Array]:
    """Canonical."""
    spec = variant(pretrained.MODEL).spec
    with Worker("pytorch", "float32") as worker:
        state = worker.build(spec).read_native(pretrained.weights_file())
    return checkpoints.from_public(family_of(spec), pretrained.FORM, state)


def logits(worker: Worker, values: Mapping[str, Array]) -> Array:
    """[pictures, classes]"""
    spec = variant(pretrained.MODEL).spec
    _, _, side = spec.inputs()[0].shape
    x = np.stack([pretrained.picture(name, side) for name in pretrained.PICTURES])
    model = worker.build(spec, pretrained.MODEL)
    model.load({name: value.astype(worker.dtype) for name, value in values.items()})
    (found,) = model.run(Request((x.astype(worker.dtype),))).outputs
    model.drop()
    return found


def record(found: Mapping[str, Array]) -> dict[str, Any]:
    """Of each framework's logits."""
    largest = max(float(np.abs(y).max()) for y in found.values())
    apart = max(float(np.abs(a - b).max()) for a, b in combinations(found.values(), 2))
    return {
        "model": pretrained.MODEL,
        "weights": pretrained.weights_from(),
        "apart": float(f"{apart / largest:.1e}"),
        "predictions": [
            {
                "picture": name,
                "from": pretrained.picture_from(name),
                "likeliest": {f: _rounded(y[i]) for f, y in found.items()},
            }
            for i, name in enumerate(pretrained.PICTURES)
        ],
    }


def _rounded(y: Array) -> list[tuple[str, float]]:
    return [(n, round(share, 5)) for n, share in pretrained.likeliest(y, SHOWN)]


def main() -> None:
    values, found = weights(), {}
    for framework in NATIVE:
        with Worker(framework, "float32") as worker:
            found[framework] = logits(worker, values)
    where = here()
    plain = {**where, "machine": asdict(where["machine"]), **record(found)}
    RECORD.write_text(json.dumps(plain, indent=1) + "\n")
    for row in plain["predictions"]:
        said = [f"{name} {share:.1%}" for name, share in row["likeliest"][NATIVE[0]]]
        print(f"{row['picture']:12} {', '.join(said)}")
    print(f"the frameworks are {plain['apart']:.1e} apart")


if __name__ == "__main__":
    main()
