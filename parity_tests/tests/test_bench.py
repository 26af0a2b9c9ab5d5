"""The benchmark's statistics, its lines, and what it does when something goes wrong."""

import json
import re
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import (
    bench,
    flops,
    measure,
    modes,
    peers,
    records,
    regressions,
    speed,
    statistics,
    ways,
)
from benchmarks.records import (
    Comparison,
    Contender,
    End,
    Machine,
    Round,
    Setting,
    Start,
)
from parity_tests.engine import request
from shared.catalog import VARIANTS, variant
from shared.errors import UsageError
from shared.files.weights import Entry
from shared.files.writing import refuse_unwritable
from shared.messages import Layer
from shared.running.client import WorkerCrashed
from shared.specs.base import Program, Spec, Tensor
from triptych import cli

MACHINE = Machine(system="Linux", cpu="one", cores=2, memory_gib=8.0, python="3.11")
SETTING = Setting(
    model="lenet",
    family="lenet",
    task="inference",
    batch=8,
    parameters=100,
    flops=2_000_000,
    dtype="float32",
    device="cpu",
    threads=1,
    affinity=[1],
)


def started(*names: str, **changes) -> Start:
    ways = [Contender(name=n, framework="pytorch", mode="eager") for n in names]
    setting = replace(SETTING, **changes)
    return Start(
        run="-".join(names) + str(changes),
        date="2026-01-01T00:00:00+00:00",
        revision="abc",
        machine=MACHINE,
        setting=setting,
        contenders=ways,
    )


def compared(number=15, seed=0, probe=100.0, noise=0.01, **slowness) -> Comparison:
    """Rounds on a machine whose pace wanders; each contender has noise of its own."""
    draw, start = np.random.default_rng(seed), started(*slowness)
    rounds = []
    for i in range(number):
        pace = 0.01 * np.exp(0.3 * draw.standard_normal())
        seconds = {
            name: (pace * s * np.exp(noise * draw.standard_normal(5))).tolist()
            for name, s in slowness.items()
        }
        rounds.append(Round(run=start.run, number=i + 1, seconds=seconds, probe=probe))
    return Comparison(start, rounds)


# Statistics


@pytest.mark.parametrize(
    ("slowness", "noise", "said"),
    [
        (1.0, 0.01, "equal"),
        (1.05, 0.01, "slower"),
        (0.95, 0.01, "faster"),
        (1.05, 0.3, "inconclusive"),
    ],
)
def test_verdicts(slowness, noise, said):
    found = [
        statistics.results(compared(seed=seed, noise=noise, a=1.0, b=slowness))
        for seed in range(20)
    ]
    assert sum(one.results[1].verdict == said for one in found) >= 18


def test_a_ratio_is_had_within_a_round():
    (first, second) = statistics.results(compared(number=40, a=1.0, b=2.0)).results
    assert (first.verdict, second.verdict) == ("reference", "slower")
    assert second.ratio == pytest.approx(0.5, abs=0.01)
    assert second.high - second.low < 0.02  # though the pace varies by 30 %


def test_disturbed_rounds_do_not_count():
    found = compared(number=10, a=1.0, b=1.0)
    found.rounds[3] = replace(
        found.rounds[3], probe=80.0, seconds={"a": [1.0], "b": [5.0]}
    )
    end = statistics.results(found)
    assert (end.dropped, end.rounds, end.noisy) == ([4], 9, False)
    assert end.results[1].ratio == pytest.approx(1.0, abs=0.02)
    for i in (0, 1, 2):
        found.rounds[i] = replace(found.rounds[i], probe=80.0)
    assert statistics.results(found).noisy


def test_nothing_is_claimed_of_few_rounds():
    end = statistics.results(compared(number=4, a=1.0, b=3.0))
    assert end.results[1].verdict == "inconclusive"


def test_what_is_reached_of_the_ceiling():
    end = statistics.results(compared(a=1.0))
    (only,) = end.results
    assert only.per_second == pytest.approx(8 / only.median_s)
    assert only.gflops == pytest.approx(2e-3 / only.median_s)
    assert only.fraction == pytest.approx(only.gflops / 100)


