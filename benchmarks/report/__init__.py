"""The report: a static site that opens from disk, made of records.

`write` reads no framework but for the layers of the models, which it asks of one worker.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.report.evidence import Evidence, certificate_of, committed, read
from parity_tests.engine import Check

LISTING = ".triptych-report"  # what the last report wrote

__all__ = ["LISTING", "Evidence", "committed", "read", "write"]


def write(
    folder: Path,
    records: Sequence[Path],
    checks: Sequence[Check] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """The site of these files, and of the checks of a run that has just ended.

    Returns its first page. The same records give the same bytes.
    """
    from dataclasses import replace

    from benchmarks.report import gather, site, tutorial
    from shared.catalog import FAMILIES

    evidence = read(records)
    if checks:
        given = (*evidence.certificates, certificate_of(checks))
        evidence = replace(evidence, certificates=given)
    say("layers of the models")
    traced = gather.traces(
        [gather.smallest(name) for name in FAMILIES],
        [tutorial.first_variant(name) for name in FAMILIES],
    )
    say("pages")
    _save(folder, site.Site(evidence, traced).render())
    return folder / "index.html"


def _save(folder: Path, pages: dict[str, bytes]) -> None:
    """All of them, and nothing of an earlier report that is no longer there."""
    from shared.errors import UsageError

    try:
        listing = folder / LISTING
        known = listing.read_text().splitlines() if listing.exists() else []
        for name, content in pages.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name in set(known) - set(pages):
            (folder / name).unlink(missing_ok=True)
        listing.write_text("".join(f"{name}\n" for name in sorted(pages)))
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error}") from None
