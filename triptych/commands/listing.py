"""`triptych list`: families, variants, their parameters, and who counted them."""

from pathlib import Path
from typing import Any

from rich.table import Table

from shared.catalog import family_of, select
from shared.files.sources import implementations
from triptych.commands.terminal import console_for, write_json


def run(names: list[str], json: Path | None) -> None:
    rows: list[dict[str, Any]] = [
        {
            "family": family_of(variant.spec),
            "model": name,
            "parameters": variant.parameters,
            "source": variant.source,
            "tiny": variant.tiny,
            "frameworks": implementations(family_of(variant.spec)),
        }
        for name, variant in select(names).items()
    ]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("family", "model"):
        table.add_column(column)
    table.add_column("parameters", justify="right")
    table.add_column("count from")
    table.add_column("frameworks")
    for row in rows:
        cells = [row["family"], row["model"], f"{row['parameters']:,}", row["source"]]
        table.add_row(*cells, " ".join(row["frameworks"]))
    console_for(json).print(table)
    write_json(json, rows)
