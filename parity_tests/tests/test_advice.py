"""Which framework to choose: what is said is what the runs decide, and no more."""

import json
from dataclasses import replace
from statistics import geometric_mean, median

import numpy as np
import pytest

from benchmarks.report import advice, choosing, evidence
from benchmarks.report.advice import advise, mean_of, takes
from parity_tests.tests import made_records
from parity_tests.tests.made_records import Made
from shared.catalog import VARIANTS
from shared.frameworks import NATIVE

MODELS = ("resnet18", "resnet34", "resnet50", "vgg11", "alexnet", "densenet121")


def ways(keras, jax):
    """PyTorch at 1, and the two others' speeds beside it."""
    return (
        ("pytorch", "eager", "", 1.0, 0.1),
        ("keras", "compiled", "", keras, 2.0),
        ("jax", "compiled", "", jax, 3.0),
    )


def made(model, keras, jax, run="", **other):
    setting = replace(made_records.RESNET, model=model, changes={})
    batch = other.pop("batch", 8)
    setting = replace(setting, batch=batch)
    return Made(run or f"{model}-{batch}", setting, 0.03, ways(keras, jax), **other)


def advised(tmp_path, *chosen):
    path = made_records.write(tmp_path / "made.jsonl", chosen)
    return advise(evidence.read([path]).comparisons)


@pytest.fixture(scope="module")
def committed():
    return evidence.read(evidence.committed()).comparisons


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("resnet18", "pictures"),
        ("dcgan", "pictures"),
        ("char_gpt", "tokens"),
        ("bert_tiny", "tokens"),
        ("lstm_3l_250h", "sequences"),
        ("m5", "sequences"),
        ("mlp_784_128_10", "vectors"),
        ("gcn_tiny", "graphs"),
    ],
)
def test_what_a_model_takes_is_in_its_inputs(model, kind):
    assert takes(VARIANTS[model].spec) == kind


def test_every_model_is_of_a_known_kind():
    kinds = {takes(variant.spec) for variant in VARIANTS.values()}
    assert kinds == set(advice.KINDS)


def test_who_is_ahead_everywhere_is_said_with_the_mean(tmp_path):
    speeds = (1.1, 1.15, 1.2, 1.25, 1.3, 1.35)
    runs = [made(m, 0.8, s) for m, s in zip(MODELS, speeds, strict=True)]
    (one,) = advised(tmp_path, *runs)
    assert one.ahead == "jax"
    assert one.tally == {"jax": 6}
    ratio = one.beside["jax"]
    assert ratio.middle == pytest.approx(geometric_mean(speeds), rel=0.02)
    assert 1.08 < ratio.low < ratio.middle < ratio.high < 1.37
    row = choosing.row(one)
    assert row["foremost"] == ("jax",)
    assert row["sure"] == "by model: JAX in 6"


def test_of_few_models_nothing_is_said_of_their_kind(tmp_path):
    (one,) = advised(tmp_path, *[made(m, 0.8, 1.5) for m in MODELS[:4]])
    assert one.ahead == ""
    row = choosing.row(one)
    assert row["foremost"] == ()
    assert row["said"] == "fewer than 5 models"
    assert row["sure"] == "by model: JAX in 4"


def test_where_models_disagree_it_is_not_decided_but_who_is_behind_is(tmp_path):
    speeds = (0.7, 1.4, 0.8, 1.3, 0.9, 1.2)
    runs = [made(m, s, 0.3) for m, s in zip(MODELS, speeds, strict=True)]
    (one,) = advised(tmp_path, *runs)
    assert one.ahead == ""
    assert set(one.foremost) == {"pytorch", "keras"}
    assert one.tally == {"pytorch": 3, "keras": 3}


def test_few_or_disturbed_rounds_decide_no_model(tmp_path):
    (one,) = advised(tmp_path, made("resnet18", 0.8, 1.5, rounds=4))
    assert one.tally == {}
    assert choosing.row(one)["sure"] == "by model: not decided in 1"


def test_a_setting_counts_once_by_the_run_that_has_most_and_is_last(tmp_path):
    last = "2026-11-25T10:00:00+00:00"
    first = made("resnet18", 0.8, 1.5, run="first")
    second = made("resnet18", 0.8, 0.5, run="second", date=last)
    few = made("resnet18", 0.8, 2.0, run="few", date=last, rounds=2)
    (one,) = advised(tmp_path, first, second, few)
    (run,) = one.runs
    assert run.recorded.comparison.start.run == "second"


