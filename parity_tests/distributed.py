"""Several processes against one, update by update. `make distributed` runs every tiny
model, with two processes and with four; it is thorough, and slow."""

import sys
from collections.abc import Sequence

from parity_tests import tolerances, training
from parity_tests.compare import NONE, Worst
from shared.catalog import VARIANTS
from shared.data.batches import Batch, Samples
from shared.frameworks import NATIVE
from shared.messages import Seen
from shared.objectives.plan import Plan
from shared.running.client import Worker
from shared.running.team import Team

UPDATES = 3
SIZES = (2, 4)
# Of the models that the tests have. A bias before a BatchNorm has no gradient but
# rounding, which AdamW divides by its own size: over all models it is the bound of the
# tier `training`.
BOUND = 1e-10


def follow(
    worker: Worker, name: str, plan: Plan, batches: Sequence[Samples]
) -> list[Seen]:
    model = worker.build(VARIANTS[name].spec, name)
    model.fill(training.SEED)
    seen, _ = model.follow(plan, list(batches), training.SEED)
    model.drop()
    return seen


def worst(one: Sequence[Seen], many: Sequence[Sequence[Seen]]) -> Worst:
    """Give the largest error of all processes; each sees the whole."""
    found = NONE
    for rank, seen in enumerate(many):
        found |= training.worst_update({"one": one, f"rank {rank}": seen})
    return found


def compare(one: Worker, team: Team, name: str, plan: Plan) -> Worst:
    batches = training.batches(VARIANTS[name].spec, UPDATES)
    alone = follow(one, name, plan, batches)
    together = team.each(lambda worker: follow(worker, name, plan, batches))
    return worst(alone, together)


def divisible() -> list[str]:
    """The tiny models whose batches can be cut by samples; the others are told."""
    tiny = {name: v.spec for name, v in VARIANTS.items() if v.tiny}
    whole = [n for n, s in tiny.items() if isinstance(training.batches(s, 1)[0], Batch)]
    print(f"left out, since their batches cannot be divided: {', '.join(whole)}")
    return [name for name in tiny if name not in whole]


def main(frameworks: Sequence[str]) -> int:
    missed = 0
    for framework in frameworks or NATIVE:
        for size in SIZES:
            with (
                Worker(framework, "float64") as one,
                Team(framework, "float64", size) as team,
            ):
                for name in divisible():
                    for kind, plan in training.plans(VARIANTS[name].spec).items():
                        found = compare(one, team, name, plan)
                        missed += found.error > tolerances.TRAINING
                        row = f"{framework} {size} {name} {kind}"
                        print(f"{row} {found.error:.1e} {found.where}", flush=True)
    print("all hold" if not missed else f"{missed} fall short")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
