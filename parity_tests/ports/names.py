"""What paths of modules say of one another, whatever they are called."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

_SAME = {
    "query": "q",
    "wq": "q",
    "key": "k",
    "wk": "k",
    "value": "v",
    "wv": "v",
    "output": "out",
    "o": "out",
    "wo": "out",
    "attention": "attn",
    "mha": "attn",
    "norm": "ln",
    "layernorm": "ln",
    "batchnorm": "bn",
    "embeddings": "embed",
    "embedding": "embed",
    "emb": "embed",
    "wte": "token",
    "wpe": "position",
    "positional": "position",
    "pos": "position",
    "classifier": "head",
    "downsample": "shortcut",
    "proj": "",
    "projection": "",
    "layer": "",
    "layers": "",
    "block": "",
    "blocks": "",
    "stage": "",
    "stages": "",
    "h": "",
    "self": "",
    "model": "",
    "net": "",
    "module": "",
    "dense": "",
    "linear": "",
    "weight": "",
}
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(path: str) -> list[str]:
    """The words of a path, with the field's other words for the same thing joined."""
    found = [w.lower() for w in _SPLIT.findall(path)]
    return [w for w in (_SAME.get(w, w) for w in found) if w]


def counted(paths: Iterable[str], kinds: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Each path's words; its numbers are ranks among siblings of the same stem.

    So `layer1` to `layer4` are `stage0` to `stage3`, and `features.0`, `features.3` the
    first and the second. A name that a framework gave by itself says nothing.
    """
    paths = list(paths)
    ranks = _ranks(paths)
    found = {}
    for path in paths:
        said: list[str] = []
        parts = path.split(".") if path else []
        for depth, part in enumerate(parts):
            stem, number = _stem(part)
            where = ".".join(parts[:depth])
            if not _given(part, kinds.get(path, "") if depth + 1 == len(parts) else ""):
                said += words(stem)
            if number is not None:
                said.append(f"#{ranks[where, stem].index(number)}")
        found[path] = Counter(said)
    return found


def _stem(part: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.*?)_?(\d+)", part)
    return (match[1], int(match[2])) if match else (part, None)


def _ranks(paths: list[str]) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], set[int]] = {}
    for path in paths:
        parts = path.split(".")
        for depth, part in enumerate(parts):
            stem, number = _stem(part)
            if number is not None:
                key = ".".join(parts[:depth]), stem
                found.setdefault(key, set()).add(number)
    return {key: sorted(numbers) for key, numbers in found.items()}


def _given(part: str, kind: str) -> bool:
    """Whether Keras or Linen made the name of the class's."""
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*_\d+", part):
        return True
    snake = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", snake).lower()
    return bool(kind) and re.sub(r"_\d+$", "", part) in (snake, kind)


def likeness(one: Counter[str], two: Counter[str]) -> float:
    """Between 0 and 1: how much of the longer path's words the other has."""
    longest = max(one.total(), two.total())
    return (one & two).total() / longest if longest else 0.0


def apart_of(said: list[Counter[str]]) -> list[Counter[str]]:
    """The words of each path without those that all of them have."""
    common = said[0].copy()
    for words_of_one in said[1:]:
        common &= words_of_one
    return [one - common for one in said] if len(said) > 1 else said


def opposed(one: Counter[str], two: Counter[str]) -> bool:
    """Whether one is a query and the other a key, or a value."""
    ours, theirs = ROLES & one.keys(), ROLES & two.keys()
    return bool(ours and theirs and not ours & theirs)


ROLES = {"q", "k", "v"}
