"""What once broke a reader, or would fill the memory: small, and tried first."""

import gzip
import pickle
import zlib
from typing import Any

from triptych.faults import files
from triptych.faults.files import Files

_ZEROS = bytes(1 << 20)


def _bomb(megabytes: int) -> bytes:
    """Zeros, packed by gzip; a thousand times smaller than what it unpacks to."""
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [engine.compress(_ZEROS) for _ in range(megabytes)]
    return b"".join([*parts, engine.flush()])


IDX = (
    b"",
    b"\0\0\x08\0\x07",  # no dimension: one number
    b"\0\0\x08\xff" + bytes(8),
    b"\0\0\x08\x28" + b"\0\0\0\1" * 40 + b"\7",  # more than NumPy has
    b"\0\0\x08\3" + b"\xff" * 12,
)
PACKED = (
    b"",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff\7" + bytes(8),  # no block of deflate: zlib.error
    b"\x1f\x8b\x07" + bytes(16),
    gzip.compress(files.IDX[0], mtime=0)[:-4] + bytes(4),
    _bomb(1200),
)
_WHOLE = files.WAV[0]
WAV = (
    b"RIFF",
    _WHOLE[:16] + b"\x03" + _WHOLE[17:],  # a chunk too short for its fields
    _WHOLE[:16] + b"\xff\xff\xff\xff" + _WHOLE[20:],
    _WHOLE[:22] + b"\0\0" + _WHOLE[24:],  # no channel
    _WHOLE[:24] + bytes(4) + _WHOLE[28:],  # no sample a second
    _WHOLE[:34] + b"\xff\xff" + _WHOLE[36:],
    _WHOLE[:40] + b"\xff\xff\xff\x7f" + _WHOLE[44:],
    _WHOLE[:40] + bytes(4),
)
UCR = (
    b"",
    b"1 2 3 4\n\n1 2 3 4\n",
    b"1 1_0 3 4\n",
    b"1e400 2 3 4\n",
    b"1 nan inf 4\n",
    b"1 \xd9\xa1 3 4\n",  # a digit of another script
)
TEXTS: tuple[Files, ...] = (
    {"input.txt": b""},
    {"input.txt": b"abc\nde\xff"},
    {"input.txt": b"abcd\xc3"},
    {"input.txt": b"\xff\xfea\0"},
)
_START, *_ROUNDS, _END = files.lines()[0].splitlines(keepends=True)
_ONE_LESS = _ROUNDS[0].replace(b', "jax/eager": [0.1, 0.21]', b"")
LINES = (
    b'{"kind": []}\n',
    b'{"kind": {}, "schema": 1}\n',
    b"[" * 100_000 + b"\n",
    b"1" * 5000 + b"\n",
    b"\xff\n",
    b'{"checks": 1}',
    b'{"checks": [1]}',
    _START + _ONE_LESS + b"".join(_ROUNDS[1:]) + _END,
    _START + _ROUNDS[0].replace(b"0.1", b"NaN") + _END,
    _START + _ROUNDS[0].replace(b"[0.1, 0.21]", b"[]") + _END,
    _START + _ROUNDS[0].replace(b"9.01", b"0") + _END,
    _START + _ROUNDS[0].replace(b"0.1", b"1e999") + _END,
)
PICTURES = (
    b"",
    b"P5 1 60000 255\n" + bytes(60_000),  # 8 x 480,000 pixels when scaled
    b"P6 100000 100000 255\n" + bytes(64),
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n",
    b"GIF89a" + b"\xff" * 8,
)


def archives() -> tuple[bytes, ...]:
    good = {"0_ann_0.wav": files.RECORDING}
    whole = files.zipped(good)
    return (
        b"",
        files.zipped({"-1_ann_0.wav": files.RECORDING}),
        files.zipped({"99_ann_0.wav": files.RECORDING}),
        files.zipped({"x_ann_0.wav": files.RECORDING}),
        files.zipped({"0_ann_-5.wav": files.RECORDING}),
        files.zipped(good | {"1_ann_0.wav": _ZEROS * 64}),  # a bomb
        whole.replace(b"PK\1\2", b"PK\1\3"),
        whole[:8] + b"\x63" + whole[9:],  # packed in no known way
        whole[:6] + b"\1" + whole[7:],  # encrypted
        whole[:40] + b"\xff\xff" + whole[42:],  # no deflate
    )


class _Run:
    """What would run a program where a pickle is believed."""

    def __reduce__(self) -> Any:
        import os

        return os.system, ("exit 1",)


def graphs() -> tuple[Files, ...]:
    whole = files.planetoid(2)
    changed = {
        "ind.two.graph": (
            pickle.dumps(_Run()),
            pickle.dumps({0: [1], 1: [0, 10**400]}),
            pickle.dumps({0: [1], 1: [-1]}),
            pickle.dumps({k: [k] for k in range(6)}),
            b"\x80\x04r\xff\xff\xff\x7f.",  # remembered under a far number
            b"(" * 100_000,
            b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.",
        ),
        "ind.two.tx": (whole["ind.two.tx"].replace(b"NNNJ", b"NNNNJ"),),
        "ind.two.ally": (pickle.dumps([0, 1]), pickle.dumps(None)),
        "ind.two.test.index": (
            b"5\n5\n",
            b"5\n6\n",
            b"-1\n4\n",
            b"x",
            b"\xff",
            b"9" * 500,
        ),
    }
    return tuple(
        whole | {name: content} for name, many in changed.items() for content in many
    )


# Zip archives that say of themselves what Python's reader of them does not expect.
_ENDS = b"PK\5\6" + bytes(18)
ZIPS = (
    b"",
    b"PK\6\7" + bytes(12) + b"\2\0\0\0" + _ENDS,  # spans several disks
    files.zipped({"\u00e9": b"x"}).replace(b"\xc3\xa9", b"\xff\xff", 1),  # no UTF-8
)


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("parity", "mlp_tiny", "--timeout", "nan"),
    ("parity", "mlp_tiny", "--timeout", "inf"),
    ("parity", "mlp_tiny", "--timeout", "-1"),
    ("parity", "mlp_tiny", "--timeout", "0"),
    ("parity", "mlp_tiny", "--frameworks", "jax,jax"),
    ("trace", "mlp_tiny", "--frameworks", ""),
    ("train", "digits_mlp", "--framework", ""),
    ("train", "digits_mlp", "--seed", "-1"),
    ("train", "digits_mlp", "--lr", "nan"),
    ("train", "digits_mlp", "--out", "n" * 256),
    ("predict", "resnet_tiny", "file", "--seed", "-1"),
    ("predict", "resnet_tiny", "n" * 256),
    ("predict", "resnet_tiny", ""),
    ("diff", "9" * 5000, "a:b", "--input", "2,3"),
    ("diff", "a:b", "c:d", "--input", "99999999,99999999"),
    ("diff", "a:b", "c:d", "--input", "2,3", "--tolerance", "nan"),
    ("diff", "a:b", "c:d", "--input", "2:" + "9" * 5000),
    ("bench", "mlp_tiny", "--batch", "9" * 5000),
    ("bench", "mlp_tiny", "--batch", "99999999"),
    ("bench", "mlp_tiny", "--set", "features=" + "9" * 5000),
    ("bench", "mlp_tiny", "--set", "x=" + "[" * 10_000),
    ("convert", "p/" * 2100, "x", "--to", "jax"),
    ("list", "--json", ""),
)
