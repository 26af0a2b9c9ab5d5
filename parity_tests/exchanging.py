"""Weights that go from framework to framework through files, bit for bit."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from shared.running.client import RemoteModel, Worker
from shared.specs.base import Spec


def exchange(
    name: str, spec: Spec, workers: Mapping[str, Worker], together: bool = True
) -> str:
    """Save in each, load in each, save again; the reason why a file differs, or "".

    together: the models live side by side. Without it one at a time does.
    """
    models: dict[str, RemoteModel] = {}

    def take(framework: str) -> RemoteModel:
        if framework not in models:
            models[framework] = workers[framework].build(spec, name)
        return models[framework]

    def leave(framework: str) -> None:
        models.pop(framework).drop()

    reasons = []
    with tempfile.TemporaryDirectory() as folder:
        files = {framework: Path(folder) / framework for framework in workers}
        again = Path(folder) / "again"
        for seed, (source, file) in enumerate(files.items()):
            take(source).fill(seed)
            take(source).save(file)
            if not together:
                leave(source)
        digests = {source: _digest(file) for source, file in files.items()}
        for target in workers:
            for source, file in files.items():
                take(target).read(file)
                take(target).save(again)
                if digests[source] != _digest(again):
                    reasons.append(f"{source} -> {target} is not bit for bit")
                again.unlink()
            leave(target)
    return "; ".join(reasons)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
