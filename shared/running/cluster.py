"""Jobs over a Ray cluster: the results come back in the order of the jobs.

A cluster is joined where RAY_ADDRESS says, else one is made of this machine, which
nobody else can reach. What a node lost is done again by another.
"""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from shared.errors import UsageError, brief
from shared.frameworks import NATIVE, PACKAGES, ROOT

Job = TypeVar("Job")
Found = TypeVar("Found")

# A node needs the frameworks installed; of this suite it gets what is here.
ROOMS = (
    "shared",
    "parity_tests",
    "benchmarks",
    *(PACKAGES[framework] for framework in NATIVE),
)
TRIES = 3
# What Ray asks for before it is imported: no reports to its makers, and a task without
# GPUs sees them all the same.
QUIET = ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO")
# 0: it listens on 127.0.0.1 and nowhere else. So it is called on Linux, too.
ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


class Lost(Exception):
    """A job that was lost with its process, again and again."""


def each(
    work: Callable[[Job], Found], jobs: Sequence[Job], *, cores: float = 1.0
) -> Iterator[Found | Lost]:
    """What `work`, a function of a module, makes of every job; an exception of its own
    is raised here.

    cores: that one job takes; as many run at a time as the cluster has for them.
    """
    ray = _ray()
    ray.init(**_settings())
    try:
        task = ray.remote(num_cpus=cores, max_retries=TRIES)(_do)
        for answer in [task.remote(work, job) for job in jobs]:
            yield _answer(ray, answer)
    finally:
        ray.shutdown()


def _do(work: Callable[[Job], Found], job: Job) -> Found:
    return work(job)


def _answer(ray: Any, answer: Any) -> Any:
    try:
        return ray.get(answer)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        return Lost(f"lost {1 + TRIES} times: {brief(error)}")


def _ray() -> Any:
    for name in QUIET if "RAY_ADDRESS" in os.environ else (*QUIET, ALONE):
        os.environ.setdefault(name, "0")
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise UsageError(
            "on ray: it is not installed; pip install 'triptych[cluster]'"
        ) from None


def _settings() -> dict[str, Any]:
    settings: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "runtime_env": {"py_modules": [str(ROOT / room) for room in ROOMS]},
    }
    if "RAY_ADDRESS" in os.environ:
        return settings
    return {
        **settings,
        "address": "local",
        "include_dashboard": False,
        "object_store_memory": 2**27,
    }
