"""Triptych: one architecture, three panels: PyTorch, Keras 3 and JAX side by side."""

import sys
from pathlib import Path

from triptych.testing import assert_parity, record

__all__ = ["assert_parity", "on_path", "record", "rooms"]

HERE = Path(__file__).resolve().parent


def rooms() -> Path:
    """The folder in which `shared` and its neighbours lie: beside this package in a
    clone, inside it where it was installed from a wheel."""
    inside = HERE / "rooms"
    return inside if inside.is_dir() else HERE.parent


def on_path() -> None:
    """Put that folder first on the path, so that `import pytorch_impl` finds it."""
    sys.path.insert(0, str(rooms()))
