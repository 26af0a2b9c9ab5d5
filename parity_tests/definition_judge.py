"""What judges a mutant of a native optimizer, loss, schedule, of decoding, boxes,
diffusion or returns: the definition."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from parity_tests import defined, following, streams, tolerances
from parity_tests.engine import Workers
from parity_tests.model_judge import Mutant, part_of
from shared.definitions.losses import LOSSES
from shared.definitions.optimizers import OPTIMIZERS, AdamW, Ema, Prodigy
from shared.definitions.schedules import SCHEDULES
from shared.errors import UsageError
from shared.frameworks import PACKAGES
from shared.messages import Stream
from shared.running.client import Worker, WorkerFailure

PARTS = ("optimizers", "losses", "schedules", *defined.CASES)
FILES = {
    "optimizers": ("test_optimizers.py", "test_modern_optimizers.py"),
    "losses": ("test_losses.py",),
    "schedules": ("test_schedules.py",),
    **{part: (f"test_{part}.py",) for part in defined.CASES},
}
SHORT = 16  # updates; they show most
RENEWED = 200  # mutants after which a worker is, for what its caches hold

# A check of one kind (Adam, CTC): its name, and what it says of a worker, "" if good.
Check = tuple[str, str, Callable[[Worker], str]]


class DefinitionJudge:
    """One framework's mutants, one after another, in a copy of the suite."""

    def __init__(self, framework: str, root: Path):
        self.framework, self.root, self.count = framework, root, 0
        self.workers = Workers(timeout=90.0, root=root)
        self.last = ""
        package = PACKAGES[framework]
        self.every = {part: list(checks(part, package)) for part in PARTS}

    def judge(self, mutant: Mutant) -> str:
        """Say by which check it was caught, or ""."""
        file = self.root / mutant.path
        original = file.read_text()
        file.write_text(mutant.source)
        self.count += 1
        if self.count % RENEWED == 0:
            self.workers.close()
        part = part_of(mutant.path)
        try:
            return (
                self._import(part)
                or self._first_failure(part, mutant.owner)
                or self._failing_test(part)
            )
        finally:
            file.write_text(original)
            if self._import(part):
                self.workers.close()

    def _import(self, part: str) -> str:
        package = PACKAGES[self.framework]
        modules = [*self._inside(part), f"{package}.{part}", f"{package}.definitions"]
        try:
            self.workers.get(self.framework, "float64").reload(modules)
        except (WorkerFailure, UsageError) as failure:
            return f"import: {failure}"
        return ""

    def _inside(self, part: str) -> list[str]:
        """The modules of a part that is a folder, what they share first."""
        package = PACKAGES[self.framework]
        stems = sorted(path.stem for path in (self.root / package / part).glob("*.py"))
        first = [stem for stem in ("base", *stems) if stem in stems]
        every = [stem for stem in dict.fromkeys(first) if stem != "__init__"]
        return [f"{package}.{part}.{stem}" for stem in every]

    def _first_failure(self, part: str, owner: str) -> str:
        for name, check in self._checks(part, owner):
            try:
                reason = check(self.workers.get(self.framework, "float64"))
            except (WorkerFailure, UsageError, ValueError) as failure:
                reason = str(failure)
            if reason:
                self.last = name
                return f"{name}: {reason}"
        return ""

    def _checks(
        self, part: str, owner: str
    ) -> list[tuple[str, Callable[[Worker], str]]]:
        """Give the checks of its own kind; of all, where what was changed is no
        kind's own, and of tables the settings first. What caught the last one will
        often catch its neighbour."""
        every = self.every[part]
        own = [check for check in every if check[0].lower() == _kind(owner)]
        found = [(name, check) for _, name, check in own or every]
        if owner in ("", "_check", "check", "_Settings"):
            found.sort(key=lambda one: not one[0].startswith("settings"))
        return sorted(found, key=lambda one: one[0] != self.last)

    def _failing_test(self, part: str) -> str:
        """What else is pinned: configurations, states, files, groups."""
        files = [f"parity_tests/tests/{name}" for name in FILES[part]]
        others = "follow or clipped or accumulated or averaged"
        if part != "losses":  # of which some have a form of their own in float32
            others += " or float32"
        only = f"{self.framework} and not keras[jax] and not keras[torch]"
        command = ["-m", "pytest", "-qx", *files, "-k", f"{only} and not ({others})"]
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode > 1:
            raise RuntimeError(f"the tests could not be run: {done.stdout[-2000:]}")
        return done.stdout.strip().splitlines()[-2] if done.returncode else ""


def _kind(owner: str) -> str:
    """schedule_free_adamw, AdamState -> as the definition is called, in small."""
    if owner.startswith("_"):
        return owner
    return owner.lower().replace("_", "").removesuffix("state")


def checks(part: str, package: str) -> Iterator[Check]:
    """Every check of a part, the short ones first."""
    made = {"optimizers": _optimizers, "losses": _losses, "schedules": _schedules}
    yield from made[part](package) if part in made else _defined(part, package)


