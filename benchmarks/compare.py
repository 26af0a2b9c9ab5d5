"""`triptych compare`: parity of every family's small models, a first timing, a page."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from rich.table import Table

from benchmarks.timing import Timing, time_models
from parity_tests.engine import Check, Workers
from parity_tests.run import Job, run
from shared.catalog import FAMILIES, VARIANTS, family_of, variant
from shared.specs.base import Spec
from shared.weights import write_bytes
from shared.worker import NATIVE

PARITY_TIERS = ("names", "counts", "exchange", "forward", "gradients", "buffers")
ROUNDS = 7
BARS = {"pytorch": "#ee4c2c", "keras": "#d00000", "jax": "#5e97f6"}


@dataclass(frozen=True)
class Timed:
    """A catalog model, the fields of its spec that are changed, and the batch."""

    model: str
    batch: int
    changes: tuple[tuple[str, int], ...] = ()

    @property
    def spec(self) -> Spec:
        return replace(variant(self.model).spec, **dict(self.changes))

    @property
    def label(self) -> str:
        changed = "".join(f", {k} {v}" for k, v in self.changes)
        return f"{self.model}{changed}"


TIMED = (
    Timed("mlp_784_128_10", 64),
    Timed("lenet", 64),
    Timed("resnet18", 8, (("image_size", 64),)),
    Timed("lstm_3l_250h", 8, (("length", 50),)),
    Timed("char_gpt", 2, (("tokens", 128),)),
)


def compare(say: Callable[[str], None]) -> tuple[list[Check], list[Timing]]:
    """Parity of the first small model of each family, then the timing of a few: of
    families that passed."""
    names = [_first_tiny(family) for family in FAMILIES]
    checks: list[Check] = []
    with Workers() as workers:
        for name in names:
            say(f"parity of {name}")
            checks += run([Job(name, NATIVE, PARITY_TIERS)], workers, "float64")
    models = [(timed.label, timed.spec, timed.batch) for timed in timed_of(checks)]
    return checks, time_models(models, NATIVE, ROUNDS, say)


def timed_of(checks: Sequence[Check]) -> list[Timed]:
    """What fell short is not worth a timing."""
    short = {family_of(variant(c.model).spec) for c in checks if not c.passed}
    return [timed for timed in TIMED if family_of(timed.spec) not in short]


def steps() -> int:
    """How often `compare` says what it is at."""
    return len(FAMILIES) + len(TIMED)


def _first_tiny(family: str) -> str:
    variants = FAMILIES[family].VARIANTS
    return next(name for name, found in variants.items() if found.tiny)


def table(found: Sequence[Timing]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("inference")
    shown.add_column("framework")
    for column in ("speed", "lowest, highest", "samples/s", "first call"):
        shown.add_column(column, justify="right")
    for timing in found:
        shown.add_row(
            f"{timing.model}, batch {timing.batch}",
            timing.framework,
            f"{timing.ratio:.2f}",
            f"{timing.ratio_low:.2f}, {timing.ratio_high:.2f}",
            f"{timing.samples_per_s:,.0f}",
            f"{timing.first_call_s:.1f} s",
        )
    return shown


# The page


def write_page(path: Path, checks: Sequence[Check], timings: Sequence[Timing]) -> None:
    template = Template(Path(__file__).with_name("compare.html").read_text())
    page = template.substitute(
        verdict=_verdict(checks), parity=_parity(checks), timing=_timing(timings)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, page.encode())


def _verdict(checks: Sequence[Check]) -> str:
    failed = sum(not check.passed for check in checks)
    models = len({check.model for check in checks})
    mark = "holds" if not failed else "falls short"
    return (
        f'<strong class="{"good" if not failed else "bad"}">Parity {mark}</strong>: '
        f"{len(checks) - failed} of {len(checks)} checks over {models} models"
    )


def _parity(checks: Sequence[Check]) -> str:
    rows = []
    tiers = list(dict.fromkeys(check.tier for check in checks))
    for model in dict.fromkeys(check.model for check in checks):
        cells = [f"<th scope=row>{model}</th><td>{VARIANTS[model].parameters:,}</td>"]
        for tier in tiers:
            found = [c for c in checks if (c.model, c.tier) == (model, tier)]
            cells += [_cell(check) for check in found] or ["<td>-</td>"]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f"<th scope=col>{tier}</th>" for tier in tiers)
    head = f"<tr><th scope=col>model</th><th scope=col>parameters</th>{heads}</tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(check: Check) -> str:
    kind = {"FAIL": "bad", "none": "none"}.get(check.said, "good")
    title = html.escape(check.reason or check.worst or "")
    return f'<td class={kind} title="{title}">{check.said}</td>'


def _timing(timings: Sequence[Timing]) -> str:
    parts = []
    for model in dict.fromkeys(timing.model for timing in timings):
        mine = [timing for timing in timings if timing.model == model]
        best = max(timing.ratio for timing in mine)
        bars = "".join(_bar(timing, best) for timing in mine)
        batch = mine[0].batch
        parts.append(f"<h3>{html.escape(model)}, batch {batch}</h3>{bars}")
    return "".join(parts)


def _bar(timing: Timing, best: float) -> str:
    width = 100 * timing.ratio / best
    return (
        f"<div class=row><span class=who>{timing.framework}</span><span class=track>"
        f'<span class=bar style="width:{width:.1f}%;background:'
        f'{BARS[timing.framework]}"></span></span><span class=value>{timing.ratio:.2f} '
        f"<small>[{timing.ratio_low:.2f}, {timing.ratio_high:.2f}] "
        f"first call {timing.first_call_s:.1f} s</small></span></div>"
    )
