"""Which checks a request for parity means, run in turn."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from parity_tests import asked, tolerances
from parity_tests.engine import (
    BATCH,
    FOREIGN_TIERS,
    FULL_BATCH,
    SEED,
    TIERS,
    Check,
    Known,
    Session,
    Workers,
    request,
    tiers_for,
)
from parity_tests.trace import Trace, trace
from parity_tests.training import OPTIMIZERS
from shared import catalog, reference
from shared.catalog import VARIANTS, select
from shared.errors import UsageError, unknown
from shared.frameworks import NATIVE, ORACLE, PACKAGES
from shared.reference.training import TRAINED
from shared.running import cluster

# What Keras's other back ends are compared with.
FOREIGN = ("pytorch", "keras[jax]", "keras[torch]")
# The networks in NumPy are held against one of the three, which are held against each
# other: three that agree can still be wrong.
FROM_SCRATCH = (ORACLE, "pytorch")
ORACLE_TIERS = tuple(tier for tier in TIERS if tier not in ("float32", "bfloat16"))
# The steps of objectives that it does not train are held against NumPy by their tests.


@dataclass(frozen=True)
class Job:
    """The checks of one model over one set of frameworks."""

    model: str
    frameworks: tuple[str, ...]
    tiers: tuple[str, ...]


def plan(
    names: Sequence[str],
    tiers: Sequence[str] = (),
    frameworks: Sequence[str] = (),
    full: bool = False,
) -> list[Job]:
    """List the jobs; without a choice of frameworks the three at every tier, Keras's
    other back ends at those that are asked of them, and NumPy where it has a
    network."""
    for tier in tiers:
        if tier not in TIERS:
            raise unknown("tier", tier, TIERS)
    for framework in frameworks:
        if framework not in PACKAGES:
            raise unknown("framework", framework, PACKAGES)
    if len(frameworks) == 1:
        raise UsageError("parity needs at least two frameworks")
    wanted = [tier for tier in TIERS if not tiers or tier in tiers]
    jobs = []
    for name, variant in select(list(names)).items():
        chosen = tuple(tiers_for(variant, wanted, full))
        if chosen:
            jobs.append(Job(name, tuple(frameworks) or NATIVE, chosen))
        foreign = tuple(tier for tier in chosen if tier in FOREIGN_TIERS)
        if "forward" in foreign and not frameworks:
            jobs.append(Job(name, FOREIGN, foreign))
        trained = isinstance(variant.spec.objective(), TRAINED)
        scratch = tuple(
            tier
            for tier in chosen
            if tier in ORACLE_TIERS and (trained or tier != "training")
        )
        known = catalog.family_of(variant.spec) in reference.FAMILIES
        if known and set(scratch) - {"names", "counts"} and not frameworks:
            jobs.append(Job(name, FROM_SCRATCH, scratch))
    if not jobs:
        raise UsageError("full-size models are held to names and counts: give --full")
    return jobs


def run_on_cluster(
    jobs: Sequence[Job],
    dtype: str,
    full: bool = False,
    timeout: float = 600.0,
    say: Callable[[str], None] = lambda model: None,
) -> Iterator[Check]:
    """Run the same checks in the same order over a cluster; each job has workers of
    its own, somewhere."""
    work = partial(_alone, dtype=dtype, full=full, timeout=timeout)
    last = ""
    for job, checks in zip(jobs, cluster.each(work, list(jobs)), strict=True):
        if job.model != last:
            say(job.model)
        last = job.model
        if isinstance(checks, cluster.Lost):
            yield from (_refused(job, tier, dtype, str(checks)) for tier in job.tiers)
        else:
            yield from checks


def _alone(job: Job, dtype: str, full: bool, timeout: float) -> list[Check]:
    with Workers(timeout) as workers:
        return list(run([job], workers, dtype, full))


def run(
    jobs: Sequence[Job],
    workers: Workers,
    dtype: str,
    full: bool = False,
    optimizers: Sequence[str] = tuple(OPTIMIZERS),
) -> Iterator[Check]:
    """Run the jobs model by model: what a framework said in one is not asked again for
    the next of the same model."""
    known: Known = {}
    for job in jobs:
        session = Session(
            workers,
            job.frameworks,
            dtype,
            together=not full,
            optimizers=optimizers,
            known=known,
        )
        reason = _too_large(job, dtype)
        if reason:
            yield from (_refused(job, tier, dtype, reason) for tier in job.tiers)
        else:
            yield from session.check(job.model, job.tiers)


def in_turns(name: str) -> tuple[str, ...]:
    """Choose one of the optimizers for a model, the next for the next: a family's
    models see both, each in half the time."""
    number = list(VARIANTS).index(name) % len(OPTIMIZERS)
    return (list(OPTIMIZERS)[number],)


def trace_model(
    name: str,
    frameworks: Sequence[str],
    workers: Workers,
    dtype: str,
    training: bool,
    program: str = "",
) -> tuple[Trace, float]:
    """A trace of one model of the catalog, or of its program, and the bound it was held
    to."""
    variant = catalog.variant(name)
    spec, batch = variant.spec, BATCH if variant.tiny else FULL_BATCH
    if len(frameworks) < 2:
        raise UsageError("a trace needs at least two frameworks")
    question = request(spec, batch, training=training)
    if program:
        if training:
            raise UsageError("a program runs in evaluation mode: leave out --training")
        catalog.refuse_program(name, program)
        question = asked.of_program(spec, program, batch, SEED)
    results = {}
    for framework in frameworks:
        model = workers.get(framework, dtype).build(spec, name)
        model.fill(SEED)
        results[framework] = model.run(replace(question, cotangents=None, trace=True))
        model.drop()
    bound = tolerances.bound(tolerances.FORWARD, dtype)
    layers = {framework: result.layers for framework, result in results.items()}
    outputs = {framework: result.outputs for framework, result in results.items()}
    return trace(frameworks[0], layers, outputs, bound), bound


def _too_large(job: Job, dtype: str) -> str:
    """Said before the machine's memory is gone, not by its out-of-memory killer."""
    if not set(job.tiers) - {"names", "counts"}:
        return ""
    # A worker holds its weights, what it reads and what it writes; with gradients these
    # and, in the judge, one set for each framework.
    copies = 1
    if "exchange" in job.tiers:
        copies = 3
    if {"gradients", "float32", "bfloat16"} & set(job.tiers):
        copies = 2 + len(job.frameworks)
    size = 8 if dtype == "float64" else 4
    needed = VARIANTS[job.model].parameters * size * copies
    free = free_memory()
    if needed <= free:
        return ""
    return f"needs {needed / 2**30:.0f} GiB, {free / 2**30:.0f} GiB are free"


def free_memory() -> int:
    """Bytes, as Linux counts what a new process may take."""
    with open("/proc/meminfo") as lines:
        sizes = dict(line.split(":", 1) for line in lines)
    return int(sizes["MemAvailable"].split()[0]) * 1024


def _refused(job: Job, tier: str, dtype: str, reason: str) -> Check:
    frameworks = list(job.frameworks)
    return Check(job.model, tier, frameworks, dtype, None, None, None, False, 0, reason)
