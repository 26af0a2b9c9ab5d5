"""What a wheel holds: one package, `triptych`, and the suite's folders inside it."""

from pathlib import Path

from setuptools import setup

ROOMS = (
    "shared",
    "pytorch_impl",
    "keras_impl",
    "jax_impl",
    "parity_tests",
    "benchmarks",
    "docs",
)


def folders(room: str) -> list[str]:
    """Every folder that holds files, as Python names a package; what only tries the
    others (tests, faults) stays out."""
    found = {path.parent for path in Path(room).rglob("*") if path.is_file()}
    names = {".".join(path.parts) for path in found if "__pycache__" not in path.parts}
    return sorted(n for n in names if not {"tests", "faults"} & {*n.split(".")})


setup(
    packages=[
        *folders("triptych"),
        *(f"triptych.rooms.{name}" for room in ROOMS for name in folders(room)),
    ],
    package_dir={"triptych": "triptych", "triptych.rooms": "."},
    package_data={
        "": ["*"],
        # The page of differences shows the test of each.
        "triptych.rooms.parity_tests": ["tests/test_differences.py"],
    },
)
