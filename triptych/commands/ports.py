"""What a person's own models are asked by: `triptych diff`, `dump`, and in tests."""

from pathlib import Path
from typing import Annotated

import typer

from triptych.commands.terminal import Dtype, Json, Tolerance, one_of

PRECISIONS = ("float64", "float32")

Python = Annotated[
    list[str] | None,
    typer.Option(
        help="interpreter of a framework's models: PATH or pytorch=PATH; may be "
        "repeated"
    ),
]
Program = Annotated[str, typer.Option(help="a method, instead of a call")]
Steps = Annotated[
    int, typer.Option(help="so many updates of the parameters are compared, too")
]
Optimizer = Annotated[
    str, typer.Option(help="sgd, adam or adamw; with settings: adamw:lr=0.01")
]
SameLayout = Annotated[bool, typer.Option("--same-layout", help="move no channel axis")]


def diff(
    targets: Annotated[
        list[str],
        typer.Argument(help="[pytorch=]package.module:name, or the folder of a dump"),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="2,3,32,32 or, whole, 2,16:100; named: ids=2,16:100; may be repeated",
        ),
    ] = None,
    names: Annotated[Path | None, typer.Option(help="a rename table (JSON)")] = None,
    write_names: Annotated[
        Path | None, typer.Option(help="write the table used")
    ] = None,
    dtype: Dtype = "float64",
    tolerance: Tolerance = None,
    same_layout: SameLayout = False,
    program: Program = "",
    python: Python = None,
    inputs_from: Annotated[
        str,
        typer.Option(help="module:function that gives them, or a .safetensors file"),
    ] = "",
    output: Annotated[
        list[str] | None,
        typer.Option(help="compare these alone: logits, or logits=0; may be repeated"),
    ] = None,
    gradients: Annotated[
        bool, typer.Option("--gradients/--no-gradients", help="compare them")
    ] = True,
    own_weights: Annotated[
        bool, typer.Option("--own-weights", help="load none into the others")
    ] = False,
    steps: Steps = 0,
    optimizer: Optimizer = "adamw",
    annotate: Annotated[str, typer.Option(help="github: lines that it shows")] = "",
    html: Annotated[Path | None, typer.Option(help="write a page too")] = None,
    json: Json = None,
) -> None:
    """Your own models: do the ports compute the same, and which layer diverges first?

    The first target is the reference; its weights are loaded into the others, unless
    each keeps its own.
    """
    from triptych.commands import diff as job

    one_of("dtype", dtype, PRECISIONS)
    one_of("annotate", annotate, ("", "github"))
    asked = job.Asked(
        targets=tuple(targets),
        inputs=tuple(inputs or ()),
        names=names,
        write_names=write_names,
        dtype=dtype,
        tolerance=tolerance,
        same_layout=same_layout,
        program=program,
        python=tuple(python or ()),
        inputs_from=inputs_from,
        outputs=tuple(output or ()),
        gradients=gradients,
        own_weights=own_weights,
        steps=steps,
        optimizer=optimizer,
        annotate=annotate,
        html=html,
    )
    raise typer.Exit(job.run(asked, json))


def dump(
    target: Annotated[
        str, typer.Argument(help="[pytorch=]package.module:name, or file.py:name")
    ] = "",
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="as for diff; may be repeated")
    ] = None,
    out: Annotated[Path, typer.Option(help="the folder to write")] = Path("dump"),
    weights: Annotated[
        Path | None, typer.Option(help="safetensors under the model's own names")
    ] = None,
    dtype: Dtype = "float64",
    keep: Annotated[str, typer.Option(help="all, statistics or hash")] = "all",
    same_layout: SameLayout = False,
    program: Program = "",
    steps: Steps = 0,
    optimizer: Optimizer = "adamw",
    python: Python = None,
    write_recorder: Annotated[
        Path | None,
        typer.Option(help="write the recorder of --framework as one file instead"),
    ] = None,
    framework: Annotated[
        str, typer.Option(help="pytorch, keras, nnx, linen, equinox, haiku or onnx")
    ] = "",
) -> None:
    """Record a model: layers, calls, gradients, in a folder that diff takes."""
    from triptych.commands import dump as job

    one_of("dtype", dtype, PRECISIONS)
    if write_recorder is not None:
        job.write_recorder(framework, write_recorder)
        return
    asked = job.Asked(
        target=target,
        inputs=tuple(inputs or ()),
        out=out,
        weights=weights,
        dtype=dtype,
        keep=keep,
        same_layout=same_layout,
        program=program,
        steps=steps,
        optimizer=optimizer,
        python=tuple(python or ()),
    )
    raise typer.Exit(job.run(asked))


def judge() -> None:
    """What `triptych.assert_parity` asks, line by line of JSON."""
    from triptych.commands import judge as job

    raise typer.Exit(job.run())
