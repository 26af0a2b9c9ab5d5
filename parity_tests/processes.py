"""What Linux says of other processes; for tests of those that this suite starts."""

import contextlib
import os
from pathlib import Path


def commands() -> dict[int, str]:
    """Every process that runs, and how it was started."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ")
            found[int(path.name)] = words.decode(errors="replace")
    return found


def parent(process: int) -> int:
    """Give the parent's number, 0 where the process no longer is."""
    fields = _stat(process)
    return int(fields[1]) if fields else 0


def runs(process: int) -> bool:
    fields = _stat(process)
    return bool(fields) and fields[0] != "Z"


def children(process: int) -> list[int]:
    return [other for other in commands() if parent(other) == process]


def listening(process: int) -> list[str]:
    """The addresses, as Linux writes them, on which it waits for others."""
    sockets = set()
    for path in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(os.readlink(path).removeprefix("socket:[").removesuffix("]"))
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
    ]
    waiting = [row[1] for row in rows if row[3] == "0A" and row[9] in sockets]
    return [address.rpartition(":")[0] for address in waiting]


def is_loopback(address: str) -> bool:
    """Say whether it is 127.0.0.1, ::1, or the former written as the latter."""
    plain = ("0100007F", "00000000000000000000000001000000")
    return address in plain or address.endswith("FFFF00000100007F")


def _stat(process: int) -> list[str]:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
