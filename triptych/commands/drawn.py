"""`triptych segment` and `triptych detect`, as they are asked; each brings in what it
needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from triptych.commands.asking import MOST_SEED
from triptych.commands.terminal import Dtype, Json, Several, one_of

Images = Annotated[list[Path], typer.Argument(help="pictures, and folders of them")]
Weights = Annotated[Path | None, typer.Option(help="in any form that convert reads")]
From = Annotated[str, typer.Option("--from", help="where that does not tell")]
Classes = Annotated[Path | None, typer.Option(help="their names, one a line")]
Normalize = Annotated[
    str, typer.Option(help="imagenet, half or none; imagenet of colours")
]
Seed = Annotated[
    int, typer.Option(min=0, max=MOST_SEED, help="of a start, not weights")
]


def segment(
    model: Annotated[str, typer.Argument(help="a model with the program `segment`")],
    images: Images,
    weights: Weights = None,
    from_: From = "",
    frameworks: Several = "pytorch,keras,jax",
    classes: Classes = None,
    normalize: Normalize = "",
    seed: Seed = 0,
    dtype: Dtype = "float32",
    out: Annotated[Path, typer.Option(help="a folder for what is drawn")] = Path(
        "segmented"
    ),
    json: Json = None,
) -> None:
    """Of which class each pixel of pictures is, drawn framework beside framework.

    A folder is read batch by batch; --json writes a line a picture as they come.
    """
    from triptych.commands import segment as job

    one_of("dtype", dtype, ("float64", "float32"))
    if normalize:
        one_of("normalize", normalize, job.NORMALIZE)
    chosen = job.frameworks(frameworks)
    paths = job.listed(images)
    asked = job.question(
        model,
        job.PROGRAM,
        weights=weights,
        from_=from_,
        classes=classes,
        normalize=normalize,
        seed=seed,
        dtype=dtype,
    )
    raise typer.Exit(job.run(asked, chosen, paths, out, json))


def detect(
    model: Annotated[str, typer.Argument(help="a model with the program `detect`")],
    images: Images,
    weights: Weights = None,
    from_: From = "",
    frameworks: Several = "pytorch,keras,jax",
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="show boxes of such a score or more")
    ] = 0.5,
    classes: Classes = None,
    normalize: Normalize = "",
    seed: Seed = 0,
    dtype: Dtype = "float32",
    out: Annotated[Path, typer.Option(help="a folder for what is drawn")] = Path(
        "detected"
    ),
    json: Json = None,
) -> None:
    """Boxes around what pictures show, drawn framework beside framework.

    A folder is read batch by batch; --json writes a line a picture as they come.
    """
    from triptych.commands import detect as job

    one_of("dtype", dtype, ("float64", "float32"))
    if normalize:
        one_of("normalize", normalize, job.NORMALIZE)
    chosen = job.frameworks(frameworks)
    paths = job.listed(images)
    asked = job.question(
        model,
        job.PROGRAM,
        weights=weights,
        from_=from_,
        classes=classes,
        normalize=normalize,
        seed=seed,
        dtype=dtype,
    )
    raise typer.Exit(job.run(asked, chosen, paths, out, least, json))
