"""What goes into a model and what is wanted of it: a few samples of the tasks whose
data come with the suite, as pictures or text."""

import base64
import html
import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.catalog import family_of
from shared.data.batches import Ragged, Samples
from shared.data.sentiment import WORDS
from shared.data.text import spelled
from shared.data.translation import made_vocabulary
from shared.tasks import TASKS
from shared.tasks.base import Task

# Others read files that a reader may not have.
EMBEDDED = (
    "diabetes",
    "breast_cancer",
    "digits_mlp",
    "digits_lenet",
    "temporal_order_lstm",
    "sonnets_gpt",
    "sonnets_mamba",
    "sonnets_moe",
    "digits_siamese",
    "digits_triplet",
    "jumbled_bert",
    "made_language_t5",
    "made_language_transformer",
    "karate_gcn",
    "seasons_elman",
    "seasons_gru",
    "seasons_lstm",
    "seasons_tcn",
    "reviews_textcnn",
)
LETTERS = "XYabcdefghijklmnopqrstuvw"


@dataclass(frozen=True)
class Sample:
    """A task, its aim, and HTML that shows a few samples."""

    task: str
    title: str
    aim: str
    recipe: str
    shown: str


def of(family: str) -> list[Sample]:
    return [
        sample(TASKS[name])
        for name in EMBEDDED
        if name in TASKS and family_of(TASKS[name].spec) == family
    ]


def sample(task: Task) -> Sample:
    data = task.data()
    aim = task.aims.judge or task.aims
    recipe = (
        f"{type(aim).__name__}, {type(task.optimizer).__name__} at "
        f"{task.optimizer.lr:g}, {task.epochs} epochs of batches of {task.batch_size}, "
        f"{len(data.train):,} samples"
    )
    return Sample(task.name, task.title, task.aim, recipe, _shown(task, data.test))


def _shown(task: Task, found: Samples) -> str:
    if isinstance(found.inputs[0], Ragged):
        return _graph(found)
    series = found.inputs[0].ndim == 3 and len(found.targets) > 0
    if series and found.targets[0].dtype.kind == "f":
        return _table(found.inputs[0][:3, -10:, 0], found.targets[0][:3])
    if len(found.inputs) > 1 and found.targets and found.targets[0].ndim == 2:
        return _translated(found.inputs[0][:4], found.targets[0][:4])
    if len(found.inputs) > 1 and task.spec.inputs()[0].below is not None:
        return _jumbled(found.inputs[0][:4], found.targets[0][:4])
    if len(found.inputs) > 1:
        return _together([t.name for t in task.spec.inputs()], found)
    (x,), (y,) = found.inputs, found.targets
    if task.spec.inputs()[0].below is not None:
        return _text(x, y) if y.ndim > 1 else _reviews(x[:5], y[:5])
    if x.ndim == 4:
        return _images([image[0] for image in x[:10]], y[:10])
    if x.ndim == 3:
        return _sequences(x[:5], y[:5])
    side = math.isqrt(x.shape[1])
    if side >= 8 and side**2 == x.shape[1]:
        return _images(list(x[:10].reshape(-1, side, side)), y[:10])
    return _table(x[:3], y[:3])


