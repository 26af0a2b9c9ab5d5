"""Made-up lines of benchmarks, the same at every call: all that a report must show."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import records
from benchmarks.records import Contender, End, Machine, Result, Round, Setting, Start

MACHINE = Machine(
    system="Linux 6.1 x86_64",
    cpu="Made-up Processor 9000",
    cores=8,
    memory_gib=64.0,
    python="3.11.7",
)
GPU = replace(MACHINE, accelerator="Made-up Accelerator 80GB")
VERSIONS = {
    "pytorch": {"torch": "2.13.0"},
    "keras": {"keras": "3.15.1", "tensorflow": "2.21.0"},
    "jax": {"jax": "0.10.2", "flax": "0.12.8"},
}
# framework, mode, peer, speed beside the first, seconds of the first call
USUAL = (
    ("pytorch", "eager", "", 1.0, 0.08),
    ("pytorch", "compiled", "", 1.21, 14.0),
    ("keras", "eager", "", 0.31, 0.4),
    ("keras", "compiled", "", 0.94, 2.7),
    ("jax", "compiled", "", 1.13, 1.9),
)
PEERS = (
    ("pytorch", "eager", "torchvision 0.28.0 resnet18", 0.99, 0.09),
    ("keras", "compiled", "keras.applications 3.15.1", 0.78, 3.3),
)
CEILINGS = {"float32": 180.0, "bfloat16": 1300.0, "tf32": 90_000.0}


@dataclass(frozen=True)
class Made:
    """One comparison to make up; `call` is the reference's, in seconds."""

    run: str
    setting: Setting
    call: float
    contenders: tuple[tuple[str, str, str, float, float], ...] = USUAL
    date: str = "2026-11-20T10:00:00+00:00"
    revision: str = "a1b2c3d4e5f6"
    machine: Machine = MACHINE
    rounds: int = 9
    noise: float = 0.015
    failed: tuple[str, str] = ("", "")
    ended: bool = True


def _setting(model: str, family: str, batch: int, parameters: int) -> Setting:
    return Setting(
        model=model,
        family=family,
        task="inference",
        batch=batch,
        parameters=parameters,
        flops=batch * parameters * 2,
        dtype="float32",
        device="cpu",
        threads=1,
        affinity=[1],
    )


MLP = _setting("mlp_784_128_10", "mlp", 64, 101_770)
RESNET = replace(
    _setting("resnet18", "resnet", 8, 11_689_512),
    changes={"image_size": 64},
    flops=2_369_000_000,
)
GPT = replace(_setting("char_gpt", "gpt", 2, 10_770_816), flops=7_248_000_000)
ADAMW = replace(
    _setting("adamw", "optimizers", 1, 10_907_136), task="optimizer", flops=None
)
LSTM = _setting("lstm_3l_250h", "lstm", 8, 3_788_561)
SECOND = "2026-11-21T09:30:00+00:00"


OTHER = ("keras[jax]", "compiled", "", 1.05, 2.1)  # Keras on another back end


def comparisons() -> list[Made]:
    """Several families, both tasks, a sweep, bfloat16, peers, what failed or did not
    end, a noisy one, two revisions, a GPU, another back end, an optimizer."""
    train = replace(RESNET, task="training")
    noisy, killed = LSTM, replace(LSTM, task="training")
    return [
        *_sweep(),
        Made("resnet-old", RESNET, 0.031, date="2026-11-14T08:00:00+00:00"),
        Made("resnet-new", RESNET, 0.028, (*USUAL, *PEERS), SECOND, "0f9e8d7c6b5a"),
        Made("resnet-train", train, 0.11, (*USUAL, OTHER), SECOND),
        Made("gpt", GPT, 0.061, (*USUAL, OTHER), SECOND),
        *_faster(),
        Made("adamw", ADAMW, 0.012, date=SECOND),
        Made("lstm-noisy", noisy, 0.02, noise=0.3, rounds=12),
        Made("lstm-killed", killed, 0.05, rounds=3, ended=False),
    ]


def _sweep() -> list[Made]:
    settings = [
        replace(MLP, batch=batch, flops=MLP.parameters * 2 * batch)
        for batch in (1, 8, 64, 512)
    ]
    return [Made(f"mlp-{s.batch}", s, 2e-5 + 1e-6 * s.batch) for s in settings]


def _faster() -> list[Made]:
    """In bfloat16, and on a GPU, where one does not run."""
    compiled = tuple((f, m, p, s * 2.6, t) for f, m, p, s, t in USUAL if m != "eager")
    on_gpu = replace(GPT, device="cuda", batch=64, dtype="tf32", affinity=[0, 1])
    failed = ("jax compiled", "RESOURCE_EXHAUSTED: out of <memory> & patience")
    bfloat = replace(GPT, dtype="bfloat16")
    return [
        Made("gpt-bf16", bfloat, 0.061, compiled, SECOND),
        Made("gpt-gpu", on_gpu, 0.004, machine=GPU, failed=failed),
    ]


