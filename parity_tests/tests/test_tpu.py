"""The dry run of the path to a TPU: what it refuses, and that it judges; on XLA's own
device it runs where torch_xla is (`make tpu-dry`)."""

import importlib.util

import pytest

from benchmarks import tpu
from benchmarks.gpu.parity import Place
from shared.errors import UsageError


@pytest.fixture
def with_xla(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("PJRT_DEVICE", "CPU")


def test_what_it_wants_is_told_in_one_line(monkeypatch, with_xla):
    with pytest.raises(UsageError, match="unknown small model 'resnet50'"):
        tpu.main(["resnet50"])
    monkeypatch.setenv("PJRT_DEVICE", "TPU")
    with pytest.raises(UsageError, match="PJRT_DEVICE is 'TPU'; allowed: CPU"):
        tpu.main(["mlp_tiny"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install torch_xla"):
        tpu.main(["mlp_tiny"])


def test_models_are_held_on_both_places(monkeypatch, with_xla, capsys):
    places = Place("pytorch", "cpu"), Place("numpy", "cpu")
    monkeypatch.setattr(tpu, "PLACES", places)
    assert tpu.main(["mlp_tiny"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("mlp_tiny")
    assert "training/adamw, 3 updates" in first
    assert last == "1 models, 0 checks fell short"


def test_a_process_that_cannot_is_a_check_that_falls_short(
    monkeypatch, with_xla, capsys
):
    places = Place("pytorch", "cpu"), Place("pytorch", "cuda")
    monkeypatch.setattr(tpu, "PLACES", places)
    assert tpu.main(["linear_tiny"]) == 1
    told = capsys.readouterr().out
    assert "forward/evaluation: pytorch: " in told
    assert told.endswith("1 models, 5 checks fell short\n")


WAITING = """
    import sys
    import types

    import torch

    from pytorch_impl import devices

    def settled():
        asked = []
        sys.modules["torch_xla"] = types.SimpleNamespace(sync=lambda: asked.append(1))
        try:
            devices.settle(torch.device("cpu"))
            assert not asked
            devices.settle(torch.device("xla"))
            assert asked == [1]
        finally:
            del sys.modules["torch_xla"]
"""


def test_what_waits_is_computed_at_once(within):
    """Each tensor that is read before would compile a program of its own."""
    within("pytorch", WAITING, "settled")
