"""Small good files of every kind that is read, made by others than our readers."""

import gzip
import json
import pickle
import struct
import wave
import zipfile
from collections import defaultdict
from io import BytesIO
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from parity_tests.ports import dumps
from shared.arrays import Array
from triptych.faults.mutations import mutated

Files = dict[str, bytes]


def idx(array: Array) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


IDX = tuple(
    idx(np.arange(size, dtype=np.uint8).reshape(shape))
    for size, shape in (
        (24, (2, 3, 4)),
        (7, (7,)),
        (0, (0, 28, 28)),
        (16, (2, 2, 2, 2)),
    )
)


UCR_WIDTH = 3
UCR = (
    b"  1.0000000e+00 -1.125e-01  2.5  3\n  2.0000000e+00  4 .5 -6.25E+1\n",
    b"1 0.5\t1.5 -2.",
)


def wav(width: int, channels: int, rate: int, samples: bytes) -> bytes:
    held = BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return held.getvalue()


WAV = tuple(
    wav(width, channels, 8_000, bytes(range(24)) * channels)
    for width in (1, 2, 3, 4)
    for channels in (1, 2)
)
RECORDING = wav(2, 1, 8_000, bytes(range(64)))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w", method) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, method)
    return held.getvalue()


NAMES = st.one_of(
    st.builds(
        "{}_{}_{}{}".format,
        st.one_of(st.integers(-1, 10), st.sampled_from(("", "99", "\u0663", "1e0"))),
        st.sampled_from(("ann", "", "a_b", "<b>", "\x1b[31m", "\u202e")),
        st.one_of(st.integers(-1, 60), st.sampled_from(("", "x", "9" * 400))),
        st.sampled_from((".wav", ".WAV", ".wav.wav", "")),
    ),
    st.sampled_from(
        ("../../../../etc/0_a_1.wav", "/0_a_1.wav", "0_a_1.wav/", "x" * 999)
    ),
)


@st.composite
def archives(draw: DrawFn) -> bytes:
    """Recordings in a zip file, some of them damaged, and the file too."""
    good = {f"recordings/{i % 10}_ann_{i}.wav": RECORDING for i in range(0, 15, 5)}
    names = draw(st.lists(NAMES, max_size=2))
    content = mutated((*WAV, RECORDING))
    members = good | {name: draw(content) for name in names}
    stored = draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    whole = zipped(members, stored)
    return draw(mutated((whole,), most=2))


GRAPH: dict[str, Any] = {
    "x": [[1.0, 1.0], [0.0, 2.0]],
    "allx": [[1.0, 1.0], [0.0, 2.0], [0.0, 0.0], [3.0, 0.0]],
    "tx": [[0.0, 4.0], [5.0, 5.0]],
    "y": [0, 1],
    "ally": [0, 1, 0, 1],
    "ty": [1, 0],
}


def planetoid(protocol: int) -> Files:
    """Six papers of two words, as scipy and NumPy pickle them."""
    from scipy import sparse

    found = {}
    for part, value in GRAPH.items():
        is_matrix = part.endswith("x")
        held = (
            sparse.csr_matrix(value, dtype="float32") if is_matrix else np.eye(2)[value]
        )
        found[f"ind.two.{part}"] = pickle.dumps(held, protocol)
    links = {0: [1, 1], 1: [0, 1], 2: [5], 3: [], 4: [], 5: []}
    graph = pickle.dumps(defaultdict(list, links), protocol)
    return found | {"ind.two.graph": graph, "ind.two.test.index": b"5\n4\n"}


