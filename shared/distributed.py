"""Several processes that train one model: who is who, and who takes what of a batch.

Every process draws the same whole batches; each takes its rows of them, and what the
losses of the parts weigh follows from the targets alone. So N processes see what one
would.
"""

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from shared.data.batches import Samples
from shared.errors import UsageError, brief
from shared.randomness import Cut, generator

HOST = "127.0.0.1"
EVERYWHERE = "TRIPTYCH_LISTEN_EVERYWHERE"  # set: a process may, where it cannot but
# What a launcher tells a process; torchrun sets the first five.
VARIABLES = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
    "TF_CONFIG",
    "TORCHELASTIC_USE_AGENT_STORE",
)


@dataclass(frozen=True)
class Place:
    """One process among those that train together.

    local: its number on its machine. addresses: host:port of each, by rank; the first
        is where they meet.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    addresses: tuple[str, ...] = ()

    @classmethod
    def told(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """What a launcher's variables say; alone where they say nothing."""
        size = _number(environment, "WORLD_SIZE", 1)
        if size == 1:
            return cls()
        rank = _number(environment, "RANK")
        if rank >= size:
            raise UsageError(f"RANK is {rank}; allowed: below WORLD_SIZE, {size}")
        meeting = f"{environment.get('MASTER_ADDR', HOST)}:"
        meeting += str(_number(environment, "MASTER_PORT"))
        addresses = _addresses(environment.get("TF_CONFIG", ""), size) or [meeting]
        local = _number(environment, "LOCAL_RANK", rank)
        return cls(rank, size, local, tuple(addresses))

    def variables(self) -> dict[str, str]:
        """Give the variables of the process that takes this place, which it needs
        before it imports its framework."""
        host, _, port = self.addresses[0].rpartition(":")
        found = {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local),
            "MASTER_ADDR": host,
            "MASTER_PORT": port,
        }
        if len(self.addresses) == self.size:  # torchrun tells where they meet, no more
            config = {
                "cluster": {"worker": list(self.addresses)},
                "task": {"type": "worker", "index": self.rank},
            }
            found["TF_CONFIG"] = json.dumps(config)
        return found

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    def rows(self, number: int) -> slice:
        """Which of so many rows are its own; the parts differ by one row at most."""
        start = self.rank * number // self.size
        return slice(start, (self.rank + 1) * number // self.size)

    def part(self, batch: Samples) -> Samples:
        return batch if self.size == 1 else batch.take(self.rows(len(batch)))

    def cut(self, number: int) -> Cut | None:
        """Give this process's cut of draws that have so many rows
        (shared/randomness.py)."""
        return None if self.size == 1 else (self.rows(number), number)

    def seed(self, seed: int) -> int:
        """Give each process a seed of its own for dropout; the first draws as if it
        were alone."""
        if self.first:
            return seed
        return int(generator("rank", seed, self.rank).integers(2**31))


def places(size: int) -> list[Place]:
    """Places on this machine, at ports that nothing else has."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(size)]
        for one in held:
            one.bind((HOST, 0))
        addresses = tuple(f"{HOST}:{one.getsockname()[1]}" for one in held)
    return [Place(rank, size, rank, addresses) for rank in range(size)]


def _addresses(config: str, size: int) -> list[str]:
    """Give the addresses that TF_CONFIG names, one a process; none without it."""
    if not config:
        return []
    try:
        found = json.loads(config)["cluster"]["worker"]
        fine = isinstance(found, list) and all(map(_is_address, found))
    except (ValueError, KeyError, TypeError, RecursionError):
        fine = False
    if not fine or len(found) != size:
        raise UsageError(
            f"TF_CONFIG is {brief(ValueError(config))}; allowed: "
            '{"cluster": {"worker": ["host:port", ...]}}, '
            f"with {size} addresses, as WORLD_SIZE says"
        )
    return list(found)


def _is_address(value: object) -> bool:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return bool(host) and port.isdecimal() and len(port) < 6 and 0 < int(port) < 2**16


def _number(
    environment: Mapping[str, str], name: str, missing: int | None = None
) -> int:
    text = environment.get(name, "" if missing is None else str(missing))
    if not text.isdecimal():
        raise UsageError(f"{name} is {text!r}; allowed: a whole number from 0 on")
    return int(text)
