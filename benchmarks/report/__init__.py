"""The report: a static site that opens from disk, made of records.

What needs a framework, the layers of the models, is asked of one worker; the rest is
text from records and sources.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.report.evidence import Evidence, certificate_of, committed, read
from parity_tests.engine import Check
from shared.errors import UsageError
from shared.files.writing import make_folder, write_bytes, write_text

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
    from benchmarks.report import gather, site, tutorial
    from shared.catalog import FAMILIES

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
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
    """Write all pages, and leave nothing of an earlier report that is no longer
    there."""
    try:
        listing = folder / LISTING
        known = listing.read_text().splitlines() if listing.exists() else []
        for name, content in pages.items():
            make_folder((folder / name).parent)
            write_bytes(folder / name, content)
        for name in set(known) - set(pages):
            if ".." not in name and not Path(name).is_absolute():
                (folder / name).unlink(missing_ok=True)
        write_text(listing, "".join(f"{name}\n" for name in sorted(pages)))
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error}") from None
