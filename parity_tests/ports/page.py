"""One page of a comparison, whole in itself: what differs, where, why, the names."""

import math
from collections.abc import Iterator
from html import escape

from parity_tests.ports.diff import Difference
from parity_tests.trace import Row

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem;
       padding: 0 1rem; color: #1a1a1a; background: #fff; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0;
       text-align: left; vertical-align: top; }
td.n { font-variant-numeric: tabular-nums; text-align: right; padding: .15rem .5rem; }
code { font-size: .92em; } .bad { color: #a40000; } .ok { color: #05620e; }
.first { outline: 2px solid #a40000; }
"""


def page(found: Difference) -> str:
    """The page's text; it loads nothing."""
    verdict = escape(found.trace.verdict)
    tone = "ok" if all(check.passed for check in found.checks) else "bad"
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        f"<title>{verdict}</title><style>{STYLE}</style>",
        f'<h1 class="{tone}">{verdict}</h1>',
        "<h2>Checks</h2><table>",
        *_checks(found),
        "</table><h2>Wrong places, and why</h2><table>",
        *_guilty(found),
        "</table><h2>Layers, as the first model runs them</h2><table>",
        *_layers(found),
        "</table><h2>Which layer is which</h2><table>",
        *_pairs(found),
        "</table></html>",
    ]
    return "\n".join(parts) + "\n"


def _row(*cells: str, kind: str = "td", mark: str = "") -> str:
    tone = f' class="{mark}"' if mark else ""
    inner = "".join(c if c.startswith("<t") else f"<{kind}>{c}</{kind}>" for c in cells)
    return f"<tr{tone}>{inner}</tr>"


def _checks(found: Difference) -> Iterator[str]:
    for check in found.checks:
        tone = "ok" if check.passed else "bad"
        error = "" if check.error is None else f"{check.error:.2g}"
        verdict = f'<span class="{tone}">{"ok" if check.passed else "FAIL"}</span>'
        yield _row(verdict, escape(check.tier), error, escape(check.reason))


def _guilty(found: Difference) -> Iterator[str]:
    places = [place for own in found.guilty.values() for place in own]
    if not places:
        yield _row("none")
    for place in places:
        causes = "<br>".join(escape(cause.said) for cause in place.causes)
        yield _row(f"<code>{escape(place.layer)}</code>", escape(place.said), causes)


def _layers(found: Difference) -> Iterator[str]:
    others = list(found.trace.rows[0].errors) if found.trace.rows else []
    names = {label: _names(found, label) for label in others}
    yield _row(
        "layer",
        "shape",
        *(part for label in others for part in (escape(label), "off by")),
        kind="th",
    )
    for row in found.trace.rows:
        cells = []
        for label in others:
            own = names[label].get(row.path.partition("#")[0], "")
            cells += [f"<code>{escape(own)}</code>", _heat(row, label)]
        shape = "x".join(map(str, row.shape))
        mark = "first" if row.first else ""
        yield _row(f"<code>{escape(row.path)}</code>", shape, *cells, mark=mark)


def _names(found: Difference, label: str) -> dict[str, str]:
    """The reference's layers -> the port's, of the port with this label."""
    own = next((t for t in found.matched if label.endswith(f"({t})")), "")
    return {one: two for two, one, _ in found.matched.get(own, ())}


def _heat(row: Row, label: str) -> str:
    """The redder the larger: from 1e-16 to 1."""
    error = row.errors[label]
    if error is None:
        return '<td class="n">-</td>'
    if math.isinf(error):
        return '<td class="n" style="background:#d00;color:#fff">not comparable</td>'
    share = min(max((math.log10(max(error, 1e-16)) + 16) / 16, 0.0), 1.0)
    light = 97 - 40 * share
    tone = f"background:hsl({130 * (1 - share):.0f} 70% {light:.0f}%)"
    return f'<td class="n" style="{tone}">{error:.1e}</td>'


def _pairs(found: Difference) -> Iterator[str]:
    for target, pairs in found.matched.items():
        yield _row("the first model", escape(target), "paired by", kind="th")
        for two, one, why in pairs:
            yield _row(
                f"<code>{escape(one)}</code>",
                f"<code>{escape(two)}</code>",
                escape(why),
            )
