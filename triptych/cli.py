"""The command line of Triptych: one architecture, three panels.

Imports nothing slow: every command brings in what it needs when it runs.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import UsageError
from triptych.commands import bench, drawn, generate, port, ports, sample, weights
from triptych.commands.asking import MOST_SEED, App, named_once
from triptych.commands.ending import ended
from triptych.commands.terminal import (
    Dtype,
    Everywhere,
    Frameworks,
    Fresh,
    Json,
    Names,
    Patience,
    Progress,
    Resume,
    Seed,
    Several,
    StartFrom,
    Timeout,
    console_for,
    one_of,
    split,
    write_json,
)

# NumPy reads it when it is imported: its threads would take the cores that the workers
# are held to, which have settings of their own. What the caller has set stays.
os.environ.setdefault("OMP_NUM_THREADS", "1")

app = App(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="One architecture, three panels: PyTorch, Keras 3 and JAX side by side.",
    epilog="Exit codes: 0 it holds, 1 it falls short, 2 wrong use, 130 stopped.",
)
app.add_typer(bench.app, name="bench")
app.add_typer(weights.app, name="weights")
app.command()(port.port)
app.command()(generate.generate)
app.command()(drawn.segment)
app.command()(drawn.detect)
app.command()(sample.sample)

_FORMS = (
    "canonical, pytorch, keras, jax; chars2vec, gguf, huggingface, "
    "huggingface.distilbert, huggingface.roberta, keras.applications, lite, silero, "
    "timm, torch or torchvision, as the family has them"
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
    from triptych.commands import listing

    listing.run(names or [], json)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="a family, a model or an optimizer, by its name")
    ],
    html: Annotated[Path | None, typer.Option(help="write a page instead")] = None,
) -> None:
    """The sources side by side, aligned by definition."""
    from shared.files import sources

    aligned = sources.aligned(name)
    if html is None:
        console_for().print(sources.table(aligned, console_for().width))
    else:
        sources.write_page(html, name, aligned)
        print(f"wrote {html}")


@app.command()
def parity(
    names: Names = None,
    all_: Annotated[
        bool,
        typer.Option("--all", help="the whole catalog; optimizers take turns"),
    ] = False,
    tier: Annotated[list[str] | None, typer.Option(help="may be repeated")] = None,
    frameworks: Frameworks = "",
    dtype: Dtype = "float64",
    full: Annotated[bool, typer.Option(help="full-size models at every tier")] = False,
    timeout: Timeout = 3600.0,
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
    from triptych.commands import parity as job

    one_of("dtype", dtype, ("float64", "float32"))
    one_of("on", on, ("here", "ray"))
    if bool(names) == all_:
        raise UsageError("name models or families, or give --all")
    if lanes is not None and lanes < 1:
        raise UsageError(f"--jobs {lanes}; allowed: a whole number of at least 1")
    asked = job.Asked(
        names=tuple(names or ()),
        tiers=tuple(tier or ()),
        frameworks=tuple(split(frameworks)),
        dtype=dtype,
        full=full,
        timeout=timeout,
        on=on,
        lanes=lanes,
    )
    raise typer.Exit(job.run(asked, json))


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

    one_of("dtype", dtype, ("float64", "float32"))
    with Workers() as workers:
        found, tolerance = trace_model(
            model, split(frameworks), workers, dtype, training, program
        )
    console = console_for(json)
    console.print(trace_table(found, tolerance))
    console.print(found.verdict)
    write_json(json, found)
    raise typer.Exit(0 if found.agrees else 1)


app.command()(ports.diff)
app.command()(ports.dump)
app.command(hidden=True)(ports.judge)


@app.command()
def train(
    task: Annotated[
        str, typer.Argument(help="a task; without one they are listed")
    ] = "",
    framework: Annotated[
        str,
        typer.Option(
            help="pytorch, keras, jax, numpy, several by comma, or all",
            callback=named_once,
        ),
    ] = "all",
    epochs: Annotated[int | None, typer.Option()] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="as `triptych optimizers` names it")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate")] = None,
    seed: Seed = 0,
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16 or float64")
    ] = "float32",
    accumulate: Annotated[int, typer.Option(help="batches for one update")] = 1,
    patience: Patience = None,
    save_every: Annotated[
        int, typer.Option(help="updates between checkpoints within an epoch")
    ] = 0,
    processes: Annotated[
        int, typer.Option(help="of each framework, that train one model together")
    ] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or tpu")] = "",
    resume: Resume = False,
    fresh: Fresh = False,
    start_from: StartFrom = None,
    listen_everywhere: Everywhere = False,
    out: Annotated[Path, typer.Option(help="a folder for each task's runs")] = Path(
        "out/train"
    ),
    json: Json = None,
) -> None:
    """One recipe in each framework: same start, same batches; three curves."""
    from triptych.commands import train as job

    if not task:
        job.list_tasks()
        return
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
    asked = job.Asked(
        task=task,
        frameworks=job.frameworks(framework),
        changes=changes,
        processes=processes,
        device=device,
        resume=resume,
        fresh=fresh,
        source=start_from,
        everywhere=listen_everywhere,
        folder=out / task,
    )
    raise typer.Exit(job.run(asked, json))


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
    frameworks: Several = "pytorch,keras,jax",
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
        int | None, typer.Option(min=0, max=MOST_SEED, help="of a start, not weights")
    ] = None,
    dtype: Dtype = "float32",
    json: Json = None,
) -> None:
    """The likeliest classes of pictures, framework beside framework.

    A folder is read batch by batch; --json writes a line a picture as they come.
    """
    from triptych.commands import predict as job

    one_of("dtype", dtype, ("float64", "float32"))
    if normalize:
        one_of("normalize", normalize, job.NORMALIZE)
    chosen = job.frameworks(frameworks)
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
    raise typer.Exit(job.run(asked, chosen, paths, json))


@app.command()
def embed(
    model: Annotated[str, typer.Argument(help="an encoder, as `triptych list` has it")],
    sentences: Annotated[
        list[str], typer.Argument(help="one or more, or files with one a line")
    ],
    frameworks: Several = "pytorch,keras,jax",
    dtype: Dtype = "float32",
    picture: Annotated[
        Path | None, typer.Option(help="draw them too: .png, .svg or .pdf")
    ] = None,
    json: Json = None,
) -> None:
    """Vectors of sentences and how similar they are, framework beside framework.

    The weights and the tokenizer are those that `triptych weights` has for the model.
    """
    from triptych.commands import embed as job
    from triptych.commands.terminal import frameworks as named

    one_of("dtype", dtype, ("float64", "float32"))
    job.run(job.encoder(model), named(frameworks), sentences, dtype, picture, json)


@app.command()
def optimizers(
    names: Annotated[list[str] | None, typer.Argument(help="presets")] = None,
    run: Annotated[bool, typer.Option("--run", help="measure again")] = False,
    json: Json = None,
) -> None:
    """Presets with their papers, and what the frameworks' built-ins do beside them."""
    from triptych.commands import optimizers as job

    job.run(names or [], run, json)


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


@app.command()
def doctor(json: Json = None) -> None:
    """Versions, devices, threads, and what on this machine would bite."""
    from shared.running import doctor as ward

    report = ward.examine()
    console = console_for(json)
    for line in ward.lines(report):
        console.print(line)
    write_json(json, report)
    raise typer.Exit(0 if report.healthy else 1)


@app.command()
def compare(
    out: Annotated[Path, typer.Option(help="the folder of the report")] = Path(
        "out/report"
    ),
    json: Json = None,
) -> None:
    """The main job: parity of every family, throughput, and the report of both."""
    from triptych.commands import compare as job

    raise typer.Exit(job.run(out, json))


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
    with Progress(2) as progress:
        first = pages.write(out, chosen, say=progress.step)
    print(f"open {first}")
    if open_:
        import webbrowser

        webbrowser.open(first.absolute().as_uri())


def main() -> None:
    """Every failure that is not a defect is one line; a defect too, unless --debug."""
    sys.exit(ended(app))