def _optimizers(package: str) -> Iterator[Check]:
    every = {**OPTIMIZERS, **following.VARIANTS}
    for name, chosen in every.items():
        given = following.scheduled(chosen, 0.1)
        given = replace(given, gradients=given.gradients[:SHORT])
        kind = type(chosen).__name__
        yield kind, f"{name}, {SHORT} updates", _follows(given)
        for start in (0.0, 1.0):
            nothing = _follows(streams.nothing(chosen, start))
            yield kind, f"{name} from {start} without gradient", nothing
    if package == PACKAGES["jax"]:
        for name, chosen in every.items():
            leaves = partial(following.leaves_of_no_tensors, chosen=chosen)
            yield type(chosen).__name__, f"{name} of no tensors", _within(leaves)
    if package == PACKAGES["pytorch"]:
        for name in following.FUSED:
            error = partial(
                following.of_foreach, given=following.scheduled(every[name], 0.1)
            )
            yield type(every[name]).__name__, f"{name} by foreach", _within(error)
    for clip in following.CLIPS:
        given = streams.stream(AdamW(weight_decay=0.1), clip=clip)
        yield type(clip).__name__, type(clip).__name__, _follows(given)
    given = streams.stream(AdamW(), SCHEDULES["warmup_cosine"])
    yield "Ema", "averages", _follows(replace(given, ema=Ema(decay=0.9)))
    yield "accumulation", "accumulated", _follows(replace(given, accumulate=4))
    yield from _settings(package, "optimizers", every)
    if package != PACKAGES["keras"]:  # Keras has its own
        yield from _settings(package, "optimizers", {"averages": Ema(decay=0.9)})
    yield "Prodigy", "rising", _follows(following.rising(Prodigy(weight_decay=0.1)))
    for name, decay in following.DECAYS:
        given = following.scheduled(every[name], decay)
        yield type(every[name]).__name__, f"{name}, decay {decay}", _follows(given)
    for name, chosen in following.VARIANTS.items():
        yield type(chosen).__name__, name, _follows(streams.stream(chosen))


def _losses(package: str) -> Iterator[Check]:
    for case in following.CASES:
        for name, loss in LOSSES.items():
            yield type(loss).__name__, f"{name}, {case}", _loss(name, case)
    yield from _settings(package, "losses", LOSSES)


def _schedules(package: str) -> Iterator[Check]:
    for name, schedule in SCHEDULES.items():
        error = partial(following.of_schedule, name=name)
        yield type(schedule).__name__, name, _within(error)
    plateaus = {f"plateau {i}": one for i, one in enumerate(following.PLATEAUS)}
    for name, plateau in plateaus.items():
        error = partial(following.of_plateau, schedule=plateau)
        yield "ReduceOnPlateau", name, _within(error)
    given = following.scheduled(OPTIMIZERS["momentum"])
    yield "Scheduled", "an optimizer", _follows(given)
    yield from _settings(package, "schedules", {**SCHEDULES, **plateaus})


def _defined(part: str, package: str) -> Iterator[Check]:
    for name, case in defined.CASES[part].items():
        yield case.kind, name, partial(_wrong, case=case)
    yield from _settings(package, part, defined.SETTINGS[part])
    for name, preset in defined.SETTINGS[part].items():
        kind = type(preset).__name__
        yield kind, f"settings of {name}, frozen", frozen(package, part, preset)


def _wrong(worker: Worker, case: defined.Case) -> str:
    return defined.of_case(worker, case).wrong


def _follows(given: Stream) -> Callable[[Worker], str]:
    return _within(partial(following.of_optimizer, given=given))


def _loss(name: str, case: str) -> Callable[[Worker], str]:
    return _within(partial(following.of_loss, name=name, case=case))


def _within(error: Callable[[Worker], float]) -> Callable[[Worker], str]:
    def check(worker: Worker) -> str:
        found = error(worker)
        return "" if found <= tolerances.OPTIMIZER else f"off by {found:.1e}"

    return check


def _settings(package: str, part: str, presets: dict[str, Any]) -> Iterator[Check]:
    for name, preset in presets.items():
        kind = type(preset).__name__
        yield kind, f"settings of {name}", settings(package, part, preset)


def frozen(package: str, part: str, preset: Any) -> Callable[[Worker], str]:
    """Check that settings are named, and stay as they are."""

    def check(worker: Worker) -> str:
        given = "parity_tests.natives:loosely", package, part, preset
        return "; ".join(worker.ask(*given))

    return check


def settings(package: str, part: str, preset: Any) -> Callable[[Worker], str]:
    """Check that it has the definition's defaults, and takes no other values."""
    has = [field for field in fields(preset) if field.default is not MISSING]
    wanted = {field.name: field.default for field in has}

    def check(worker: Worker) -> str:
        module, given = "parity_tests.natives", (package, part, preset)
        if (found := worker.ask(f"{module}:defaults", *given)) != wanted:
            return f"defaults: {found}"
        return "; ".join(worker.ask(f"{module}:differently", *given))

    return check
