"""Which frameworks there are, and where the package of each lies."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ("pytorch", "keras", "jax")
PACKAGES = {
    "pytorch": "pytorch_impl",
    "keras": "keras_impl",
    "jax": "jax_impl",
    "keras[jax]": "keras_impl",
    "keras[torch]": "keras_impl",
}
FRAMEWORKS = tuple(PACKAGES)
# Networks from scratch, of some families (shared/reference): an oracle for the others.
ORACLE = "numpy"
PACKAGES[ORACLE] = "shared.reference"
# What each package imports that takes long.
LIBRARIES = {
    "pytorch_impl": ("torch",),
    "keras_impl": ("keras",),
    "jax_impl": ("jax", "flax.nnx", "optax"),
    "shared.reference": ("numpy",),
}
# By what a framework's own name of such a device is told.
DEVICES = {"cpu": ("cpu",), "cuda": ("cuda", "gpu"), "tpu": ("tpu", "xla")}
