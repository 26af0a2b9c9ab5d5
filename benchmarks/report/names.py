"""Every page by its name, for the search of the site."""

import json
from collections.abc import Iterable, Sequence

from benchmarks.report import optimizers, prose, recipes
from benchmarks.report.families import Family
from shared.catalog import VARIANTS, family_of
from shared.porting import ENTRIES

Entry = tuple[str, str, str]  # name, kind, address


def listed(
    menu: Sequence[tuple[str, str]],
    families: Sequence[Family],
    compared: Iterable[tuple[str, str]],
) -> str:
    """A script that sets them, so that it can be read from disk."""
    found: list[Entry] = [(name, "page", to) for name, to in menu]
    found += [(f.title, "model", f"models/{f.name}.html") for f in families]
    found += [
        (name, "variant", f"models/{family_of(one.spec)}.html#variant-{name}")
        for name, one in VARIANTS.items()
    ]
    found += [
        (kind, f"optimizer {' '.join(presets)}", f"optimizers/{prose.slug(kind)}.html")
        for kind, presets in optimizers.kinds().items()
    ]
    found += [
        (entry.title or chapter.title, "difference", f"differences.html#{entry.key}")
        for chapter in prose.differences()[1]
        for entry in chapter.entries
    ]
    found += [
        (name, f"porting {entry.key}", f"porting.html#{entry.key}")
        for entry in ENTRIES.values()
        for name in entry.names
    ]
    found += [
        (part.title, "recipe of a test", f"testing.html#{part.key}")
        for parts in recipes.recipes()
        for part in parts
    ]
    found += [(title, "benchmark", to) for title, to in compared]
    return f"window.PAGES = {json.dumps(found, indent=0)};\n"
