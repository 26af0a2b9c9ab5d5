"""The time that a run may take, and the lines that it leaves."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parity_tests.engine import Check
from shared.errors import brief
from shared.files.writing import append_line, make_folder
from shared.plain import plain


class Clock:
    """Counts from when it is made, in seconds."""

    def __init__(self, seconds: float):
        self.seconds, self._start = seconds, time.monotonic()

    @property
    def passed(self) -> float:
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        return self.seconds - self.passed

    @property
    def over(self) -> bool:
        return self.left <= 0


class Lines:
    """Lines of JSON in a folder, each on the disk when `add` returns, so that a run
    that is cut keeps what it has."""

    def __init__(self, folder: Path, clock: Clock):
        self.folder, self.clock = folder, clock
        self.checks: list[Check] = []
        make_folder(folder)

    def add(self, name: str, line: dict[str, Any]) -> None:
        text = json.dumps(plain(line), separators=(",", ":"))
        append_line(self.folder / name, text)

    def check(self, found: Check) -> None:
        self.checks.append(found)
        self.add("parity.jsonl", asdict(found))

    def note(self, about: str, said: Any) -> None:
        """What is no result: what ran where, what failed, what was not reached."""
        at = round(self.clock.passed, 1)
        self.add("notes.jsonl", {"at_s": at, "about": about, "said": said})
        print(f"{at:6.1f} s  {about}: {said}", flush=True)

    @contextmanager
    def guarded(self, about: str) -> Iterator[None]:
        """A failure inside is a note, never the end of the run."""
        try:
            yield
        except Exception as error:
            self.note(about, f"FAILED: {type(error).__name__}: {brief(error)}")
