"""The variables that the process of a framework wants."""

import os
import sys

from shared.distributed import VARIABLES, Place
from shared.errors import UsageError
from shared.files import caches
from shared.frameworks import ROOT

_BACKENDS = {"keras": "tensorflow", "keras[jax]": "jax", "keras[torch]": "torch"}
# What XLA compiled is kept from run to run: JAX locks the folder, so that several
# processes share it, and drops what was not used for longest. A program that takes less
# to compile is not worth its file.
COMPILED_BYTES, COMPILED_SECONDS = 2**30, 0.1
# Of a process whose compiling is timed.
UNKEPT = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
# The variables that say how a worker ran.
TOLD = (
    "KERAS_BACKEND",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
)


def environment(
    framework: str,
    dtype: str,
    threads: int,
    device: str = "",
    place: Place | None = None,
) -> dict[str, str]:
    """The variables that must be set before the framework is imported."""
    device = device or ("cpu" if place else "")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    backend = _BACKENDS.get(framework)
    # Workers see this suite first, then whatever the caller could import.
    paths = [str(ROOT), *(p for p in sys.path if p)]
    own = {k: v for k, v in os.environ.items() if place or k not in VARIABLES}
    if place:
        own |= place.variables()
        if device == "cuda":
            own["CUDA_VISIBLE_DEVICES"] = _own_device(place)
    return {
        **_compiled(),
        **own,
        **({"KERAS_BACKEND": backend} if backend else {}),
        **(hidden if device == "cpu" else {}),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "JAX_ENABLE_X64": "1" if dtype == "float64" else "0",
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # Several share a device, so none takes all of its memory at once.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "PYTHONFAULTHANDLER": "1",
    }


def _compiled() -> dict[str, str]:
    """Settings of JAX that a caller's own come before."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(caches.folder("compiled")),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(COMPILED_BYTES),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": str(COMPILED_SECONDS),
    }


def _own_device(place: Place) -> str:
    """One of those that the caller may see, for each process."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    devices = seen.split(",") if seen else [str(k) for k in range(place.size)]
    if place.local >= len(devices):
        raise UsageError(
            f"{place.size} processes: cuda has one device each, {seen!r} is seen"
        )
    return devices[place.local]