def write(path: Path, chosen: Sequence[Made] = ()) -> Path:
    for made in chosen or comparisons():
        _write(path, made)
    return path


def _write(path: Path, made: Made) -> None:
    contenders = [_contender(made, i) for i in range(len(made.contenders))]
    records.append(
        path,
        Start(
            run=made.run,
            date=made.date,
            revision=made.revision,
            machine=made.machine,
            setting=made.setting,
            contenders=contenders,
        ),
    )
    rounds = _rounds(made, [c for c in contenders if not c.failed])
    for one in rounds:
        records.append(path, one)
    if made.ended:
        records.append(path, _end(made, rounds))


def _contender(made: Made, i: int) -> Contender:
    framework, mode, peer, _, first = made.contenders[i]
    name = f"{peer or framework} {mode}"
    if name == made.failed[0]:
        failed = made.failed[1]
        return Contender(name=name, framework=framework, mode=mode, failed=failed)
    return Contender(
        name=name,
        framework=framework,
        mode=mode,
        peer=peer,
        versions=VERSIONS[framework.partition("[")[0]],
        environment={"OMP_WAIT_POLICY": "passive"},
        layout="NCHW" if framework == "pytorch" else "NHWC",
        import_s=1.2 + 0.9 * i,
        build_s=0.1 + 0.07 * i,
        first_s=first,
        second_s=made.call * 1.4,
        memory_mib=180.0 + 35.5 * i,
        calls=max(2, min(6, math.ceil(0.1 / made.call))),
    )


def _rounds(made: Made, contenders: Sequence[Contender]) -> list[Round]:
    draw = np.random.default_rng(sum(map(ord, made.run)))
    speeds = {f"{p or f} {m}": s for f, m, p, s, _ in made.contenders}
    ceiling = CEILINGS[made.setting.dtype]
    rounds = []
    for number in range(1, made.rounds + 1):
        slow = 1.5 if made.noise > 0.1 and number % 4 == 0 else 1.0
        order = contenders if number % 2 else contenders[::-1]
        seconds = {
            c.name: [
                round(made.call / speeds[c.name] * slow * (1 + made.noise * abs(x)), 9)
                for x in draw.standard_normal(c.calls)
            ]
            for c in order
        }
        probe = round(ceiling / slow * (1 - made.noise * draw.random() / 3), 2)
        busy = {c.name: 0.99 for c in order}
        rounds.append(
            Round(run=made.run, number=number, seconds=seconds, busy=busy, probe=probe)
        )
    return rounds


def _end(made: Made, rounds: Sequence[Round]) -> End:
    probes = {r.number: r.probe or 0.0 for r in rounds}
    best = max(probes.values())
    dropped = [number for number, probe in probes.items() if probe < 0.9 * best]
    kept = [r for r in rounds if r.number not in dropped]
    return End(
        run=made.run,
        rounds=len(rounds),
        dropped=dropped,
        noisy=len(dropped) > len(rounds) / 4 or made.noise > 0.1,
        ceiling_gflops=best,
        results=[_result(made, name, kept, best) for name in rounds[0].seconds],
    )


def _result(made: Made, name: str, kept: Sequence[Round], best: float) -> Result:
    reference = next(iter(kept[0].seconds))
    medians = {
        n: [statistics.median(r.seconds[n]) for r in kept] for n in (reference, name)
    }
    every = sorted(s for r in kept for s in r.seconds[name])
    median = statistics.median(medians[name])
    low, middle, high = _ratios(medians[reference], medians[name])
    flops = made.setting.flops
    gflops = None if flops is None else round(flops / median / 1e9, 3)
    verdict: records.Verdict = "reference"
    if name != reference:
        verdict = "faster" if low > 1 else "slower" if high < 1 else "inconclusive"
    return Result(
        contender=name,
        reference=reference,
        median_s=median,
        fastest_s=every[0],
        p90_s=every[int(0.9 * len(every))],
        spread=round((every[-len(every) // 4] - every[len(every) // 4]) / median, 4),
        per_second=round(made.setting.batch / median, 3),
        gflops=gflops,
        fraction=None if gflops is None else round(gflops / best, 4),
        ratio=middle,
        low=low,
        high=high,
        verdict=verdict,
    )


def _ratios(
    reference: Sequence[float], own: Sequence[float]
) -> tuple[float, float, float]:
    ratios = np.array(reference) / np.array(own)
    draw = np.random.default_rng(0).choice(ratios, (500, len(ratios)))
    low, high = np.quantile(np.median(draw, axis=1), (0.025, 0.975))
    return (
        round(float(low), 4),
        round(float(np.median(ratios)), 4),
        round(float(high), 4),
    )
