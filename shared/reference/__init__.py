"""Networks from scratch in NumPy, forward and backward derived by hand: the framework
`numpy`, which shares no automatic differentiation with the three.

FAMILIES lists those that have a network here.
"""

from pathlib import Path

FAMILIES = tuple(
    sorted(
        path.stem
        for path in (Path(__file__).parent / "models").rglob("*.py")
        if path.stem != "__init__"
    )
)
