"""`triptych bench`: models timed against one another, and two such runs compared."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.errors import Stopped
from triptych.commands.asking import App
from triptych.commands.terminal import Frameworks, Names, Progress, console_for, one_of


class _Bench(typer.core.TyperGroup):
    """`bench NAMES` is `bench run NAMES`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["run", *args]
        return super().parse_args(context, args)


app = App(cls=_Bench, rich_markup_mode=None, help="Throughput, in turns.")
Records = Annotated[Path, typer.Argument(help="lines of JSON from bench")]


@app.command("run")
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
    one_of("on", on, ("here", "ray"))
    if job.RECOMMENDED in options.modes and (note := modes.unmeasured(options.device)):
        print(note, file=sys.stderr)
    each = len(options.tasks) * max(len(options.batches), 1)
    with Progress(len(models) * (1 if on == "ray" else each)) as progress:
        try:
            found = (
                job.bench_on_cluster(models, options, out, progress.step)
                if on == "ray"
                else job.bench(models, options, out, resume, progress.step)
            )
        except Stopped:
            again = f"stopped; --resume goes on with what {out} has"
            raise Stopped(again) from None
    console_for(None).print(job.table(found))
    print(f"added to {out}")
    raise typer.Exit(1 if job.failures(found) else 0)


@app.command("compare")
def bench_compare(old: Records, new: Records) -> None:
    """What became slower between two runs; exit code 1 if anything did."""
    from benchmarks import regressions as job

    found = job.regressions(old, new)
    console_for(None).print(job.table(found))
    raise typer.Exit(1 if any(one.verdict == "slower" for one in found) else 0)
