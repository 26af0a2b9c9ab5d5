"""`triptych compare`: parity of every family's small models, a first timing, a page."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from benchmarks.bench import Options, works
from benchmarks.measure import Stable, Way, cores, measure
from benchmarks.records import Comparison, Contender, Result
from parity_tests.engine import Check, Workers
from parity_tests.run import Job, run
from shared.catalog import FAMILIES, VARIANTS, family_of, variant
from shared.weights import write_bytes
from shared.worker import NATIVE

PARITY_TIERS = ("names", "counts", "exchange", "forward", "gradients", "buffers")
ROUNDS = 7
BARS = {"pytorch": "#ee4c2c", "keras": "#d00000", "jax": "#5e97f6"}
# As people run each framework fast on a CPU.
WAYS = (Way("pytorch", "eager"), Way("keras", "compiled"), Way("jax", "compiled"))


@dataclass(frozen=True)
class Timed:
    """A catalog model, the fields of its spec that are changed, and the batch."""

    model: str
    batch: int
    changes: tuple[tuple[str, int], ...] = ()

    @property
    def options(self) -> Options:
        changes = dict(self.changes)
        return Options(tasks=TASKS, batch=self.batch, changes=changes, rounds=ROUNDS)


TASKS = ("inference", "training")
TIMED = (
    Timed("mlp_784_128_10", 64),
    Timed("lenet", 64),
    Timed("resnet18", 8, (("image_size", 64),)),
    Timed("lstm_3l_250h", 8, (("length", 50),)),
    Timed("char_gpt", 2, (("tokens", 128),)),
)


def compare(
    path: Path, say: Callable[[str], None]
) -> tuple[list[Check], list[Comparison]]:
    """Parity of the first small model of each family, then the timing of a few: of
    families that passed. path: where the lines of the timing are added."""
    names = [_first_tiny(family) for family in FAMILIES]
    checks: list[Check] = []
    with Workers() as workers:
        for name in names:
            say(f"parity of {name}")
            checks += run([Job(name, NATIVE, PARITY_TIERS)], workers, "float64")
    found = []
    with Stable("float32", "cpu", 1, cores(1)) as stable:
        for timed in timed_of(checks):
            for work in works(timed.model, timed.options, stable):
                say(f"timing {timed.model}, {work.setting.task}")
                found.append(measure(work, WAYS, stable, ROUNDS, path))
    return checks, found


def timed_of(checks: Sequence[Check]) -> list[Timed]:
    """What fell short is not worth a timing."""
    short = {family_of(variant(c.model).spec) for c in checks if not c.passed}
    return [t for t in TIMED if family_of(variant(t.model).spec) not in short]


def steps() -> int:
    """How often `compare` says what it is at."""
    return len(FAMILIES) + len(TIMED) * len(TASKS)


def _first_tiny(family: str) -> str:
    variants = FAMILIES[family].VARIANTS
    return next(name for name, found in variants.items() if found.tiny)


# The page


def write_page(
    path: Path, checks: Sequence[Check], timings: Sequence[Comparison]
) -> None:
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


def _timing(found: Sequence[Comparison]) -> str:
    parts = []
    for one in found:
        title = f"{one.setting.model}, {one.setting.task}, batch {one.setting.batch}"
        results = one.end.results if one.end else []
        best = max((r.ratio for r in results), default=1.0)
        bars = "".join(_bar(one.contender(r.contender), r, best) for r in results)
        parts.append(f"<h3>{html.escape(title)}</h3>{bars}")
    return "".join(parts)


def _bar(contender: Contender, result: Result, best: float) -> str:
    width = 100 * result.ratio / best
    return (
        f"<div class=row><span class=who>{contender.framework}</span><span class=track>"
        f'<span class=bar style="width:{width:.1f}%;background:'
        f'{BARS[contender.framework]}"></span></span><span class=value>'
        f"{result.ratio:.2f} <small>[{result.low:.2f}, {result.high:.2f}] "
        f"first call {contender.first_s:.1f} s</small></span></div>"
    )
