"""The porting dictionary: what a layer, a function or a loss of one framework is called
in the others, and what has to be set for them to be equal. Every entry is code, and is
run (parity_tests/porting.py)."""

from shared.definitions.optimizers import OPTIMIZERS
from shared.errors import UsageError, unknown
from shared.porting import functions, layers, losses, sequence
from shared.porting.base import Entry as Entry
from shared.porting.base import whole_name

ENTRIES: dict[str, Entry] = {
    entry.key: entry
    for entry in (
        *layers.ENTRIES,
        *sequence.ENTRIES,
        *functions.ENTRIES,
        *losses.ENTRIES,
    )
}


def of_kind(kind: str) -> list[Entry]:
    return [entry for entry in ENTRIES.values() if entry.kind == kind]


def find(name: str) -> list[Entry]:
    """Find the entries that a name leads to: `nn.Conv2d`, `Conv2D`, `nnx.Conv`,
    `conv2d`."""
    wanted = whole_name(name.strip().removesuffix("()")).lower()
    if wanted in ENTRIES:
        return [ENTRIES[wanted]]
    found = [
        entry
        for entry in ENTRIES.values()
        if any(f".{known.lower()}".endswith(f".{wanted}") for known in entry.names)
    ]
    if found:
        return found
    if wanted in OPTIMIZERS:
        raise UsageError(
            f"{name} is an optimizer: triptych optimizers {wanted} has it beside the "
            f"built-ins, triptych show {wanted} its four sources"
        )
    raise unknown("name", name, _known())


def _known() -> list[str]:
    last = {known.rpartition(".")[2] for one in ENTRIES.values() for known in one.names}
    return sorted({*ENTRIES, *last})
