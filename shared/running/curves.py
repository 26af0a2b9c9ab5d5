"""The course of runs in one picture."""

import io
from pathlib import Path
from typing import Any

from shared import reading
from shared.files.writing import make_folder, write_bytes

# Readable on white and black, and told apart by line style as well.
STYLES = {
    "pytorch": ("#d9541e", "-"),
    "keras": ("#8a5cc2", "--"),
    "jax": ("#1f8a70", ":"),
}


def read_history(folder: Path) -> list[dict[str, Any]]:
    path = folder / "history.jsonl"
    return [reading.from_json(line, path) for line in reading.text(path).splitlines()]


def draw(
    path: Path,
    title: str,
    histories: dict[str, list[dict[str, Any]]],
    metric: str,
    target: float,
) -> None:
    """Draw training loss, validation loss and validation metric over epochs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for framework, history in histories.items():
        color, style = STYLES.get(framework, ("#666666", "-."))
        epochs = [line["epoch"] for line in history]
        look = {"color": color, "linestyle": style, "marker": "."}
        loss = [line["validation_loss"] for line in history]
        if None not in loss:
            left.plot(epochs, loss, label=f"{framework}, validation", **look)
        faint = {**look, "alpha": 0.4, "marker": ""}
        loss = [line["loss"] for line in history]
        left.plot(epochs, loss, label=f"{framework}, training", **faint)
        right.plot(
            epochs, [line[f"validation_{metric}"] for line in history],
            label=framework, **look,
        )  # fmt: skip
    right.axhline(target, color="#888888", linewidth=1, label="target")
    left.set(title=f"{title}: loss", xlabel="epoch")
    right.set(title=f"validation {metric}", xlabel="epoch")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120, format="png")
    plt.close(figure)
    make_folder(path.parent)
    write_bytes(path, picture.getvalue())
