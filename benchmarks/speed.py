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
from shared import catalog
from shared.worker import NATIVE

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "speed.md"
EXPLAINED = Path(__file__).with_name("speed_explained.json")
CPU = sorted(RECORDS.glob("cpu*.jsonl"))
PEERS = sorted(RECORDS.glob("peers*.jsonl"))
# Of the slowest of the three over the fastest, in seconds.
APART = {"inference": 1.25, "training": 1.5}
# Of ours over an original: the interval's lower end.
BEHIND = 0.95


@dataclass(frozen=True)
class Row:
    """values: as the page shows them. explained: why it is beyond its bound."""

    key: str
    values: tuple[str, ...]
    beyond: bool
    explained: str


def explanations() -> dict[str, str]:
    found: dict[str, str] = json.loads(EXPLAINED.read_text())
    return found


def apart(found: Sequence[Comparison]) -> Iterator[Row]:
    """Each framework in its recommended mode; of each model and task the last."""
    why = explanations()
    last = {(c.setting.model, c.setting.task): c for c in found if c.end}
    for (model, task), comparison in last.items():
        assert comparison.end
        kind = kind_of(catalog.variant(model).spec)
        device = comparison.setting.device
        if task not in APART:
            continue
        wanted = {f"{f}/{recommended(f, device, task, kind)}": f for f in NATIVE}
        ratios = {
            wanted[r.contender]: r.ratio
            for r in comparison.end.results
            if r.contender in wanted
        }
        if not ratios:
            continue
        factor = max(ratios.values()) / min(ratios.values())
        key = f"{model}, {task}"
        said = [f"{ratios[f]:.2f}" if f in ratios else "failed" for f in NATIVE]
        beyond = factor > APART[task] or len(ratios) < len(NATIVE)
        name = f"`{model}`, {comparison.setting.batch}"
        values = (name, task, *said, f"{factor:.2f}")
        yield Row(key, values, beyond, why.get(key, "") if beyond else "")


def behind(found: Sequence[Comparison]) -> Iterator[Row]:
    """Ours over an original in the same mode: speed, median and interval."""
    why = explanations()
    for comparison in found:
        if comparison.end is None:
            continue
        results = {r.contender: r for r in comparison.end.results}
        for contender in comparison.start.contenders:
            own = f"{contender.framework}/{contender.mode}"
            if not contender.peer or not {own, contender.name} <= set(results):
                continue
            theirs, ours = results[contender.name], results[own]
            # A ratio is of speeds over the reference, which is ours.
            assert ours.verdict == "reference"
            ratio, low, high = (1 / r for r in (theirs.ratio, theirs.high, theirs.low))
            setting = comparison.setting
            key = f"{setting.model}, {setting.task}, {contender.peer}"
            name = f"`{setting.model}`, {setting.batch}"
            said = f"{ratio:.2f} [{low:.2f}, {high:.2f}]"
            beyond = low < BEHIND
            values = (name, setting.task, contender.peer, own, said)
            yield Row(key, values, beyond, why.get(key, "") if beyond else "")


def page(cpu: Sequence[Comparison], peers: Sequence[Comparison]) -> str:
    three, two = list(apart(cpu)), list(behind(peers))
    heads = ("model, batch", "task", *NATIVE, "fastest over slowest")
    first = _table(heads, three)
    second = _table(("model, batch", "task", "original", "ours", "speed"), two)
    return TEXT.format(
        modes=modes.table(cpu),
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
    beyond = [row for row in rows if row.beyond]
    said = [f"- {row.key}: {row.explained or 'NOT EXPLAINED'}" for row in beyond]
    return "\n".join(said) or "None is."


TEXT = """\
# Speed on a CPU

Generated from the records (`make records`, then `python -m benchmarks.speed`): one core,
float32, ratios of one run in turns.

## Which mode

By what a model takes; in brackets what the best other mode reached of the recommended
one's speed. `benchmarks/modes.py` has the same for programs.

{modes}

## The three beside one another

Speed relative to PyTorch, each framework in its recommended mode. What is further apart
than {inference} in inference or {training} in training is in bold, with its cause below.

{apart}

{why_apart}

## Ours beside the originals

Speed of ours over the public original's with the same weights, in the same mode, with the
bootstrap's 95 %. An interval that begins below {behind} is in bold, with its cause below.

{peers}

{why_peers}
"""


if __name__ == "__main__":
    PAGE.write_text(page(records.read(CPU), records.read(PEERS)))
