"""Training in several processes with jax.distributed: one process a device.

Arrays are global: a batch is sharded over all devices, everything else is the same on
each, and the compiler puts the sums between them. So the step, BatchNorm, losses and
dropout are those of one process, on arrays that no process has whole.
"""

import functools
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from shared.arrays import Array
from shared.distributed import HOST, Place
from shared.errors import UsageError


def join() -> None:
    """Meet the others, and return when all are there."""
    here = Place.told()
    meeting = here.addresses[0]
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        meeting,
        here.size,
        here.rank,
        # DIFF(listening): by itself it listens on every interface of the machine.
        coordinator_bind_address=meeting if meeting.startswith(HOST) else None,
        cluster_detection_method="deactivate",
    )


def place() -> Place:
    return Place(jax.process_index(), jax.process_count())


def gather(value: Array) -> Array:
    """What each process has, by rank."""
    if jax.process_count() == 1:
        return value[None]
    # As bytes: a float64 would become a float32 where JAX has no other.
    raw = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    found = np.asarray(multihost_utils.process_allgather(raw))
    return found.view(value.dtype).reshape(-1, *value.shape)


def replicated(tree: Any) -> Any:
    """What each process has alike, as arrays of all."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(_replicated, tree)


def _replicated(leaf: jax.Array) -> jax.Array:
    if not leaf.is_fully_addressable:
        return leaf  # it is one of all already
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _replicated(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    return _spread(leaf, _sharding())


def sharded(arrays: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Spread the rows over the devices: every process has the whole batch, and keeps
    its part."""
    if jax.process_count() == 1:
        return arrays
    for array in arrays:
        if len(array) % jax.device_count():
            raise UsageError(
                f"a batch of {len(array)} rows for {jax.device_count()} processes; JAX "
                "gives each as many"
            )
    return tuple(_spread(array, _sharding("batch")) for array in arrays)


def everywhere() -> NamedSharding | None:
    """Say that a value is the same on every device; with one process nothing need be
    said."""
    return _sharding() if jax.process_count() > 1 else None


def local(tree: Any) -> Any:
    """Give such arrays as this process's own."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def _spread(array: jax.Array, sharding: NamedSharding) -> jax.Array:
    whole = np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, whole.__getitem__)


@functools.cache
def _sharding(*axes: str) -> NamedSharding:
    number = jax.device_count()
    mesh = jax.make_mesh((number,), ("batch",), axis_types=(AxisType.Auto,))
    return NamedSharding(mesh, PartitionSpec(*axes))
