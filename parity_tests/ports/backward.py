"""Why gradients part where all that is computed agrees: one of them is stopped.

The reference is run again with a gradient stopped at one place after another, until
its gradients are the port's.
"""

from collections.abc import Iterator
from dataclasses import replace

from parity_tests.ports.causes import Cause
from parity_tests.ports.compare import Sides, gradients
from parity_tests.ports.recording import Live

# How often the reference is run again.
MOST = 12


def stopped(
    sides: Sides, live: Live | None, layer: str, mode: str, bound: float
) -> list[Cause]:
    """The place behind a layer at which a stopped gradient explains the port's."""
    if live is None or sides.reference.keep != "all":
        return []
    places = [*_behind(sides, layer, mode)]
    for said, key, tensor in places[:MOST]:
        values = {key: sides.reference.array(tensor)}
        seen = live.forced(mode, values, gradients=True)
        found = gradients(replace(sides, reference=seen), mode)
        if not isinstance(found, str) and found.error <= bound:
            return [Cause("a gradient that is stopped", 1.0, "", said)]
    return []


def _behind(sides: Sides, layer: str, mode: str) -> Iterator[tuple[str, str, str]]:
    """What left a layer, and what entered each that ran then: said, key, tensor."""
    calls = sides.reference.runs[mode].calls
    own = [call for call in calls if call.path == layer]
    ways = [(call, ">", "what leaves", call.outputs) for call in own]
    start = min((call.start for call in own), default=0)
    later = sorted((c for c in calls if c.start > start), key=lambda c: c.start)
    ways += [(call, "<", "what enters", call.inputs) for call in later]
    table = sides.reference.table
    for call, sign, said, tensors in ways:
        for path, tensor in tensors.items():
            if str(table[tensor]["dtype"]).startswith("float"):
                key = f"{call.path}#{call.number}{sign}{path}"
                yield f"{said} {call.name}", key, tensor
