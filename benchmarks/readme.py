"""README's tables and its picture, from the committed record of one `triptych compare`.

`make readme` runs the comparison, replaces the record and writes both anew.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.compare import BARS
from parity_tests.engine import Check

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "records" / "compare.json"
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "compare.svg"
TIERS = ("forward/evaluation", "forward/training", "gradients", "buffers")


def certificate(record: dict[str, Any]) -> str:
    """One row a model: the largest difference of any two frameworks, by tier."""
    checks = [Check(**check) for check in record["checks"]]
    found = {(check.model, check.tier): check for check in checks}
    models = dict.fromkeys(check.model for check in checks)
    lines = [
        f"| model | names, counts, exchange | {' | '.join(TIERS)} |",
        f"|---|---|{'---|' * len(TIERS)}",
    ]
    for model in models:
        exact = all(found[model, t].passed for t in ("names", "counts", "exchange"))
        cells = [found[model, tier].said for tier in TIERS]
        said = "exact" if exact else "FAIL"
        lines.append(f"| `{model}` | {said} | {' | '.join(cells)} |")
    return "\n".join(lines)


def picture(record: dict[str, Any]) -> str:
    """Bars of speed relative to PyTorch; it reads in light and in dark."""
    timings = record["timings"]
    models = list(dict.fromkeys(timing["model"] for timing in timings))
    best = max(timing["ratio"] for timing in timings)
    parts, y = [], 24
    for model in models:
        batch = next(t["batch"] for t in timings if t["model"] == model)
        parts.append(f'<text x="0" y="{y}" class="m">{model}, batch {batch}</text>')
        for timing in (t for t in timings if t["model"] == model):
            y += 20
            width = 420 * timing["ratio"] / best
            colour = BARS[timing["framework"]]
            span = f"[{timing['ratio_low']:.2f}, {timing['ratio_high']:.2f}]"
            parts += [
                f'<text x="0" y="{y + 11}">{timing["framework"]}</text>',
                f'<rect x="70" y="{y}" width="{width:.0f}" height="14" rx="2" '
                f'fill="{colour}"/>',
                f'<text x="{78 + width:.0f}" y="{y + 11}">{timing["ratio"]:.2f} '
                f"{span}</text>",
            ]
        y += 38
    style = (
        "text{font:12px system-ui,sans-serif;fill:#24292f}.m{font-weight:600}"
        "@media(prefers-color-scheme:dark){text{fill:#e6e8eb}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y - 10}" '
        f'role="img" aria-label="Inference speed relative to PyTorch">'
        f"<style>{style}</style>{''.join(parts)}</svg>\n"
    )


def fill(readme: str, record: dict[str, Any]) -> str:
    """README with the table between its markers replaced."""
    pattern = r"(<!-- certificate -->\n).*?(<!-- end -->)"
    table = certificate(record)
    return re.sub(pattern, lambda m: f"{m[1]}{table}\n{m[2]}", readme, flags=re.DOTALL)


def main(source: Path) -> None:
    record = json.loads(source.read_text())
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    PICTURE.write_text(picture(record))
    README.write_text(fill(README.read_text(), record))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
