"""Sources in colour, their differences linked to where they are explained."""

import ast
import re
from functools import cache
from typing import Any

DIFF = re.compile(r"DIFF\(([\w-]+)\)")
TAG = re.compile(r"<[^>]*>")
LINK = re.compile(r"https?://[^\s,)\]]+[^\s,).:\];]|arXiv:\d{4}\.\d{4,5}")


@cache
def _pygments() -> tuple[Any, Any, Any]:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight, PythonLexer(), HtmlFormatter(nowrap=True)


@cache
def coloured(source: str, root: str = "") -> str:
    """Write code as HTML for inside <pre>. root: the way to the site's own folder.

    Each line knows its indent, so that what is wrapped hangs below where it began.
    """
    highlight, lexer, formatter = _pygments()
    found = highlight(source, lexer, formatter).rstrip("\n")
    link = rf'<a class="diff" href="{root}differences.html#\1">DIFF(\1)</a>'
    lines = DIFF.sub(link, found).split("\n")
    return "".join(
        f'<span class="l" style="--i:{_indent(x)}">{x}\n</span>' for x in lines
    )


def _indent(line: str) -> int:
    plain = TAG.sub("", line)
    return len(plain) - len(plain.lstrip(" "))


def tags(source: str) -> list[str]:
    """Give the differences that a source names, each once."""
    return list(dict.fromkeys(DIFF.findall(source)))


@cache
def names(source: str) -> frozenset[str]:
    """Give the names that a definition refers to; what its texts mention does not
    count."""
    nodes = ast.walk(ast.parse(source))
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


def imported(source: str) -> set[str]:
    """The names that a file's imports bring into it."""
    nodes = ast.walk(ast.parse(source))
    found = (n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))
    return {alias.asname or alias.name for node in found for alias in node.names}


def defines(source: str) -> bool:
    """Whether a class or a function is defined, and not a value."""
    return isinstance(ast.parse(source).body[0], ast.ClassDef | ast.FunctionDef)


def docstring(source: str) -> str:
    return ast.get_docstring(ast.parse(source)) or ""


def paper(doc: str) -> tuple[str, str]:
    """What a spec's docstring says in its first paragraph, and the rest."""
    first, _, rest = doc.partition("\n\n")
    return " ".join(first.split()), rest


def links(text: str) -> list[str]:
    """Make links of the addresses in a text, arXiv numbers among them, each once."""
    joined = re.sub(r"(https?://\S+)\n", r"\1 ", text)
    found = (address(one) for one in LINK.findall(joined))
    return list(dict.fromkeys(found))


def address(said: str) -> str:
    if said.startswith("arXiv:"):
        return f"https://arxiv.org/abs/{said.removeprefix('arXiv:')}"
    return said


def linked(escaped: str) -> str:
    """Escaped text with its addresses as links."""
    return LINK.sub(lambda m: f'<a href="{address(m[0])}">{shown(m[0])}</a>', escaped)


def shown(said: str) -> str:
    """Write an address as people read it: without a scheme, and of a long one the
    ends."""
    text = re.sub(r"^https?://(www\.)?", "", said)
    return text if len(text) <= 48 else f"{text[:30]}…{text[-14:]}"