def test_settings_of_one_model_are_one_model(tmp_path):
    runs = [made(m, 0.5, 0.9) for m in MODELS]
    runs += [made("resnet18", 0.5, 3.0, batch=b) for b in (1, 2, 4)]
    (one,) = advised(tmp_path, *runs)
    assert len(one.models) == 6
    assert len(one.runs) == 9
    wanted = geometric_mean([0.9] * 5 + [geometric_mean([0.9, 3, 3, 3])])
    assert one.beside["jax"].middle == pytest.approx(wanted, rel=0.02)


def test_where_it_changes_with_the_batch_both_are_named(tmp_path):
    runs = [made("resnet18", 0.5, 0.6), made("resnet18", 0.5, 1.6, batch=64)]
    (one,) = advised(tmp_path, *runs)
    (said,) = choosing.row(one)["changes"]
    assert said.startswith("resnet18: ")
    assert "PyTorch at batch 8" in said
    assert "JAX at batch 64" in said
    assert one.by_model == {"resnet18": ""}


def test_who_did_not_run_leaves_no_row(tmp_path):
    failed = made("resnet18", 0.5, 1.6, failed=("jax compiled", "out of memory"))
    assert advised(tmp_path, failed) == []


def test_another_machine_is_another_row(tmp_path):
    other = replace(made_records.MACHINE, cpu="another")
    runs = [made("resnet18", 1, 1.5), made("resnet18", 1, 1.5, "b", machine=other)]
    assert len(advised(tmp_path, *runs)) == 2


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Models whose ratios are drawn around a known one, each measured with noise."""
    draw, held, trials = np.random.default_rng(3), 0, 200
    for _ in range(trials):
        own = draw.normal(np.log(1.3), 0.2, 6)
        noise = draw.normal(0, 0.02, (6, 401))
        ratio = mean_of(own[:, None] + noise)
        held += ratio.low <= 1.3 <= ratio.high
    assert 0.92 <= held / trials <= 0.995


def test_student_s_points_are_those_of_the_tables():
    for v, point in ((4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042)):
        assert advice._student(v) == pytest.approx(point, abs=0.01)


# The committed records


def test_each_model_stands_once_for_each_setting(committed):
    """On each machine, whatever row it stands in."""
    found = advise(committed)
    assert len(found) > 10
    settings = [
        (s.model, str(s.changes), s.task, s.dtype, s.device, s.batch, s.threads, on)
        for one in found
        for run in one.runs
        for s, on in [(run.setting, run.recorded.comparison.start.machine)]
    ]
    assert len(settings) == len(set(map(str, settings)))


def test_a_ratio_is_of_one_run_s_own_lines(committed):
    """Against the lines of the file, by the standard library alone."""
    for one in advise(committed):
        for run in one.runs[:3]:
            source = evidence.records.RECORDS / run.recorded.source
            lines = source.read_text().splitlines()
            plain = [json.loads(lines[number - 1]) for number in run.recorded.lines]
            dropped = plain[-1]["dropped"]
            kept = [
                line["seconds"]
                for line in plain
                if line["kind"] == "round" and line["number"] not in dropped
            ]
            for framework in NATIVE:
                own, other = (run.best[f][0].name for f in (framework, NATIVE[0]))
                ratios = [median(r[other]) / median(r[own]) for r in kept]
                ratio = run.ratio(framework, NATIVE[0])
                # Of an even number of rounds the middle is between two.
                near = sorted(ratios)[(len(ratios) - 1) // 2 : len(ratios) // 2 + 1]
                assert near[0] - 1e-9 <= ratio.middle <= near[-1] + 1e-9
                assert ratio.low <= ratio.middle <= ratio.high


def test_a_name_stands_only_where_the_whole_interval_is_beyond_1(committed):
    for one in advise(committed):
        if one.ahead:
            others = [f for f in NATIVE if f != one.ahead]
            assert all(one.ratio(one.ahead, f).low > 1.02 for f in others)
            assert len(one.models) >= 5