def pictures() -> tuple[bytes, ...]:
    from PIL import Image

    draw = np.random.default_rng(0)
    colours = Image.fromarray(draw.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    made = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        for image in (colours, colours.convert("L"), colours.convert("1")):
            held = BytesIO()
            image.save(held, kind)
            made.append(held.getvalue())
    return tuple(made)


def sections() -> bytes:
    """One section of 8x8 pixels and its labels."""
    from PIL import Image

    draw = np.random.default_rng(0)
    members = {}
    for part, levels in (("image", 256), ("label", 2)):
        held = BytesIO()
        pixels = draw.integers(0, levels, (8, 8)) * (255 if levels == 2 else 1)
        Image.fromarray(pixels.astype(np.uint8)).save(held, "PNG")
        members[f"membrane/train/{part}/0.png"] = held.getvalue()
    return zipped(members)


def safetensors() -> tuple[bytes, ...]:
    from safetensors.numpy import save

    real = np.arange(6, dtype=np.float32).reshape(2, 3)
    return (
        save({"a.weight": real, "b": np.arange(3)}, {"format": "x"}),
        save({"half": real.astype(np.float16)}),
    )


def keras() -> tuple[bytes, ...]:
    """Weights as Keras lays them out, with a counter of its optimizer."""
    import h5py

    held = BytesIO()
    with h5py.File(held, "w") as file:
        file["layers/dense/vars/0"] = np.arange(12, dtype=np.float32).reshape(3, 4)
        file["layers/dense/vars/1"] = np.zeros(4, np.float32)
        file["optimizer/vars/0"] = np.int64(3)
    whole = held.getvalue()
    return whole, zipped({"config.json": b"{}", "model.weights.h5": whole})


def lines() -> tuple[bytes, ...]:
    """Records of a benchmark, of six rounds of two contenders."""
    machine = {"system": "Linux", "cpu": "a", "cores": 1, "memory_gib": 1.0}
    setting = {
        "model": "mlp_tiny",
        "family": "mlp",
        "task": "inference",
        "batch": 2,
        "parameters": 9,
        "flops": 18,
        "dtype": "float32",
        "device": "cpu",
        "threads": 1,
        "affinity": [0],
    }
    ways = [
        {"name": f"{f}/eager", "framework": f, "mode": "eager", "first_s": 0.1}
        for f in ("pytorch", "jax")
    ]
    names = [way["name"] for way in ways]
    head = {"schema": 1, "run": "r"}
    start = {
        **head,
        "kind": "start",
        "date": "2026-01-01",
        "revision": "a",
        "machine": {**machine, "python": "3.11"},
        "setting": setting,
        "contenders": ways,
    }
    rounds = [
        {
            **head,
            "kind": "round",
            "number": k,
            "probe": 9.0 + k / 100,
            "seconds": {name: [0.1, 0.2 + k / 100] for name in names},
        }
        for k in range(1, 7)
    ]
    result = {
        "reference": names[0],
        "median_s": 0.1,
        "fastest_s": 0.1,
        "p90_s": 0.2,
        "spread": 0.1,
        "per_second": 20.0,
        "gflops": None,
        "fraction": None,
        "ratio": 1.0,
        "low": 0.9,
        "high": 1.1,
        "verdict": "equal",
    }
    end = {
        **head,
        "kind": "end",
        "rounds": 6,
        "dropped": [],
        "noisy": False,
        "ceiling_gflops": 9.0,
        "results": [{"contender": name, **result} for name in names],
    }
    every = [start, *rounds, end]
    return tuple(
        "".join(json.dumps(line) + "\n" for line in held).encode()
        for held in (every, every[:2], every[:3] + every[-1:])
    )


CHECKS = json.dumps(
    {
        "date": "2026-01-01",
        "checks": [
            {
                "model": "mlp_tiny",
                "tier": "forward/evaluation",
                "frameworks": ["pytorch", "jax"],
                "dtype": "float64",
                "worst": "output 0",
                "error": 1e-16,
                "tolerance": 1e-12,
                "passed": True,
                "seconds": 0.1,
                "reason": "",
                "note": "",
            }
        ],
    }
).encode()


def dump() -> tuple[bytes, bytes]:
    """What `triptych dump` writes of one layer: its JSON, and its tensors."""
    from safetensors.numpy import save

    tensors = {
        "w": np.zeros((2, 3), np.float32),
        "x": np.zeros((1, 3), np.float32),
        "y": np.zeros((1, 2), np.float32),
    }
    layer = {"path": "fc", "kind": "Linear", "package": "torch", "settings": {}}
    weight = {"name": "fc.weight", "module": "fc", "leaf": "weight", "also": []}
    call = {"path": "fc", "number": 1, "start": 0, "inputs": {"0": "x"}}
    run = {
        "calls": [{**call, "outputs": {"0": "y"}}],
        "outputs": {"0": "y"},
        "gradients": {},
        "input_gradients": {},
        "buffers": {},
    }
    said = {
        "format": dumps.FORMAT,
        "version": dumps.VERSION,
        "target": "a:b",
        "framework": "pytorch",
        "dtype": "float64",
        "program": "",
        "keep": "all",
        "channels_last": False,
        "environment": {},
        "rates": {},
        "order": [],
        "modules": [{**layer, "file": None, "line": None, "children": []}],
        "weights": [{**weight, "trainable": True, "tensor": "w"}],
        "inputs": {"0": "x"},
        "runs": {"evaluation": run},
        "tensors": {
            name: {"shape": list(value.shape), "dtype": "float32"}
            for name, value in tensors.items()
        },
    }
    return json.dumps(said).encode(), save(tensors)


def _text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf() -> tuple[bytes, ...]:
    """A header with values of each kind, and two tensors."""
    fields = (
        *(_text(b"general.architecture"), struct.pack("<I", 8), _text(b"llama")),
        *(_text(b"a"), struct.pack("<If", 6, 0.5)),
        *(_text(b"b"), struct.pack("<IIQ3i", 9, 5, 3, 1, -2, 3)),
        *(_text(b"c"), struct.pack("<IIQ", 9, 8, 2), _text(b"x"), _text(b"\xc3\xa9")),
    )
    rows = (
        *(_text(b"w"), struct.pack("<IQQIQ", 2, 3, 2, 0, 0)),
        *(_text(b"q"), struct.pack("<IQQIQ", 2, 32, 1, 3, 32)),
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 4) + b"".join((*fields, *rows))
    start = head + bytes(-len(head) % 32)
    packed = np.arange(6, dtype="<f4").tobytes() + bytes(8) + bytes(range(20))
    return (start + packed,)


def tokenizer() -> tuple[bytes, ...]:
    """Byte pairs as Hugging Face writes them."""
    model = {
        "type": "BPE",
        "vocab": {"a": 0, "b": 1, "ab": 2},
        "merges": [["a", "b"]],
    }
    held = {
        "added_tokens": [{"id": 3, "content": "<s>", "special": True}],
        "pre_tokenizer": {"type": "ByteLevel"},
        "model": model,
    }
    other = {**model, "merges": ["a b"], "unk_token": "<s>"}
    return tuple(json.dumps({**held, "model": m}).encode() for m in (model, other))


def unigram() -> tuple[bytes, ...]:
    """Pieces with their scores as Hugging Face writes them."""
    rows = [["<unk>", 0.0], ["\u2581", -2.0], ["a", -1.5], ["\u2581ab", -3.25]]
    model = {"type": "Unigram", "unk_id": 0, "vocab": rows}
    spaced = {"pre_tokenizer": {"type": "Metaspace"}, "model": model}
    return tuple(json.dumps(held).encode() for held in (spaced, {"model": model}))


def voice() -> tuple[bytes, ...]:
    """A GGUF of no tensor that has a tokenizer of bytes and the form of a chat."""

    def text(name: str, value: str) -> bytes:
        named = _text(f"tokenizer.{name}".encode())
        return named + struct.pack("<I", 8) + _text(value.encode())

    def texts(name: str, *values: str) -> bytes:
        head = struct.pack("<IIQ", 9, 8, len(values))
        held = b"".join(_text(value.encode()) for value in values)
        return _text(f"tokenizer.ggml.{name}".encode()) + head + held

    fields = (
        *(text("ggml.model", "gpt2"), text("ggml.pre", "smollm")),
        *(texts("tokens", "<s>", "a", "b", "ab", "\u0120"), texts("merges", "a b")),
        _text(b"tokenizer.ggml.token_type")
        + struct.pack("<IIQ5i", 9, 5, 5, 3, *[1] * 4),
        _text(b"tokenizer.ggml.eos_token_id") + struct.pack("<II", 4, 0),
        text("chat_template", "{% for m in messages %}{{ m['content'] }}{% endfor %}"),
    )
    return (b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields)) + b"".join(fields),)
