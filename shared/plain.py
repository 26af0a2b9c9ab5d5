"""Results as JSON: dataclasses as objects, what is not finite as null."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return value


def to_json(value: object) -> str:
    return json.dumps(plain(value), indent=1)


def to_json_lines(values: Iterable[object] | object) -> str:
    items = values if isinstance(values, Iterable) else [values]
    return "\n".join(json.dumps(plain(item)) for item in items)
