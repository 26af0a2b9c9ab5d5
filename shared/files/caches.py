"""What can be fetched or made again is kept in $TRIPTYCH_CACHE, or ~/.cache/triptych.

Each kind has a folder of its own, which may be deleted at any time.
"""

import os
from pathlib import Path

VARIABLE = "TRIPTYCH_CACHE"


def folder(kind: str) -> Path:
    place = os.environ.get(VARIABLE)
    root = Path(place) if place else Path("~/.cache/triptych").expanduser()
    return root.absolute() / kind
