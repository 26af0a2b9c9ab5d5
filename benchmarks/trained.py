"""What a family's programs give after its task was trained, in each framework.

    python -m benchmarks.trained [FAMILY ...]

PyTorch trains the task as `triptych train` does; its weights go through one file to all
three, which run the program in float64. Where they do not agree nothing is written.
It writes benchmarks/records/trained_FAMILY.json, which the family's page shows.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import now
from benchmarks.records import RECORDS
from parity_tests import tolerances
from parity_tests.compare import error
from parity_tests.engine import Workers
from shared.arrays import Array, Arrays, Weights
from shared.data.batches import laid_out
from shared.data.shapes import CLASSES
from shared.data.text import sonnets, spelled
from shared.data.translation import made_vocabulary
from shared.data.words import KINDS, WORDS
from shared.errors import UsageError, unknown
from shared.files.writing import write_text
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.plain import to_plain
from shared.randomness import generator
from shared.running.training import Job
from shared.tasks import task as named
from shared.tasks.base import Task

SEED = 0
TRAINED_IN, DTYPE = "pytorch", "float64"
# A text, or a picture: grey levels from 0 to 255 in hexadecimal, so many a row.
Cell = str | dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """What is asked of a task's model, and how it is shown.

    program: of the spec; empty for `forward`.
    asked: the inputs. given: what is shown of each row of them.
    said: what is shown of each row of the outputs.
    """

    task: str
    program: str
    title: str
    asked: Callable[[Task], Arrays]
    given: Callable[[Task, Arrays], list[Cell]]
    said: Callable[[Arrays], list[Cell]]


# Pictures

ROWS, BESIDE, SIDE, SHOWN = 3, 4, 8, 32


def _strip(images: Array | Sequence[Array]) -> Cell:
    """Lay pictures side by side, with a column of white between them."""
    apart = np.zeros((len(images[0]), 1))
    parts = [part for image in images for part in (image, apart)][:-1]
    levels = np.rint(255 * np.clip(np.concatenate(parts, 1), 0, 1)).astype(np.uint8)
    return {"width": levels.shape[1], "levels": levels.tobytes().hex()}


def _drawn(task: Task) -> Arrays:
    (z,) = task.spec.programs()["sample"].inputs
    return (generator("trained", SEED).standard_normal((ROWS * BESIDE, *z.shape)),)


def _asked_for(task: Task) -> Arrays:
    """Every digit by name, then some of them again, each with noise of its own."""
    _, noise = task.spec.programs()["sample_ddim"].inputs
    label = np.arange(ROWS * BESIDE) % 10
    shape = (len(label), *noise.shape)
    return label, generator("trained", SEED).standard_normal(shape)


def _named(task: Task, asked: Arrays) -> list[Cell]:
    label = asked[0].reshape(ROWS, BESIDE)
    return [" ".join(str(one) for one in row) for row in label]


def _numbered(task: Task, asked: Arrays) -> list[Cell]:
    return [f"z {BESIDE * i + 1} to {BESIDE * (i + 1)}" for i in range(ROWS)]


def _digits(outputs: Arrays) -> list[Cell]:
    images = outputs[0].reshape(-1, SIDE, SIDE)
    return [_strip(images[k : k + BESIDE]) for k in range(0, len(images), BESIDE)]


def _brightened(outputs: Arrays) -> list[Cell]:
    """Draw what lies between -1 and 1."""
    return _digits(((outputs[0] + 1) / 2,))


def _some_digits(task: Task) -> Arrays:
    (test,) = task.data().test.inputs
    return (test[np.linspace(0, len(test) - 1, ROWS * BESIDE).astype(int)],)


def _shown(task: Task, asked: Arrays) -> list[Cell]:
    return _digits(asked)


def _some_pictures(task: Task) -> Arrays:
    return task.data().test.take(slice(0, ROWS)).inputs


def _small(picture: Array) -> Array:
    """Of a picture of more than SHOWN pixels a side, some of them."""
    step = -(-len(picture) // SHOWN)
    return picture[::step, ::step]


def _grey(task: Task, asked: Arrays) -> list[Cell]:
    return [_strip([_small(picture[0])]) for picture in asked[0]]


def _classes(outputs: Arrays) -> list[Cell]:
    """Draw masks, the background white and the last class black."""
    mask, _ = outputs
    return [_strip([_small(one) / (CLASSES - 1)]) for one in mask]


# Pairs


def _some_pairs(task: Task) -> Arrays:
    """Give as many pairs of one digit as of two."""
    test = task.data().test
    half = len(test) // 2
    which = np.linspace(0, half - 1, 3).astype(int)
    return test.take(np.concatenate([which, half + which])).inputs


def _both(task: Task, asked: Arrays) -> list[Cell]:
    pairs = zip(*(x.reshape(-1, SIDE, SIDE) for x in asked), strict=True)
    return [_strip(pair) for pair in pairs]


def _alike(outputs: Arrays) -> list[Cell]:
    a, b = outputs
    apart = np.sqrt(np.square(a - b).sum(-1))
    return [f"{d:.3f} apart, {'alike' if d <= 0.5 else 'different'}" for d in apart]


# Text

BEGINNINGS = ("Sha", "Whe", "Thy", "And", "So ")


def _prompts(task: Task) -> Arrays:
    characters = sonnets().characters
    prompt = np.array([[characters.index(c) for c in text] for text in BEGINNINGS])
    _, drawn = task.spec.programs()["generate_few"].inputs
    uniform = generator("trained", SEED).random((len(prompt), *drawn.shape))
    return prompt, uniform


def _quoted(task: Task, asked: Arrays) -> list[Cell]:
    return list(BEGINNINGS)


def _written(outputs: Arrays) -> list[Cell]:
    characters = sonnets().characters
    return ["".join(characters[i] for i in line) for line in outputs[0]]


def _some_lines(task: Task) -> Arrays:
    return task.data().test.take(slice(0, 6)).inputs


def _spelled(task: Task, asked: Arrays) -> list[Cell]:
    return [spelled(line) for line in asked[0]]


def _english(outputs: Arrays) -> list[Cell]:
    return [_likelier(row, ("jumbled", "English")) for row in outputs[0]]


def _likelier(logits: Array, names: Sequence[str]) -> str:
    shares = np.exp(logits - logits.max())
    best = int(shares.argmax())
    return f"{names[best]}, {100 * shares[best] / shares.sum():.1f} %"


def _sentences(task: Task) -> Arrays:
    return task.data().test.take(slice(0, 6)).inputs[:2]


def _read(task: Task, asked: Arrays) -> list[Cell]:
    known = made_vocabulary()
    return [known.decode(line) for line in asked[0]]


def _translated(outputs: Arrays) -> list[Cell]:
    known = made_vocabulary()
    return [known.decode(line) for line in outputs[0]]


def _of_each_kind(task: Task) -> Arrays:
    index = [WORDS.index(words[0]) for words in KINDS.values()]
    return np.array(index)[:, None], np.ones((len(index), 1))


def _words(task: Task, asked: Arrays) -> list[Cell]:
    return [WORDS[word] for word in asked[0][:, 0]]


def _nearest(outputs: Arrays) -> list[Cell]:
    return [" ".join(WORDS[word] for word in row) for row in outputs[0]]


# Graphs

MEMBERS = (0, 2, 8, 9, 13, 19, 28, 30, 33)
LEADERS = ("instructor's", "administrator's")


def _club(task: Task) -> Arrays:
    return laid_out(task.data().test.inputs)


def _members(task: Task, asked: Arrays) -> list[Cell]:
    return [f"member {i}" for i in MEMBERS]


def _sides(outputs: Arrays) -> list[Cell]:
    return [_likelier(outputs[0][i], LEADERS) for i in MEMBERS]


SAMPLES = {
    "autoencoder": Sample(
        "digits_autoencoder",
        "reconstruct",
        "Digits through ten numbers and back",
        _some_digits,
        _shown,
        _digits,
    ),
    "unet": Sample(
        "shapes_unet",
        "segment",
        "Of which shape is each pixel?",
        _some_pictures,
        _grey,
        _classes,
    ),
    "fcn": Sample(
        "shapes_fcn",
        "segment",
        "Of which shape is each pixel?",
        _some_pictures,
        _grey,
        _classes,
    ),
    "vae": Sample(
        "digits_vae", "sample", "Digits from noise", _drawn, _numbered, _digits
    ),
    "gan": Sample(
        "digits_gan", "sample", "Digits from noise", _drawn, _numbered, _digits
    ),
    "ddpm": Sample(
        "digits_diffusion",
        "sample_ddim",
        "Digits by their names, from noise",
        _asked_for,
        _named,
        _brightened,
    ),
    "flow": Sample(
        "digits_rectified_flow",
        "sample",
        "Digits from noise",
        _drawn,
        _numbered,
        _digits,
    ),
    "siamese": Sample(
        "digits_siamese", "", "How far apart two are", _some_pairs, _both, _alike
    ),
    "gpt": Sample(
        "sonnets_gpt",
        "generate_few",
        "How three characters go on",
        _prompts,
        _quoted,
        _written,
    ),
    "bert": Sample(
        "jumbled_bert", "", "Is it English?", _some_lines, _spelled, _english
    ),
    "transformer": Sample(
        "made_language_transformer",
        "translate",
        "Sentences translated",
        _sentences,
        _read,
        _translated,
    ),
    "t5": Sample(
        "made_language_t5",
        "translate",
        "Sentences translated",
        _sentences,
        _read,
        _translated,
    ),
    "word2vec": Sample(
        "kinds_word2vec",
        "neighbours",
        "Which words are nearest",
        _of_each_kind,
        _words,
        _nearest,
    ),
    "gcn": Sample("karate_gcn", "", "With whom each goes", _club, _members, _sides),
}


def path(family: str) -> Path:
    return RECORDS / f"trained_{family}.json"


def made_of(sample: Sample) -> str:
    """A digest of all that is given: the recipe, its data, the program and what it is
    asked. Where it changes a sample is out of date."""
    task = named(sample.task)
    data = task.data()
    plan = to_plain(task.plan_for(len(data.train), {}))
    program = task.spec.programs().get(sample.program)
    settings = dict(program.settings) if program else {}
    said = [SEED, TRAINED_IN, to_plain(task.spec), plan, sample.program, settings]
    found = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    inputs, targets = data.train.arrays
    for array in (*inputs, *targets, *sample.asked(task)):
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def trained(task: Task, workers: Workers) -> Weights:
    """Weights, as `triptych train` leaves them."""
    model = workers.get(TRAINED_IN, "float32").build(task.spec, task.name)
    model.start(SEED)
    with tempfile.TemporaryDirectory() as folder:
        model.train(Job(task.name, Path(folder)))
    values = model.dump()
    model.drop()
    return values


def outputs(
    sample: Sample, task: Task, values: Weights, workers: Workers
) -> dict[str, Arrays]:
    """What the program gives in each framework."""
    asked = sample.asked(task)
    found = {}
    for framework in NATIVE:
        model = workers.get(framework, DTYPE).build(task.spec, task.name)
        model.load({name: value.astype(DTYPE) for name, value in values.items()})
        found[framework] = model.run(Request(asked, program=sample.program)).outputs
        model.drop()
    return found


def apart(found: Mapping[str, Arrays]) -> float:
    """How far they are from each other; whole numbers are the same or not."""
    worst = 0.0
    for one, other in combinations(found.values(), 2):
        for a, b in zip(one, other, strict=True):
            if a.dtype.kind in "iu" and not np.array_equal(a, b):
                raise UsageError("the frameworks decide differently; nothing written")
            worst = max(worst, error(a, b))
    if not worst <= tolerances.FORWARD:
        raise UsageError(f"the frameworks are {worst:.1e} apart; nothing written")
    return worst


def record(family: str, workers: Workers) -> dict[str, Any]:
    """Train, ask, and compare."""
    sample = SAMPLES[family]
    task = named(sample.task)
    found = outputs(sample, task, trained(task, workers), workers)
    given = sample.given(task, sample.asked(task))
    said = {framework: sample.said(arrays) for framework, arrays in found.items()}
    return {
        "family": family,
        "task": task.name,
        "program": sample.program,
        "title": sample.title,
        "made_of": made_of(sample),
        "apart": float(f"{apart(found):.1e}"),
        "trained": [
            {"given": one, "said": {f: cells[i] for f, cells in said.items()}}
            for i, one in enumerate(given)
        ],
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY")
    families = parser.parse_args(arguments).families or list(SAMPLES)
    for family in families:
        if family not in SAMPLES:
            raise UsageError(str(unknown("family", family, SAMPLES)))
    with Workers() as workers:
        for family in families:
            made = record(family, workers)
            plain = {"date": now(), **made}
            write_text(path(family), json.dumps(plain, indent=1) + "\n")
            print(f"{family}: the frameworks are {made['apart']:.1e} apart")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UsageError as refused:
        sys.exit(f"error: {refused}")