def _graph(found: Samples) -> str:
    """Show a few nodes of the first graph: from where edges lead to them, and what is
    wanted of them."""
    (_, edges, *_), (wanted,) = found.take(slice(0, 1)).arrays
    rows = []
    for node in np.flatnonzero(wanted >= 0)[:6]:
        sources = " ".join(str(n) for n in np.sort(edges[edges[:, 1] == node, 0]))
        rows.append(
            f"<tr><td>{node}</td><td>{sources}</td><td>{wanted[node]}</td></tr>"
        )
    head = "".join(
        f"<th scope=col>{said}</th>" for said in ("node", "edges from", "wanted")
    )
    return _scrolling(
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _together(names: list[str], found: Samples) -> str:
    """Draw of a few samples all inputs, square pictures in a row, side by side."""
    which = np.linspace(0, len(found) - 1, 4).astype(int)
    rows = []
    for sample in (found.take(slice(k, k + 1)) for k in which):
        side = math.isqrt(sample.inputs[0].size)
        images = [x.reshape(side, side) for x in sample.inputs]
        wanted = [f"wanted: {target.item():g}" for target in sample.targets]
        captions = [*names[:-1], ", ".join([names[-1], *wanted])]
        rows.append(_images(images, captions))
    return "".join(rows)


def _images(images: list[Array], targets: Array | list[str]) -> str:
    cells = [
        f'<figure class="sample"><img width="72" height="72" src="{png(image)}" '
        f'alt="a handwritten digit: {target}"><figcaption>{target}</figcaption>'
        "</figure>"
        for image, target in zip(images, targets, strict=True)
    ]
    return f'<div class="samples">{"".join(cells)}</div>'


def strip(width: int, levels: str) -> str:
    """Write an image as grey levels from 0 to 255 in hexadecimal, so many a row."""
    image = np.frombuffer(bytes.fromhex(levels), np.uint8).reshape(-1, width)
    scale = 5
    return (
        f'<img class="strip" width="{scale * width}" height="{scale * len(image)}" '
        f'src="{png(image / 255)}" alt="grey levels, black for the brightest">'
    )


def png(image: Array) -> str:
    """Grey levels from 0 to 1 as an address that holds the picture itself."""
    levels = np.clip(255 * (1 - image), 0, 255).astype(np.uint8)
    height, width = levels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        )
    )
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    whole = kind + content
    return (
        struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))
    )


def _sequences(x: Array, y: Array) -> str:
    """Write one-hot symbols as letters, the two that count in bold."""
    rows = []
    for sequence, target in zip(x, y, strict=True):
        letters = [LETTERS[int(i)] for i in sequence.argmax(-1)]
        said = "".join(
            f"<b>{letter}</b>" if letter in "XY" else letter for letter in letters
        )
        wanted = f"{LETTERS[int(target) // 2]}{LETTERS[int(target) % 2]}"
        rows.append(f"<tr><td><code>{said}</code></td><td>{wanted}</td></tr>")
    head = "<tr><th scope=col>sequence</th><th scope=col>wanted</th></tr>"
    return _scrolling(
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _text(x: Array, y: Array) -> str:
    from shared.data.text import sonnets

    characters = sonnets().characters
    rows = []
    for given, wanted in zip(x[:3], y[:3], strict=True):
        both = [
            html.escape("".join(characters[i] for i in line).replace("\n", "⏎"))
            for line in (given, wanted)
        ]
        rows.append(
            "<tr>" + "".join(f"<td><code>{t}</code></td>" for t in both) + "</tr>"
        )
    head = "<tr><th scope=col>given</th><th scope=col>wanted, at each place</th></tr>"
    return _scrolling(
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _jumbled(x: Array, y: Array) -> str:
    rows = []
    for tokens, english in zip(x, y, strict=True):
        said = html.escape(spelled(tokens))
        rows.append(f"<tr><td><code>{said}</code></td><td>{english}</td></tr>")
    head = "<tr><th scope=col>given</th><th scope=col>is it English?</th></tr>"
    return _scrolling(
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _translated(x: Array, y: Array) -> str:
    known = made_vocabulary()
    rows = [
        f"<tr><td><code>{known.decode(given)}</code></td>"
        f"<td><code>{known.decode(wanted)}</code></td></tr>"
        for given, wanted in zip(x, y, strict=True)
    ]
    head = "<tr><th scope=col>given</th><th scope=col>wanted</th></tr>"
    return _scrolling(
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _reviews(x: Array, y: Array) -> str:
    rows = []
    for tokens, praises in zip(x, y, strict=True):
        said = " ".join(WORDS[i] for i in tokens)
        rows.append(f"<tr><td>{said}</td><td>{('no', 'yes')[praises]}</td></tr>")
    head = "<tr><th scope=col>given</th><th scope=col>does it praise?</th></tr>"
    return _scrolling(
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _table(x: Array, y: Array) -> str:
    rows = []
    for values, target in zip(x, y, strict=True):
        said = " ".join(f"{value:.2f}" for value in values[:10])
        more = " …" if len(values) > 10 else ""
        rows.append(
            f"<tr><td><code>{said}{more}</code></td><td>{float(target[0]):.2f}</td></tr>"
        )
    head = "<tr><th scope=col>measurements</th><th scope=col>wanted</th></tr>"
    return _scrolling(
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _scrolling(table: str) -> str:
    return f'<div class="scroll">{table}</div>'