def test_a_mode_of_its_own_process_runs_there(monkeypatch, tmp_path):
    """XLA's program says whether its fusions were there; the caller's flags stay."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    (tmp_path / "fused.py").write_text(
        "import jax, jax.numpy as jnp\n"
        "def found():\n"
        "    x = jnp.ones((64, 64))\n"
        "    run = jax.jit(lambda a, b: jnp.tanh(a @ b) + 1)\n"
        "    return 'ynn' in run.lower(x, x).compile().as_text()\n"
    )
    fused = {}
    with measure.Stable("float32", "cpu", 1, ()) as stable:
        for mode in ("compiled", "compiled-ynn-off"):
            way = ways.Way("jax", mode)
            (worker,) = stable.get(way, "jax").workers
            assert mode in worker.describe()["modes"]
            fused[mode] = worker.ask("fused:found", paths=(str(tmp_path),))
            assert "fast_math" in worker.environment["XLA_FLAGS"]
    assert fused == {"compiled": True, "compiled-ynn-off": False}
    assert ways.Way("keras[jax]", "compiled").variables == ways.KEEP
    with pytest.raises(UsageError, match="there is none on cuda, only on cpu"):
        modes.check_device("compiled-ynn-off", "cuda")


def test_recommended_is_each_frameworks_own_by_model_and_task():
    offered = {
        "pytorch": ("recommended",),
        "keras": ("recommended", "xla"),
        "jax": ("eager", "recommended"),
    }

    def settled(model, task, device="cpu"):
        setting = SimpleNamespace(device=device, task=task)
        work = SimpleNamespace(spec=variant(model).spec, setting=setting)
        return tuple(bench.settled(offered, work).values())

    images = settled("alexnet", "inference")
    assert images == (("compiled-nhwc",), ("compiled", "xla"), ("eager", "compiled"))
    series = settled("lstm_3l_250h", "training")
    assert series == (("eager",), ("xla",), ("eager", "compiled"))
    with pytest.raises(UsageError, match="task with a recommended mode 'loading'"):
        settled("alexnet", "loading")
    with pytest.raises(UsageError, match="unknown framework with a recommended mode"):
        modes.recommended("keras[jax]", "cpu", "training", "images")


def test_a_device_without_records_has_the_documented_defaults():
    """Nobody measured modes on a TPU; the page says what is recommended there."""
    page = speed.PAGE.read_text()
    assert modes.unmeasured("cpu") == ""
    assert "no records of modes on a TPU" in modes.unmeasured("tpu")
    for framework, kinds in modes.DEFAULTS.items():
        assert set(kinds) == set(modes.KINDS)
        for kind, mode in kinds.items():
            assert modes.recommended(framework, "tpu", "training", kind) == mode
            assert f"`{mode}`" in page


@pytest.mark.skipif(
    not all(map(find_spec, ("torchvision", "transformers", "timm"))),
    reason="torchvision, transformers or timm is missing: pip install .[originals]",
)
def test_an_original_is_listed_once():
    for model in VARIANTS:
        known = [(peer.framework, peer.known) for peer in peers.peers(model)]
        assert len(known) == len(set(known)), model
    assert [peer.known for peer in peers.peers("swin_t")] == ["torchvision"]
    (found,) = peers.peers("xception")
    assert (found.known, found.target) == (
        "timm",
        "parity_tests.originals:timm_legacy_xception",
    )


@pytest.mark.parametrize(
    ("model", "published"),
    # torchvision's `GFLOPS`, which are multiplications with an addition each
    [
        ("alexnet", 0.71),
        ("convnext_tiny", 4.46),
        ("resnet18", 1.81),
        ("resnet50", 4.09),
        ("swin_t", 4.49),
    ],
)
def test_operations_are_the_published_ones(workers, model, published):
    spec = variant(model).spec
    built = workers.get("pytorch", "float32").build(spec, model)
    built.fill(0)
    asked = replace(request(spec, 1, training=False), trace=True)
    asked = replace(asked, inputs=tuple(a.astype("float32") for a in asked.inputs))
    found = flops.of_one(spec, built.entries(), built.run(asked).layers)
    built.drop()
    assert round(found / 2e9, 2) == published


@pytest.mark.parametrize(
    ("weight", "entered", "left"),
    [((3, 5, 4, 4), (3, 8, 8), (5, 16, 16)), ((4, 4, 3, 3), (4, 8, 8), (4, 15, 15))],
)
def test_operations_of_a_transposed_convolution(weight, entered, left):
    """Every weight once for each place of the map that enters, which has 8 x 8."""
    entries = {"up.weight": Entry(weight, "float64", True)}
    layers = {"up": Layer(np.ones((1, *entered)), np.ones((1, *left)))}
    assert flops.of_one(Spec(), entries, layers) == 2 * 64 * np.prod(weight)


def test_operations_of_a_layer_called_twice():
    """Its weight is used at the places of both calls; what is not called counts not."""
    entries = {f"{n}.weight": Entry((5, 3), "float64", True) for n in ("fc", "unused")}
    once, again = (Layer(np.ones((n, 3)), np.ones((n, 5))) for n in (1, 4))
    assert flops.of_one(Spec(), entries, {"fc": once, "fc#2": again}) == 2 * 15 * 5


def test_operations_of_attention_and_recurrence(workers):
    """By hand: every weight once a token or a step, and attention's two products."""
    for model in ("gpt_tiny", "lstm_tiny"):
        spec = variant(model).spec
        built = workers.get("pytorch", "float64").build(spec, model)
        built.fill(0)
        asked = replace(request(spec, 1, training=False), trace=True)
        found = flops.of_one(spec, built.entries(), built.run(asked).layers)
        built.drop()
        if model == "gpt_tiny":
            block = 12 * spec.width**2 * spec.tokens + 2 * spec.tokens**2 * spec.width
            wanted = spec.depth * block + spec.tokens * spec.width * spec.vocab_size
        else:
            gates = 4 * spec.hidden * (spec.features + spec.hidden)
            wanted = spec.length * gates + spec.hidden * spec.num_classes * (
                spec.length if len(spec.outputs(True)[0].shape) > 1 else 1
            )
        assert found == 2 * wanted, model


