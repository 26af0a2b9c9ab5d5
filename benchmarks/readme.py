"""README's tables and its picture, from the committed record of one `triptych compare`.

`make readme` runs the comparison, replaces the record and writes both anew; `make
records` times a model of every family for the table of throughput. In a second, from
the records as they are: `python -m benchmarks.readme`, as after a new family, which is
not timed yet.
"""

import json
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from benchmarks import records, statistics
from benchmarks.records import RECORDS, Comparison
from parity_tests import oracles
from parity_tests.engine import Check
from shared.catalog import FAMILIES, VARIANTS, family_of
from shared.files.writing import write_bytes, write_text
from shared.frameworks import NATIVE

ROOT = Path(__file__).resolve().parent.parent
FAULTS = ROOT / "triptych" / "faults" / "record.json"
CHECKS = RECORDS / "compare.json"
TIMINGS = RECORDS / "compare.jsonl"
CPU = [RECORDS / "cpu.jsonl"]
ALL = [*CPU, RECORDS / "modes_cpu.jsonl"]
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "compare.svg"
BARS = {"pytorch": "#ee4c2c", "keras": "#d00000", "jax": "#5e97f6"}
TASKS = ("inference", "training")
TIERS = ("forward/evaluation", "forward/training", "gradients", "buffers")


def committed() -> tuple[list[Check], list[Comparison]]:
    checks = json.loads(CHECKS.read_text())["checks"]
    return [Check(**check) for check in checks], records.read([TIMINGS])


def certificate(checks: Sequence[Check]) -> str:
    """Write one row a model: the largest difference of any two frameworks, by tier."""
    found = {(check.model, check.tier): check for check in checks}
    models = dict.fromkeys(check.model for check in checks)
    lines = [
        f"| model | names, counts, exchange | {' | '.join(TIERS)} | oracle |",
        f"|---|---|{'---|' * len(TIERS)}---|",
    ]
    for model in models:
        exact = all(found[model, t].passed for t in ("names", "counts", "exchange"))
        cells = [found[model, tier].said for tier in TIERS]
        said = "exact" if exact else "FAIL"
        cells.append(_oracles(family_of(VARIANTS[model].spec)))
        lines.append(f"| `{model}` | {said} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _oracles(family: str) -> str:
    """Name a family's oracles, each with the largest difference from it."""
    held = oracles.recorded().get(family, [])
    return "; ".join(f"{one.oracle}: {_size(one.error)}" for one in held) or "none"


def _size(error: float) -> str:
    return f"{error:.1e}" if error else "exact"


def picture(timings: Sequence[Comparison]) -> str:
    """Draw bars of speed relative to PyTorch, to be read in light and in dark."""
    ended = [(t.setting, t.end.results) for t in timings if t.end]
    best = max(result.ratio for _, found in ended for result in found)
    parts, y = [], 24
    for setting, found in ended:
        title = f"{setting.model}, {setting.task}, batch {setting.batch}"
        parts.append(f'<text x="0" y="{y}" class="m">{title}</text>')
        for result in found:
            y += 20
            framework = result.contender.partition("/")[0]
            width = 420 * result.ratio / best
            span = statistics.spanned(result.low, result.high, 2)
            parts += [
                f'<text x="0" y="{y + 11}">{framework}</text>',
                f'<rect x="70" y="{y}" width="{width:.0f}" height="14" rx="2" '
                f'fill="{BARS[framework]}"/>',
                f'<text x="{78 + width:.0f}" y="{y + 11}">{result.ratio:.2f}'
                f"{span and f' [{span}]'}</text>",
            ]
        y += 38
    style = (
        "text{font:12px system-ui,sans-serif;fill:#24292f}.m{font-weight:600}"
        "@media(prefers-color-scheme:dark){text{fill:#e6e8eb}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y - 10}" '
        f'role="img" aria-label="Speed relative to PyTorch">'
        f"<style>{style}</style>{''.join(parts)}</svg>\n"
    )


def throughput(found: Sequence[Comparison]) -> str:
    """Write one row a model and task: speed over the first contender's, which is 1. Of
    each it takes the last comparison; * marks a disturbed machine."""
    last = {(c.setting.model, c.setting.task): c for c in found if c.end}
    names = list(
        dict.fromkeys(k.name for c in last.values() for k in c.start.contenders)
    )
    heads = " | ".join(name.replace("/", " ") for name in names)
    lines = [
        f"| model, batch | task | {heads} |",
        f"|---|---|{'---:|' * len(names)}",
    ]
    for (model, task), comparison in last.items():
        assert comparison.end
        ratios = {r.contender: r.ratio for r in comparison.end.results}
        best = max(ratios.values(), default=0.0)
        cells = [_ratio(ratios.get(name), best) for name in names]
        mark = " *" if comparison.end.noisy else ""
        batch = comparison.setting.batch
        lines.append(f"| `{model}`, {batch} | {task}{mark} | {' | '.join(cells)} |")
    missing = untimed(records.read(ALL))
    if missing:
        lines += ["", textwrap.fill(f"Not timed yet: {', '.join(missing)}.", 90)]
    return "\n".join(lines)


def untimed(found: Sequence[Comparison]) -> list[str]:
    """The families of which no model was timed at every task in every framework."""
    timed = {
        (c.setting.family, c.setting.task)
        for c in found
        if c.end and {r.contender.split("/")[0] for r in c.end.results} >= set(NATIVE)
    }
    return [f for f in FAMILIES if not all((f, task) in timed for task in TASKS)]


def _ratio(ratio: float | None, best: float) -> str:
    if ratio is None:
        return "failed"
    said = f"{ratio:.2f}"
    return f"**{said}**" if ratio == best else said


def faults() -> str:
    """What came of the last `make faults`."""
    said = json.loads(FAULTS.read_text())
    end = "nothing broke" if not said["broken"] else f"{said['broken']} broke something"
    return textwrap.fill(
        "What a stranger's file or a slip of a hand does: `make faults` gave readers, "
        "specs, records, checkpoints and command lines "
        f"{said['cases']:,} damaged or odd inputs: "
        f"{said['read']:,} were taken, with the values that another decoder gives or "
        f"that can be, {said['refused']:,} refused in one line. Among them runs "
        f"and commands were killed or stopped at {said['ends']:,} moments, and "
        f"went on to the same bits or told why not. Of all of it {end} "
        f"(`{FAULTS.relative_to(ROOT)}`).",
        92,
        break_on_hyphens=False,
        break_long_words=False,
    )


def fill(readme: str, checks: Sequence[Check], found: Sequence[Comparison]) -> str:
    """Write README with the tables between their markers replaced."""
    for name, table in (
        ("certificate", certificate(checks)),
        ("throughput", throughput(found)),
        ("faults", faults()),
    ):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        with_table = rf"\g<1>{table}\n\g<2>"
        readme = re.sub(pattern, with_table, readme, flags=re.DOTALL)
    return readme


def take(folder: Path) -> None:
    """Replace the record by what `triptych compare` wrote to this folder."""
    plain = json.loads((folder / "compare.json").read_text())
    kept = {k: plain[k] for k in ("date", "revision", "machine", "checks")}
    write_text(CHECKS, json.dumps(kept, indent=1) + "\n")
    write_bytes(TIMINGS, (folder / "compare.jsonl").read_bytes())


def write() -> None:
    """The tables and the picture anew, from the records as they are."""
    checks, timings = committed()
    write_text(PICTURE, picture(timings))
    write_text(README, fill(README.read_text(), checks, records.read(CPU)))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        take(Path(argument))
    write()
