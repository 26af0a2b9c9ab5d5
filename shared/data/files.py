"""Where files of published data sets are looked for."""

import os
from pathlib import Path

from shared.errors import UsageError

VARIABLE = "TRIPTYCH_DATA"


def data_folder(name: str, files: list[str]) -> Path:
    """$TRIPTYCH_DATA/name, which must hold these files, packed by gzip or not."""
    place = os.environ.get(VARIABLE)
    if not place:
        raise UsageError(
            f"{name}: set ${VARIABLE} to the folder that holds {name}/{files[0]}"
        )
    folder = Path(place) / name
    missing = [
        file
        for file in files
        if not (folder / file).is_file() and not (folder / f"{file}.gz").is_file()
    ]
    if missing:
        raise UsageError(f"{folder}: {', '.join(missing)} not found (${VARIABLE})")
    return folder