# Lines


def lines(found: Comparison):
    return [found.start, *found.rounds, *([found.end] if found.end else [])]


def written(path, *comparisons):
    for found in comparisons:
        for line in lines(found):
            records.append(path, line)
    return path


def test_lines_come_back(tmp_path):
    one, two = compared(number=5, a=1.0, b=1.1), compared(number=3, c=1.0)
    one.end = statistics.results(one)
    path = written(tmp_path / "deep" / "lines.jsonl", one, two)
    assert records.read([path]) == [one, two]


def test_half_a_line_is_left_out(tmp_path):
    found = compared(number=5, a=1.0)
    path = written(tmp_path / "lines.jsonl", found)
    path.write_text(path.read_text()[:-20])
    (back,) = records.read([path])
    assert back.rounds == found.rounds[:-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "other"}, "kinds: start, round, end"),
        ({"schema": 99}, "schema 99, this version reads 1"),
        ({"seconds": {"a": ["x"]}}, "seconds.a.0"),
        ({"more": 1}, "more"),
        ({"run": "b"}, "a round of b, never started"),
    ],
)
def test_bad_lines_are_refused(tmp_path, change, said):
    found = compared(number=1, a=1.0)
    path = written(tmp_path / "lines.jsonl", found)
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps({**json.loads(second), **change})}\n")
    with pytest.raises(UsageError, match=re.escape(said)):
        records.read([path])


def test_a_bad_line_is_not_written(tmp_path):
    path = tmp_path / "lines.jsonl"
    with pytest.raises(UsageError, match=r"setting\.batch"):
        records.append(path, started("a", batch="many"))
    assert not path.exists()


# Regressions


