"""The doctor tells of an optional package that is there and cannot be imported."""

from dataclasses import replace

import pytest

from shared.running import doctor

REPORT = doctor.Report(
    triptych="0.1.0",
    python="3.11",
    machine="Linux x86_64",
    cores=2,
    memory_gib=8.0,
    versions={"torch": "2.13.0"},
    originals={"torchvision": "0.26.0", "transformers": "5.1.0"},
    broken={},
    answers=[],
    warnings=[],
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return make


def test_what_cannot_be_imported_is_told_with_the_last_line(package):
    fits = package("fits", "print('loud')")
    raises = package("raises", "raise RuntimeError('operator nms does not exist')")
    leaves = package("leaves", "import os; os._exit(3)")
    assert doctor.broken([fits, raises, leaves]) == {
        "raises": "RuntimeError: operator nms does not exist",
        "leaves": "it ended with 3",
    }


def test_an_import_without_an_end_is_ended(package):
    hangs = package("hangs", "import time; time.sleep(60)")
    assert doctor.broken([hangs], 0.5) == {hangs: "its import did not end in time"}


def test_the_line_names_both_versions_and_the_way_on():
    why = {"torchvision": "RuntimeError: no nms", "transformers": "ImportError: x"}
    said = list(doctor.lines(replace(REPORT, broken=why)))
    assert said[-2:] == [
        "note torchvision 0.26.0 beside torch 2.13.0 cannot be imported "
        '(RuntimeError: no nms): pip install "torch==2.13.0" torchvision',
        "note transformers 5.1.0 cannot be imported (ImportError: x): "
        "pip install --upgrade transformers",
    ]
    assert not any("cannot be imported" in line for line in doctor.lines(REPORT))
