"""Errors that are answered with one clear line instead of a traceback."""

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """Wrong input: the message says what, where, and what is allowed (exit code 2)."""


class Stopped(BaseException):
    """A signal asked for the end; the message says how to go on (exit code 130)."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Answer an unknown name with the three nearest known ones."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.0)
    return UsageError(f"unknown {kind} {name!r}; the nearest are {', '.join(near)}")


def one_line(text: object) -> str:
    """Give a text without line breaks, and without what a terminal would obey."""
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in words)


def shortened(said: object, most: int = 900) -> str:
    """One line, of which the middle is left out where it is long."""
    words = one_line(said)
    half = most // 2
    return words if len(words) <= most else f"{words[:half]} ... {words[-half:]}"


def brief(said: object) -> str:
    """What a library said, or a file holds, cut to what a person reads."""
    said = one_line(said) or type(said).__name__
    return said if len(said) <= 240 else f"{said[:240]}..."
