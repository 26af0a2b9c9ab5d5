"""docs/speed.md: how far apart the three frameworks are, and ours from the originals.

    python -m benchmarks.speed

Every row beyond its bound needs an explanation in speed_explained.json.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import modes, records
from benchmarks.modes import kind_of, recommended
from benchmarks.records import RECORDS, Comparison
from benchmarks.statistics import EQUAL, MARGIN
from shared import catalog
from shared.files.writing import write_text
from shared.frameworks import NATIVE

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "speed.md"
EXPLAINED = Path(__file__).with_name("speed_explained.json")
CPU = (RECORDS / "cpu.jsonl", RECORDS / "modes_cpu.jsonl")
PEERS = (RECORDS / "peers_cpu.jsonl",)
# Of the slowest of the three over the fastest, in seconds.
APART = {"inference": 1.25, "training": 1.5}
# Of ours over an original: the interval's lower end.
BEHIND = 0.95


@dataclass(frozen=True)
class Row:
    """A row of the page about speed tells of one model and task.

    values: as the page shows them. explained: why it is beyond its bound.
    """

    key: str
    values: tuple[str, ...]
    beyond: bool
    explained: str


def explanations() -> dict[str, str]:
    found: dict[str, str] = json.loads(EXPLAINED.read_text())
    return found


def apart(found: Sequence[Comparison]) -> Iterator[Row]:
    """Give a row for each framework's fastest mode, from the last comparison of each
    model and task."""
    why = explanations()
    last = {
        (c.setting.model, c.setting.task): (c, ratios)
        for c in found
        if (ratios := _fastest(c))
    }
    for (model, task), (comparison, ratios) in last.items():
        factor = max(ratios.values()) / min(ratios.values())
        said = [f"{ratios[f] / ratios[NATIVE[0]]:.2f}" for f in NATIVE]
        key, far = f"{model}, {task}", factor > APART[task]
        mark = " *" if comparison.end and comparison.end.noisy else ""
        name = f"`{model}`, {comparison.setting.batch}{mark}"
        values = (name, task, *said, f"{factor:.2f}")
        yield Row(key, values, far, why.get(key, "") if far else "")


def _fastest(comparison: Comparison) -> dict[str, float]:
    """Give each framework's speed in its fastest mode, where the recommended ones
    ran."""
    setting, end = comparison.setting, comparison.end
    if end is None or setting.task not in APART:
        return {}
    kind = kind_of(catalog.variant(setting.model).spec)
    # Without channels there is one layout.
    layout = "" if kind == "images" else "-nhwc"
    ratios = {r.contender.removesuffix(layout): r.ratio for r in end.results}
    chosen = [
        f"{f}/{recommended(f, setting.device, setting.task, kind)}" for f in NATIVE
    ]
    if not set(chosen) <= set(ratios):
        return {}
    return {
        f: max(r for name, r in ratios.items() if name.startswith(f"{f}/"))
        for f in NATIVE
    }


def behind(found: Sequence[Comparison]) -> Iterator[Row]:
    """List ours over an original in the same mode: speed, median and interval; of
    each model, task and original the last comparison."""
    why = explanations()
    last = dict(_against_originals(found))
    for key, (comparison, name, own) in last.items():
        assert comparison.end is not None
        results = {r.contender: r for r in comparison.end.results}
        # A ratio is of speeds over the reference, which is ours.
        assert results[own].verdict == "reference"
        theirs = results[name]
        ratio, low, high = (1 / r for r in (theirs.ratio, theirs.high, theirs.low))
        far = low < BEHIND or ratio < 1 - MARGIN
        model, task, original = key
        batch, said = comparison.setting.batch, f"{ratio:.2f} [{low:.2f}, {high:.2f}]"
        values = (f"`{model}`, {batch}", task, original, own, said)
        shown = ", ".join(key)
        yield Row(shown, values, far, why.get(shown, "") if far else "")


def _against_originals(
    found: Sequence[Comparison],
) -> Iterator[tuple[tuple[str, str, str], tuple[Comparison, str, str]]]:
    """Model, task and original, with where that stands: the comparison, the original's
    name in it, and ours in the same mode."""
    for comparison in found:
        if comparison.end is None:
            continue
        timed = {r.contender for r in comparison.end.results}
        for contender in comparison.start.contenders:
            own = f"{contender.framework}/{contender.mode}"
            if contender.peer and {own, contender.name} <= timed:
                setting = comparison.setting
                key = (setting.model, setting.task, contender.peer)
                yield key, (comparison, contender.name, own)


def modes_ahead(found: Sequence[Comparison]) -> Iterator[Row]:
    """Modes that are faster than the recommended one by more than counts as equal; of
    each model, task and mode the last comparison."""
    why = explanations()
    last = {(o.model, o.task, o.framework, o.mode): o for o in modes.others(found)}
    for (model, task, framework, mode), other in last.items():
        if other.speed > 1 + EQUAL:
            key = f"{model}, {task}, {framework}/{mode}"
            yield Row(key, (f"{other.speed:.2f}",), True, why.get(key, ""))


def beyond(cpu: Sequence[Comparison], peers: Sequence[Comparison]) -> set[str]:
    """The keys of all that needs an explanation."""
    rows = (*modes_ahead(cpu), *apart(cpu), *behind(peers))
    return {row.key for row in rows if row.beyond}


def page(cpu: Sequence[Comparison], peers: Sequence[Comparison]) -> str:
    three, two = list(apart(cpu)), list(behind(peers))
    heads = ("model, batch", "task", *NATIVE, "fastest over slowest")
    first = _table(heads, three)
    second = _table(("model, batch", "task", "original", "ours", "speed"), two)
    return TEXT.format(
        modes=modes.table(cpu),
        why_modes=_reasons(list(modes_ahead(cpu))),
        inference=APART["inference"],
        training=APART["training"],
        behind=BEHIND,
        apart=first,
        why_apart=_reasons(three),
        peers=second,
        why_peers=_reasons(two),
    )


def _table(heads: Sequence[str], rows: Sequence[Row]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        *values, last = row.values
        shown = f"**{last}**" if row.beyond else last
        lines.append(f"| {' | '.join((*values, shown))} |")
    return "\n".join(lines)


def _reasons(rows: Sequence[Row]) -> str:
    needed = [row for row in rows if row.beyond]
    said = [f"- {row.key}: {row.explained or 'NOT EXPLAINED'}" for row in needed]
    return "\n".join(said) or "None is."


TEXT = """\
# Speed on a CPU

Generated from the records (`make records`, then `python -m benchmarks.speed`): one
core, float32, ratios of one run in turns.

## Which mode

By what a model takes; in brackets what the best other mode reached of the recommended
one's speed. `benchmarks/modes.py` has the same for programs. A device without records
has what the frameworks' own guides advise: `compiled` in PyTorch, for images
`compiled-nhwc`; `xla` in Keras on TensorFlow, `compiled` on its other back ends and in
JAX. `compiled-ynn-off` is the same program of JAX in a process with
`XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type=`, where XLA's CPU fuses nothing into
a product.

{modes}

Models for which another mode is faster by more than 5 %:

{why_modes}

## The three beside one another

Speed relative to PyTorch, each framework in its fastest mode. What is further apart
than {inference} in inference or {training} in training is in bold, with its cause
below; * where the machine was disturbed.

{apart}

{why_apart}

## Ours beside the originals

Speed of ours over the public original's with the same weights, in the same mode, with
the bootstrap's 95 %. An interval that begins below {behind}, or a median further below
1 than two processes of one model differ, is in bold, with its cause below.

{peers}

{why_peers}
"""


if __name__ == "__main__":
    write_text(PAGE, page(records.read(CPU), records.read(PEERS)))
