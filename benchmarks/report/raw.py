"""The page of records: each file, its runs, and the lines they are."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.report import groups, prose
from benchmarks.report.evidence import Evidence, Recorded, Speed

Where = Callable[[Recorded], str]


def files(evidence: Evidence, slugs: dict[str, str], page_of: Where) -> list[Any]:
    found = []
    for path in evidence.files:
        content = path.read_bytes()
        lines = content.decode().splitlines()
        runs = [
            _run(one, lines, slugs[one.comparison.start.run], page_of(one))
            for one in evidence.comparisons
            if one.source == path.name
        ]
        runs += [_speed(s, lines) for s in evidence.speeds if s.source == path.name]
        found.append(
            {
                "name": path.name,
                "slug": prose.slug(path.name),
                "address": f"records/{path.name}",
                "size": f"{len(content) / 1024:,.0f} KiB",
                "runs": runs,
            }
        )
    return found


def _run(one: Recorded, lines: Sequence[str], slug: str, page: str) -> dict[str, Any]:
    start, end = one.comparison.start, one.comparison.end
    first, last = one.lines[0], one.lines[-1]
    parts = [("The start", lines[first - 1])]
    if end is not None:
        parts.append(("The end", lines[last - 1]))
    rounds = len(one.comparison.rounds)
    return {
        "slug": f"run-{slug}",
        "title": f"{start.run}: {groups.title(start.setting)}",
        "where": f"Lines {first} to {last} of the file, {rounds} of them rounds.",
        "page": page,
        "lines": parts,
    }


def _speed(speed: Speed, lines: Sequence[str]) -> dict[str, Any]:
    return {
        "slug": f"{prose.slug(speed.source)}-{speed.number}",
        "title": f"The time of an update, {speed.record['date'][:10]}",
        "where": f"Line {speed.number}, revision {speed.record['revision']}.",
        "page": "optimizers.html#speed",
        "lines": [("The line", lines[speed.number - 1])],
    }