def test_what_became_slower(tmp_path):
    old = compared(number=15, seed=1, a=1.0, b=1.0, c=1.0)
    new = compared(number=15, seed=2, probe=50.0, a=2.0, b=2.0, c=2.4)
    new.start = replace(old.start, run="new")
    new.rounds = [replace(r, run="new") for r in new.rounds]
    for found in (old, new):
        found.end = statistics.results(found)
    before, after = written(tmp_path / "o", old), written(tmp_path / "n", new)
    said = {one.contender: one for one in regressions.regressions(before, after)}
    assert said["c"].verdict == "slower"
    assert said["c"].ratio == pytest.approx(1 / 1.2, abs=0.02)
    result = CliRunner().invoke(cli.app, ["bench", "compare", str(before), str(after)])
    assert result.exit_code == 1
    same = CliRunner().invoke(cli.app, ["bench", "compare", str(before), str(before)])
    assert same.exit_code == 0


@pytest.mark.parametrize(("number", "said"), [(1, "inconclusive"), (4, "inconclusive")])
def test_of_fewer_than_five_rounds_nothing_is_compared(number, said, tmp_path):
    found = compared(number=number, a=1.0, b=1.0)
    found.end = statistics.results(found)
    path = written(tmp_path / "o", found)
    rows = regressions.regressions(path, path)
    assert {row.verdict for row in rows} == {said}
    if number == 1:
        assert statistics.spanned(rows[0].low, rows[0].high, 3) == ""


def test_a_reference_has_no_interval():
    found = compared(a=1.0, b=1.0)
    found.end = statistics.results(found)
    (_, _, reference, *_), (_, _, other, *_) = bench.rows(found)
    assert reference == ""
    assert re.fullmatch(r"\d\.\d\d, \d\.\d\d", other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: {"kind": []}, "no line of a benchmark; kinds: start, round, end"),
        (
            lambda line: {**line, "seconds": {"a": [0.1]}},
            "of contender b; this comparison",
        ),
        (lambda line: {**line, "seconds": {"a": [], "b": [1.0]}}, "at least 1 item"),
        (lambda line: {**line, "seconds": {"a": [0.0], "b": [1]}}, "greater than 0"),
        (lambda line: {**line, "probe": 0}, "greater than 0"),
        (lambda line: {**line, "run": "other"}, "a round of other, never started"),
    ],
)
def test_a_line_that_cannot_be_is_wrong_use_not_slower(change, said, tmp_path):
    found = compared(number=6, a=1.0, b=1.0)
    found.end = statistics.results(found)
    path = written(tmp_path / "o", found)
    lines = path.read_text().splitlines()
    lines[2] = json.dumps(change(json.loads(lines[2])))
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError, match=rf"o:3: .*{said}"):
        regressions.regressions(path, path)


@pytest.mark.parametrize(
    ("line", "said"),
    [("[" * 100_000, "nested too deep"), ('{"a": NaN}', "NaN is no number of JSON")],
)
def test_a_line_that_is_no_json_is_told(line, said, tmp_path):
    (tmp_path / "o").write_text(line + "\n")
    with pytest.raises(UsageError, match=f"o:1 is no JSON: {said}"):
        records.read([tmp_path / "o"])


def test_where_lines_cannot_be_added_nothing_is_measured(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "x.jsonl"):
        with pytest.raises(UsageError, match=r"cannot be (written|a folder)"):
            bench.bench(["lenet_tiny"], OPTIONS, path, False, pytest.fail)
    new = tmp_path / "new" / "x.jsonl"
    refuse_unwritable(new)
    assert not new.exists()


def test_nothing_in_common(tmp_path):
    one, two = compared(a=1.0), compared(a=1.0)
    two.start = replace(two.start, setting=replace(SETTING, batch=9))
    for found in (one, two):
        found.end = statistics.results(found)
    paths = written(tmp_path / "o", one), written(tmp_path / "n", two)
    with pytest.raises(UsageError, match="no ended comparison in common"):
        regressions.regressions(*paths)


# Runs

OPTIONS = bench.Options(
    tasks=("inference",),
    frameworks=("pytorch", "jax"),
    modes=("compiled",),
    rounds=3,
    batches=(4,),
)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "lines.jsonl"
    options = replace(OPTIONS, tasks=bench.TASKS, frameworks=("jax",))
    return path, bench.bench(["lenet_tiny"], options, path, False, lambda text: None)


