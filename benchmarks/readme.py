"""README's tables and its picture, from the committed record of one `triptych compare`.

`make readme` runs the comparison, replaces the record and writes both anew.
"""

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import records
from benchmarks.compare import BARS
from benchmarks.records import RECORDS, Comparison
from parity_tests.engine import Check

ROOT = Path(__file__).resolve().parent.parent
CHECKS = RECORDS / "compare.json"
TIMINGS = RECORDS / "compare.jsonl"
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "compare.svg"
TIERS = ("forward/evaluation", "forward/training", "gradients", "buffers")


def committed() -> tuple[list[Check], list[Comparison]]:
    checks = json.loads(CHECKS.read_text())["checks"]
    return [Check(**check) for check in checks], records.read([TIMINGS])


def certificate(checks: Sequence[Check]) -> str:
    """One row a model: the largest difference of any two frameworks, by tier."""
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


def picture(timings: Sequence[Comparison]) -> str:
    """Bars of speed relative to PyTorch; it reads in light and in dark."""
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
            span = f"[{result.low:.2f}, {result.high:.2f}]"
            parts += [
                f'<text x="0" y="{y + 11}">{framework}</text>',
                f'<rect x="70" y="{y}" width="{width:.0f}" height="14" rx="2" '
                f'fill="{BARS[framework]}"/>',
                f'<text x="{78 + width:.0f}" y="{y + 11}">{result.ratio:.2f} '
                f"{span}</text>",
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


def fill(readme: str, checks: Sequence[Check]) -> str:
    """README with the table between its markers replaced."""
    pattern = r"(<!-- certificate -->\n).*?(<!-- end -->)"
    table = certificate(checks)
    return re.sub(pattern, lambda m: f"{m[1]}{table}\n{m[2]}", readme, flags=re.DOTALL)


def main(folder: Path) -> None:
    """folder: where `triptych compare` wrote."""
    plain = json.loads((folder / "compare.json").read_text())
    CHECKS.write_text(json.dumps({"checks": plain["checks"]}, indent=1) + "\n")
    shutil.copyfile(folder / "compare.jsonl", TIMINGS)
    checks, timings = committed()
    PICTURE.write_text(picture(timings))
    README.write_text(fill(README.read_text(), checks))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
