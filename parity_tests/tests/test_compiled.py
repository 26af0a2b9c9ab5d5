"""What JAX compiled is kept from process to process, and is never what is timed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.ways import KEEP
from shared.running.client import Worker

COMPILES = '''
import jax
import jax.numpy as jnp
import numpy as np

hits = []
jax.monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None
)


def sines():
    """A program that takes longer to compile than to read."""

    def function(x):
        for k in range(400):
            x = jnp.sin(x) + jnp.cos(x * k)
        return x

    return np.asarray(jax.jit(function)(jnp.arange(8.0))), len(hits)
'''


@pytest.fixture
def sines(tmp_path, monkeypatch):
    """Compiles in a new process; gives numbers, and how often they were at hand."""
    monkeypatch.setenv("TRIPTYCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "compiles.py").write_text(COMPILES)

    def run(variables=None):
        with Worker("jax", "float64", variables=variables) as worker:
            return worker.ask("compiles:sines", paths=(str(tmp_path),))

    return run


def entries(folder):
    return sorted((folder / "cache" / "compiled").glob("*-cache"))


def test_is_kept(sines, tmp_path):
    with ThreadPoolExecutor() as pool:  # two fill one folder at once
        (first, _), (second, _) = pool.map(lambda _: sines(), range(2))
    kept = entries(tmp_path)
    third, hits = sines()
    assert kept
    assert hits == 1
    assert entries(tmp_path) == kept
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


def test_a_damaged_entry_is_compiled_anew(sines, tmp_path):
    first, _ = sines()
    for entry in entries(tmp_path):
        entry.write_bytes(entry.read_bytes()[:50])
    again, hits = sines()
    assert hits == 0
    assert np.array_equal(first, again)


def test_what_is_timed_is_compiled(sines, tmp_path):
    sines()
    _, hits = sines(KEEP)
    assert hits == 0