def test_a_run_leaves_its_lines(first):
    path, found = first
    assert records.read([path]) == found
    assert [c.setting.task for c in found] == list(bench.TASKS)
    for one in found:
        (contender,) = one.start.contenders
        assert contender.failed == ""
        assert contender.first_s > contender.second_s
        assert {"jax", "flax"} <= contender.versions.keys()
        assert all(
            len(r.seconds["jax/compiled"]) == contender.samples for r in one.rounds
        )
        assert isinstance(one.end, End)
        assert one.start.machine.cpu
    training = found[bench.TASKS.index("training")]
    assert training.setting.flops == 3 * found[0].setting.flops


def test_a_killed_run_keeps_its_rounds_and_goes_on(first, tmp_path):
    path, found = first
    whole = path.read_text().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(whole[:3]) + whole[3][:50])  # in the third round
    options = replace(OPTIONS, frameworks=("jax",))
    (again,) = bench.bench(["lenet_tiny"], options, cut, True, lambda text: None)
    assert again.start == found[0].start
    assert again.rounds[:2] == found[0].rounds[:2]
    assert len(again.rounds) >= 3
    assert records.read([cut]) == [again]
    assert bench.bench(["lenet_tiny"], options, cut, True, lambda text: None) == []


def test_a_contender_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch):
    ready = measure._ready

    def dies(contender, way, work, stable):
        if way.framework == "pytorch":
            raise WorkerCrashed("pytorch died in prepare (SIGKILL)")
        return ready(contender, way, work, stable)

    monkeypatch.setattr(measure, "_ready", dies)
    path = tmp_path / "lines.jsonl"
    (found,) = bench.bench(["linear_tiny"], OPTIONS, path, False, lambda text: None)
    torch, jax = found.start.contenders
    assert torch.failed == "pytorch died in prepare (SIGKILL)"
    assert jax.failed == ""
    assert [r.contender for r in found.end.results] == ["jax/compiled"]
    assert bench.failures([found]) == 1


@pytest.mark.thorough
@pytest.mark.skipif(
    find_spec("ray") is None, reason="ray is not installed: pip install .[cluster]"
)
def test_over_a_cluster(tmp_path):
    path = tmp_path / "lines.jsonl"
    options = replace(OPTIONS, frameworks=("pytorch",), modes=("eager",))
    names = ["linear_tiny", "lenet_tiny"]
    found = bench.bench_on_cluster(names, options, path, lambda text: None)
    assert [c.setting.model for c in found] == names
    assert records.read([path]) == found
    assert all(c.end and c.end.results for c in found)


@pytest.mark.thorough
def test_several_processes_share_a_step(tmp_path):
    options = replace(
        OPTIONS,
        tasks=("training",),
        frameworks=("pytorch",),
        modes=("eager",),
        processes=(1, 2),
    )
    path = tmp_path / "lines.jsonl"
    (found,) = bench.bench(["lenet_tiny"], options, path, False, lambda text: None)
    assert [c.name for c in found.start.contenders] == [
        "pytorch/eager",
        "pytorch/eager x2",
    ]
    assert bench.failures([found]) == 0
    assert len(found.end.results) == 2


