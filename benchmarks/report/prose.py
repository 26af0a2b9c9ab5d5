"""Text to HTML: the two pages of docs/, and the docstrings of specs and optimizers."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.report import code
from shared.frameworks import PACKAGES, ROOT

DIFFERENCES = ROOT / "docs" / "differences.md"
MUTANTS = ROOT / "docs" / "mutants.md"
TESTS = ROOT / "parity_tests" / "tests" / "test_differences.py"


@cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def markdown(text: str) -> str:
    """Turn Markdown into HTML; what only marks a place for a generator is left out, and
    tables may scroll."""
    without = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    found = _markdown().render(without)
    found = re.sub(r'href="([\w-]+)\.md', r'href="\1.html', found)
    found = found.replace("<table>", '<div class="scroll"><table class="sortable">')
    return found.replace("</table>", "</table></div>")


# docs/differences.md


@dataclass(frozen=True)
class Difference:
    """places: the files whose lines carry its tag; test: the one that shows it."""

    key: str
    title: str
    body: str
    places: tuple[str, ...] = ()
    tagged: bool = True
    test: str = ""


@dataclass(frozen=True)
class Chapter:
    title: str
    entries: tuple[Difference, ...]


def differences(text: str | None = None) -> tuple[str, list[Chapter]]:
    """Give the introduction, and the chapters with an entry each."""
    page = DIFFERENCES.read_text() if text is None else text
    intro, *parts = re.split(r"^# ", page, flags=re.MULTILINE)[1:]
    places = _places()
    chapters = []
    for part in parts:
        title, _, rest = part.partition("\n")
        lead, *sections = re.split(r"^## ", rest, flags=re.MULTILINE)
        entries = tuple(_entry(section, places) for section in sections)
        before = (Difference(slug(title), "", markdown(lead), (), False),)
        chapters.append(Chapter(title, (before if lead.strip() else ()) + entries))
    return markdown(intro.partition("\n")[2]), chapters


def explained() -> int:
    chapters = differences()[1]
    return sum(entry.tagged for chapter in chapters for entry in chapter.entries)


def _entry(section: str, places: Mapping[str, Sequence[str]]) -> Difference:
    title, _, rest = section.partition("\n")
    tagged = title.startswith("`")
    key = title.strip("`") if tagged else slug(title)
    return Difference(
        key,
        title.strip("`"),
        markdown(rest),
        tuple(places.get(key, ())),
        tagged,
        _test_of(key) if tagged else "",
    )


def _test_of(key: str) -> str:
    """Find the test of a tag, such as `test_bn_var`; several tags may share one."""
    said = key.replace("-", "_")
    return next((name for name in _tests() if said in name), "")


@cache
def _tests() -> tuple[str, ...]:
    names = re.findall(r"^def (test_\w+)", TESTS.read_text(), re.MULTILINE)
    return tuple(sorted(names, key=len))


def slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _places() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for package in dict.fromkeys(PACKAGES.values()):
        for path in sorted((ROOT / package).rglob("*.py")):
            for tag in code.tags(path.read_text()):
                found.setdefault(tag, []).append(str(path.relative_to(ROOT)))
    return found


def mutants() -> tuple[str, str]:
    """Give the result in a sentence, and the whole page."""
    text = MUTANTS.read_text()
    told = re.search(r"\d+ of \d+ mutants\s+caught", text)
    sentence = " ".join(told[0].split()) if told else ""
    return sentence, markdown(text.partition("\n")[2])


# Docstrings


@dataclass(frozen=True)
class Settled:
    """A paragraph of a docstring, or a heading with terms below it."""

    text: str
    terms: tuple[tuple[str, str], ...] = ()


def paragraphs(doc: str) -> list[Settled]:
    """Turn each paragraph into HTML; `Settled here:` with indented lines becomes
    terms."""
    found = []
    for part in doc.strip().split("\n\n"):
        head, _, rest = part.partition(":\n ")
        if rest:
            terms = _terms(" " + rest)
            found.append(Settled(inline(head) + ":", tuple(terms)))
        else:
            found.append(Settled(inline(part)))
    return found


def _terms(lines: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in lines.splitlines():
        start = re.match(r" {2}(\S+) +(\S.*)", line)
        if start:
            found.append((html.escape(start[1]), start[2]))
        elif found:
            term, said = found[-1]
            found[-1] = (term, f"{said} {line.strip()}")
    return [(term, inline(said)) for term, said in found]


def inline(text: str) -> str:
    """One paragraph, escaped, with its addresses as links and `code` as code."""
    joined = re.sub(r"(https?://\S+)\n\s*", r"\1 ", text)
    escaped = html.escape(" ".join(joined.split()), quote=False)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", code.linked(escaped))
