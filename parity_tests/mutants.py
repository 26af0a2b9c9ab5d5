"""Does parity fail when it should? One change in one place of one framework, each
checked by the tiers of parity against another framework's unchanged evidence; in the
native definitions (optimizers, losses, boxes ...) against those in NumPy.

    python -m parity_tests.mutants [FAMILY ... layers objectives] [--json FILE]
    python -m parity_tests.mutants --definitions [optimizers losses boxes ...] ...
    python -m parity_tests.mutants --together [FAMILY ...]   # in all three at once
    python -m parity_tests.mutants --read FILE ... [--again] --json FILE
    python -m parity_tests.mutants --read FILE ... --docs docs/mutants.md
"""

import argparse
import ast
import json
import os
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

from parity_tests import kept, mutants_page, oracles, touched
from parity_tests.changes import changed
from parity_tests.definition_judge import PARTS, DefinitionJudge
from parity_tests.engine import Workers
from parity_tests.model_judge import (
    LAYERS,
    OBJECTIVES,
    REFERENCE,
    TIERS,
    Judge,
    Mutant,
    Together,
    part_of,
)
from parity_tests.mutants_page import Outcome, explanations, key
from parity_tests.touched import Seen
from shared.catalog import FAMILIES, VARIANTS, family_of, place_of
from shared.files.writing import append_line, write_text
from shared.frameworks import NATIVE, PACKAGES, ROOT

# Methods of a spec that do not say what its model computes.
ASIDE = ("starts", "start", "examples", "wanted", "unnamed_products", "programs")


# Making them


def mutants_of(framework: str, path: Path) -> Iterator[Mutant]:
    """Make every mutant of one file."""
    text, name = path.read_text(), str(path.relative_to(ROOT))
    lines, part = text.splitlines(), part_of(name)
    definition, layer = part in PARTS, part == LAYERS
    of = owners(text, tables=layer) if definition or layer else {}
    for line, change, source in changed(text, definition):
        code, owner = lines[line - 1].strip(), of.get(line, "")
        yield Mutant(framework, name, line, code, change, source, owner)