def test_another_function_is_not_timed():
    spec, plan = variant("lenet_tiny").spec, None
    work = measure.Work(spec, SETTING, bench.samples(spec, 2), plan)
    one = np.ones((2, 4), "float32")
    assert measure._differs(work, (one,), (one + 1e-5,)) == ""
    assert "by 1.0e-02" in measure._differs(work, (one,), (one + 1e-2,))
    assert "shape" in measure._differs(work, (one,), (one[:1],))
    assert "no number" in measure._differs(work, (one,), (one * np.nan,))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lenet_tiny", "--device", "moon"], "device 'moon'"),
        (["lenet_tiny", "--device", "cuda"], "looked for cuda or gpu"),
        (["lenet_tiny", "--task", "sleep"], "lenet_tiny has no task 'sleep'; it has"),
        (["vae_tiny", "--task", "dream"], "loading, encode, decode, sample"),
        (["lenet_tiny", "--mode", "warp"], "mode of pytorch 'warp'"),
        (["lenet_tiny", "--threads", "1000"], "threads is 1000"),
        (["lenet_tiny", "--set", "width"], "FIELD=VALUE"),
        (["lenet_tiny", "--batch", "some"], "--batch some: allowed: whole numbers"),
        (["lenet_tiny", "--processes", "0"], "processes is (0,); allowed: from 1"),
        (["lenet_tiny", "--processes", "2"], "only --task training"),
        (["lenet_tiny", "--on", "moon"], "moon"),
        (["lenet_tiny", "--set", "width=3"], "no field width"),
        (["nothing"], "nothing"),
        ([], "models, families or --all"),
    ],
)
def test_wrong_use_is_one_line(arguments, said, tmp_path, capsys, monkeypatch):
    out = tmp_path / "lines.jsonl"
    monkeypatch.setattr(
        "sys.argv",
        ["triptych", "bench", *arguments, "--frameworks", "pytorch", "--out", str(out)],
    )
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()


@pytest.mark.thorough
def test_a_program_is_timed_as_a_task(tmp_path):
    options = replace(
        OPTIONS,
        tasks=("encode",),
        frameworks=("pytorch", "keras", "jax"),
        modes=("eager",),
    )
    path = tmp_path / "lines.jsonl"
    (found,) = bench.bench(["vae_tiny"], options, path, False, lambda text: None)
    assert records.read([path]) == [found]
    assert (found.setting.task, found.setting.flops) == ("encode", None)
    assert bench.failures([found]) == 0
    assert len(found.end.results) == 3


def test_a_program_that_decides_otherwise_is_not_timed():
    tokens = Tensor("tokens", (3,), below=9), Tensor("margin", (3,))
    choose = Program("choose", (), tokens, margin="margin")
    spec = SimpleNamespace(programs=lambda: {"choose": choose})
    batch = SimpleNamespace(inputs=())
    work = measure.Work(spec, replace(SETTING, task="choose"), batch, None)
    sure, close = np.ones((1, 3), "float32"), np.full((1, 3), 1e-6, "float32")
    one, two = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 2.0, 4.0]])
    assert measure._differs(work, (one, sure), (one, sure)) == ""
    assert measure._differs(work, (one, close), (two, close)) == ""
    said = measure._differs(work, (one, sure), (two, sure))
    assert "tokens[0, 2] is decided otherwise, by a margin of 1" in said
    assert "margin: 5.0e-01" in measure._differs(work, (one, sure), (one, sure / 2))


def test_a_program_runs_in_the_mode_of_inference():
    spec = VARIANTS["vae_tiny"].spec
    offered = {"keras": ("recommended",)}
    for task, mode in (("encode", "compiled"), ("inference", "compiled")):
        work = measure.Work(spec, replace(SETTING, task=task), None, None)
        assert bench.settled(offered, work) == {"keras": (mode,)}


def test_settings_are_plain():
    json.dumps(asdict(SETTING))


def test_a_name_of_a_family_and_a_model_is_the_models():
    assert bench.chosen(["alexnet"], everything=False) == ["alexnet"]
    of_family = bench.chosen(["resnet"], everything=False)
    assert {"resnet18", "resnet152"} < set(of_family)
    assert "resnet_tiny" not in of_family


def test_chance_inside_a_spec_that_holds_another_counts():
    @dataclass(frozen=True, kw_only=True)
    class Held(Spec):
        tower: Spec

        def inputs(self):
            return self.tower.inputs()

    dropping, still = variant("mlp_tiny_tanh").spec, variant("mlp_tiny").spec
    assert measure._random(Held(tower=Held(tower=dropping)))
    assert not measure._random(Held(tower=Held(tower=still)))


def test_noise_is_given_to_inference_and_drawn_in_training():
    spec = VARIANTS["gan_tiny"].spec
    assert [a.shape for a in bench.samples(spec, 3).inputs] == [(3, 10), (3, 4)]
    for task in ("training", "optimizer", "loading"):
        assert [a.shape for a in bench.samples(spec, 3, task).inputs] == [(3, 10)]
