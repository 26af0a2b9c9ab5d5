"""What `pip install` of the wheel gives, far from a clone."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "shared",
    "pytorch_impl",
    "keras_impl",
    "jax_impl",
    "parity_tests",
    "benchmarks",
    "docs",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the tracked files alone, so that nothing lands in the clone."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "-w", str(out), str(source))
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--target", str(folder), str(wheel))
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A person's folder, with a package of its own that is called as one of ours."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "shared").mkdir()
    (folder / "shared" / "__init__.py").write_text("raise SystemExit('not yours')\n")
    return folder


def pip(*arguments: str) -> None:
    command, *others = arguments
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, "-q", "--no-deps", *others],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def run(installed: Path, project: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "triptych", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "120"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_it_holds_one_package_and_no_test_but_the_one_that_the_pages_show(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.partition("/")[0] for name in names}
    assert {name for name in roots if not name.endswith(".dist-info")} == {"triptych"}
    tests = [name for name in names if "/tests/" in name]
    assert tests == ["triptych/rooms/parity_tests/tests/test_differences.py"]


def test_every_file_of_a_room_is_in_it_but_the_tests(wheel):
    inside = "triptych/rooms/"
    names = {n for n in zipfile.ZipFile(wheel).namelist() if n.startswith(inside)}
    listed = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    wanted = {n for n in listed if "/tests/" not in n and (ROOT / n).is_file()}
    assert len(wanted) > 500
    assert {f"{inside}{name}" for name in wanted} <= names


def test_the_models_and_the_data_files_are_in_it(installed, project):
    assert "25,557,032" in run(installed, project, "list", "resnet")
    assert "adamw" in run(installed, project, "optimizers")
    assert "nnx" in run(installed, project, "show", "lenet")


def test_the_pages_are_written_from_it(installed, project, tmp_path):
    said = run(installed, project, "report", "--out", str(tmp_path))
    assert said == f"open {tmp_path / 'index.html'}\n"
    assert "bn-one" in (tmp_path / "differences.html").read_text()


def test_it_trains_on_the_text_that_it_brings(installed, project, tmp_path):
    chosen = ["--framework", "pytorch", "--epochs", "1", "--out", str(tmp_path)]
    said = run(installed, project, "train", "sonnets_gpt", *chosen, code=1)
    assert "MISSED" in said


def test_it_says_that_it_is_typed(wheel):
    assert "triptych/py.typed" in zipfile.ZipFile(wheel).namelist()


# A project that has PyTorch alone, and packages of its own that are called as ours.
NET = """
import numpy as np, torch
from shared import WIDTH

torch.manual_seed(0)

def test_net(parity):
    net = torch.nn.Sequential(torch.nn.Linear(3, WIDTH), torch.nn.LayerNorm(WIDTH))
    parity(net, np.ones((2, 3), "float32"))
"""


def test_the_plugin_is_there_where_it_is_installed(installed, tmp_path):
    (tmp_path / "shared.py").write_text("WIDTH = 4\n")
    (tmp_path / "test_net.py").write_text(NET)
    absent = dict.fromkeys(("keras", "tensorflow", "jax", "flax"))
    code = f"import sys; sys.modules.update({absent}); import pytest; "
    code += "sys.exit(pytest.main(sys.argv[1:]))"

    def tested(*options: str, code_: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, "-q", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code_, done.stdout + done.stderr
        return done.stdout

    assert "no golden dump" in tested(code_=1)
    assert "1 passed" in tested("--parity-update")
    assert "1 passed" in tested()
    (tmp_path / "test_net.py").write_text(NET.replace("LayerNorm(WIDTH)", "Tanh()"))
    assert "AssertionError" in tested(code_=1)


def test_it_judges_a_model(installed, project):
    chosen = ["--frameworks", "pytorch,jax", "--tier", "forward"]
    assert "hold over 1 models" in run(
        installed, project, "parity", "mlp_tiny", *chosen
    )