def owners(text: str, tables: bool) -> dict[int, str]:
    """Give, by line, the class or function of the file's outermost level, or the
    table."""
    return {
        line: name
        for node in ast.parse(text).body
        for name in _defined(node, tables)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def _defined(node: ast.stmt, tables: bool) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if tables and isinstance(node, ast.Assign):
        return [one.id for one in node.targets if isinstance(one, ast.Name)]
    if tables and isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


# Judging them


def gather(names: list[str], frameworks: set[str]) -> dict[str, dict[str, Seen]]:
    """What the unchanged frameworks say of these models, and run for it."""
    found: dict[str, dict[str, Seen]] = {}
    for framework in sorted(frameworks):
        with Workers() as workers:
            worker = workers.get(framework, "float64")
            found[framework] = {
                name: touched.seen(worker, name, TIERS) for name in names
            }
    return found


def copied(root: Path) -> None:
    """The suite, for a judge to change files in."""
    packages = [PACKAGES[framework] for framework in NATIVE]
    for part in ("shared", *packages, "parity_tests", "benchmarks", "triptych", "docs"):
        shutil.copytree(ROOT / part, root / part)
    shutil.copy(ROOT / "pyproject.toml", root)


def run(
    mutants: list[Mutant], names: list[str], say: "Progress", together: bool = False
) -> list[Outcome]:
    without = (OBJECTIVES, *PARTS)
    of_models = {m.framework for m in mutants if part_of(m.path) not in without}
    of_layers = {m.framework for m in mutants if part_of(m.path) == LAYERS}
    others = set() if together else {REFERENCE[framework] for framework in of_models}
    seen = gather(names, others | of_layers)
    explained = explanations()
    outcomes: list[Outcome] = []

    def work(framework: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            copied(root)
            kind = Together if together else Judge
            given = [seen.get(f, {}) for f in (REFERENCE[framework], framework)]
            models = kind(framework, root, *given)
            definitions = DefinitionJudge(framework, root)
            try:
                for mutant in [m for m in mutants if m.framework == framework]:
                    of_definition = part_of(mutant.path) in PARTS
                    judge = definitions if of_definition else models
                    by = judge.judge(mutant)
                    why = explained.get(key(mutant), "")
                    outcome = outcome_of(mutant, by, why)
                    outcomes.append(outcome)
                    say.done(outcome)
            finally:
                models.close()
                definitions.workers.close()

    with ThreadPoolExecutor(max_workers=3) as pool:
        list(pool.map(work, NATIVE))
    return outcomes


def outcome_of(mutant: Mutant, by: str, explained: str) -> Outcome:
    of_mutant = {k: v for k, v in asdict(mutant).items() if k != "source"}
    return Outcome(**of_mutant, caught=bool(by), by=by[:200], explained=explained)


class Progress:
    """Says how far it is; each outcome goes to the file at once."""

    def __init__(self, total: int, file: Path | None = None):
        self.total, self.finished, self.lock = total, 0, threading.Lock()
        self.file = file

    def done(self, outcome: Outcome) -> None:
        with self.lock:
            self.finished += 1
            if self.file is not None:
                append_line(self.file, json.dumps(asdict(outcome)), synced=False)
            mark = "caught  " if outcome.caught else "SURVIVED"
            place = f"{outcome.path}:{outcome.line}"
            print(f"{self.finished}/{self.total} {mark} {place} {outcome.change}")
            sys.stdout.flush()


def collect(names: list[str], frameworks: list[str]) -> list[Mutant]:
    """Make the mutants of these files. names: of families, of PARTS, and LAYERS and
    OBJECTIVES for what the families share."""
    found: list[Mutant] = []
    for framework in frameworks:
        folder = ROOT / PACKAGES[framework]
        files = [
            folder / "models" / place_of(name) for name in names if name in FAMILIES
        ]
        for room in (LAYERS, OBJECTIVES):
            if room in names:
                files += sorted((folder / room).glob("*.py"))
        for name in [name for name in names if name in PARTS]:
            files += [folder / f"{name}.py", *sorted((folder / name).glob("*.py"))]
        for file in files:
            if file.exists():
                found += mutants_of(framework, file)
    return found


def everything() -> list[Mutant]:
    """Make every mutant of a family, of what families share, and of a definition."""
    return collect([*FAMILIES, LAYERS, OBJECTIVES, *PARTS], list(NATIVE))


def common(family: str) -> list[Mutant]:
    """Mistakes that all three may share: in a model's file, and in the spec's before
    its variants. What a model starts from is no matter of its function."""
    framework = oracles.home(family)
    path = ROOT / "shared" / "specs" / place_of(family)
    tree = ast.parse(path.read_text()).body
    lines = {
        line
        for kind in tree
        if isinstance(kind, ast.ClassDef)
        for node in kind.body
        if isinstance(node, ast.FunctionDef) and node.name not in ASIDE
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    of_spec = [m for m in mutants_of(framework, path) if m.line in lines]
    return collect([family], [framework]) + of_spec


# Telling


def read(files: list[Path]) -> list[Outcome]:
    """Read outcomes of earlier runs, and give them the explanations of today."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    outcomes = [Outcome(**json.loads(line)) for line in lines]
    explained = explanations()
    return [replace(o, explained=explained.get(key(o), "")) for o in outcomes]


def again(outcomes: list[Outcome]) -> list[Outcome]:
    """Judge the survivors of earlier runs anew, by the tests of today."""
    wanted = {key(o) for o in outcomes if not o.caught}
    parts = {part_of(o.path) for o in outcomes if not o.caught}
    frameworks = sorted({o.framework for o in outcomes})
    mutants = [m for m in collect(sorted(parts), frameworks) if key(m) in wanted]
    names = [name for name, variant in VARIANTS.items() if variant.tiny]
    found = run(mutants, names, Progress(len(mutants)))
    return [o for o in outcomes if key(o) not in wanted] + found


def unjudged(mutants: list[Mutant], outcomes: list[Outcome]) -> list[Mutant]:
    """Leave out those with an outcome; of several alike in one line as many."""
    judged = Counter(key(outcome) for outcome in outcomes)
    left = []
    for mutant in mutants:
        judged[key(mutant)] -= 1
        if judged[key(mutant)] < 0:
            left.append(mutant)
    return left


def summary(outcomes: list[Outcome]) -> str:
    caught = sum(o.caught for o in outcomes)
    explained = sum(not o.caught and bool(o.explained) for o in outcomes)
    rate = f"{caught / len(outcomes):.1%}"
    return (
        f"{caught} of {len(outcomes)} mutants caught ({rate}), {explained} explained, "
        f"{len(outcomes) - caught - explained} not"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m parity_tests.mutants")
    parser.add_argument(
        "names", nargs="*", help="families, layers, objectives or definitions; all"
    )
    parser.add_argument("--definitions", action="store_true", help="these alone")
    parser.add_argument(
        "--together", action="store_true", help="as if all three had it: the oracles"
    )
    parser.add_argument("--framework", choices=NATIVE, action="append")
    parser.add_argument("--every", type=int, default=1, help="judge each n-th alone")
    parser.add_argument("--json", type=Path, help="write the outcomes here")
    parser.add_argument("--read", type=Path, action="append", help="outcomes to read")
    parser.add_argument("--docs", type=Path, help="write the page about them here")
    parser.add_argument("--resume", action="store_true", help="what FILE lacks alone")
    parser.add_argument("--again", action="store_true", help="judge survivors anew")
    options = parser.parse_args(arguments)
    os.environ.setdefault("XLA_FLAGS", kept.QUICK)
    if options.read:
        outcomes = read(options.read)
        if options.again:
            outcomes = again(outcomes)
    else:
        models = [] if options.definitions else [*FAMILIES, LAYERS, OBJECTIVES]
        named = options.names or [*models, *PARTS]
        if options.together:
            families = options.names or list(FAMILIES)
            mutants = [mutant for family in families for mutant in common(family)]
        else:
            mutants = collect(named, options.framework or list(NATIVE))
        mutants = mutants[:: options.every]
        outcomes = []
        if options.json and options.resume and options.json.exists():
            outcomes = read([options.json])
        elif options.json:
            write_text(options.json, "")
        mutants = unjudged(mutants, outcomes)
        parts = {part_of(mutant.path) for mutant in mutants}
        names = [
            name
            for name, variant in VARIANTS.items()
            if variant.tiny and (LAYERS in parts or family_of(variant.spec) in parts)
        ]
        say = Progress(len(mutants), options.json)
        outcomes += run(mutants, names, say, options.together)
    if options.json and options.read:
        lines = [json.dumps(asdict(outcome)) for outcome in outcomes]
        write_text(options.json, "\n".join(lines) + "\n")
    if options.docs:
        rows = mutants_page.merged(outcomes, everything())
        mutants_page.write(rows)
        write_text(options.docs, mutants_page.page(rows, everything()))
    for outcome in outcomes:
        if not outcome.caught:
            why = outcome.explained or "NOT EXPLAINED"
            print(f"survived: {outcome.path}:{outcome.line} {outcome.change} ({why})")
    print(summary(outcomes))
    return 0 if all(o.caught or o.explained for o in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
