"""Specs refuse what they cannot mean, and every family stands whole in all three."""

import ast
import json
import math
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import pytest

from shared import catalog, frameworks
from shared.catalog import FAMILIES, VARIANTS, place_of
from shared.contract import metadata
from shared.definitions.losses import LOSSES
from shared.definitions.optimizers import OPTIMIZERS, ClipByNorm
from shared.errors import UsageError
from shared.fields import Range
from shared.files.weights import count
from shared.objectives.plan import Plan
from shared.objectives.supervised import Supervised
from shared.plain import from_plain, plain, to_plain
from shared.specs.base import Spec
from shared.specs.vision.lenet import LeNetSpec
from shared.specs.vision.resnet import ResNetSpec
from triptych.faults.fields import changed, places, smallest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [frameworks.PACKAGES[framework] for framework in frameworks.NATIVE]
DEPTHS = (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_classes": 0}, "num_classes is 0; allowed: a whole number of at least 1"),
        ({"num_classes": 2.5}, "num_classes is 2.5; allowed: a whole number"),
        ({"num_classes": True}, "num_classes is True; allowed: a whole number"),
        ({"bn_eps": 0.0}, "bn_eps is 0.0; allowed: a number above 0"),
        ({"bn_eps": float("nan")}, "bn_eps is nan; allowed: a number above 0"),
        ({"bn_decay": 1.0}, "bn_decay is 1.0; allowed: a number from 0 up to, not"),
        ({"block": "dense"}, "block is 'dense'; allowed: one of 'basic', 'bottleneck'"),
        ({"depths": (1, 1, 1)}, "depths is (1, 1, 1); allowed: 4 values"),
        ({"depths": (1, 1, 0, 1)}, "allowed: each a whole number of at least 1"),
        ({"depths": 3}, "depths is 3; allowed: a tuple"),
        ({"groups": 2}, "block is 'basic'; allowed: bottleneck where groups"),
    ],
)
def test_a_bad_value_is_refused_with_field_value_and_allowed(changes, said):
    with pytest.raises(UsageError) as refused:
        ResNetSpec(**{"block": "basic", "depths": DEPTHS, **changes})
    assert "ResNetSpec." in str(refused.value)
    assert said in str(refused.value)


def numbers(hint):
    """The annotations of numbers in an annotation; what has no bounds, as it is."""
    origin = get_origin(hint)
    if origin is Annotated or hint in (int, float):
        yield hint
    elif origin is not Literal:
        for part in get_args(hint):
            yield from numbers(part)


@pytest.mark.parametrize("name", smallest())
def test_every_number_of_a_spec_has_bounds(name):
    hints = get_type_hints(type(smallest()[name]), include_extras=True)
    for field in fields(smallest()[name]):
        for hint in numbers(hints[field.name]):
            bounds = get_args(hint)[1]
            assert math.isfinite(bounds.low), field.name
            assert math.isfinite(bounds.high), field.name


@pytest.mark.parametrize("name", smallest())
@pytest.mark.parametrize(
    "value",
    [10**400, 10**5000, math.inf, math.nan, -1],
    ids=["400", "5000", "e", "n", "-"],
)
def test_a_number_that_no_model_has_is_refused_at_once(name, value):
    spec = smallest()[name]
    plain = to_plain(spec)
    for place in places(plain):
        held = plain
        for key in place:
            held = held[key]
        if type(held) not in (int, float) or "kind" in str(place):
            continue
        with pytest.raises(UsageError) as refused:
            from_plain(type(spec), changed(plain, place, value))
        assert len(str(refused.value)) < 600, place


@pytest.mark.parametrize(
    ("model", "changes", "said"),
    [
        (
            "resnet_tiny_bottleneck",
            {"inner_ratio": 1e-9},
            "allowed: a number above 0, from 0.001 to",
        ),
        ("resnet_tiny_bottleneck", {"inner_ratio": 1e-3}, "allowed: enough for a map"),
        (
            "regnet_tiny_x",
            {"w_a": 1e308},
            "w_a is 1e+308; allowed: a number of at least",
        ),
        ("swin_tiny", {"window": 1000}, "window is 1000; allowed: one that leaves"),
        ("lenet5_tiny", {"c3_table": ()}, "c3_table is (); allowed: one row or more"),
        (
            "xception_tiny",
            {"middle": 2**24},
            "middle is 16777216; allowed: a whole num",
        ),
        ("mlp_tiny", {"hidden": (3,) * 1001}, "up to 1000 values"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(model, changes, said):
    with pytest.raises(UsageError) as refused:
        replace(VARIANTS[model].spec, **changes)
    assert said in str(refused.value)


def test_a_batch_that_no_machine_holds_is_refused():
    with pytest.raises(UsageError, match=r"image: 10000000 of \[3, 224, 224\] are 1,5"):
        VARIANTS["resnet18"].spec.examples(10_000_000, 0)


def test_a_model_that_no_machine_holds_is_counted_but_not_filled(workers):
    spec = replace(VARIANTS["mlp_tiny"].spec, features=2**24, hidden=(2**24,))
    model = workers.get("pytorch", "float32").build(spec, "")
    assert count(model.entries()) > 2**48
    with pytest.raises(UsageError, match=r"need 1,0.* GiB; this machine has"):
        model.fill(0)
    with pytest.raises(UsageError, match="GiB; this machine has"):
        model.start(0)
    model.drop()


def test_a_range_is_half_open():
    bounds = Range(0.0, 1.0, "")
    assert bounds.holds(0.0)
    assert not bounds.holds(1.0)
    assert not bounds.holds(float("inf"))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_spec_survives_json(name):
    spec = VARIANTS[name].spec
    assert from_plain(type(spec), json.loads(json.dumps(to_plain(spec)))) == spec


FLAT = [
    name
    for name, variant in VARIANTS.items()
    if not any(is_dataclass(value) for value in vars(variant.spec).values())
]


@pytest.mark.parametrize("name", FLAT)
def test_a_flat_spec_is_written_as_its_fields(name):
    """Files of earlier versions hold that, and are compared with it."""
    spec = VARIANTS[name].spec
    kept = json.dumps(asdict(spec), sort_keys=True)
    assert json.dumps(to_plain(spec), sort_keys=True) == kept


@dataclass(frozen=True, kw_only=True)
class Towers(Spec):
    left: Spec
    right: LeNetSpec | None = None
    others: tuple[Spec, ...] = ()


LENET = VARIANTS["lenet_tiny"].spec
NESTED = Towers(
    left=Towers(left=VARIANTS["gpt_tiny"].spec, others=(LENET,)),
    right=LENET,
    others=(VARIANTS["resnet_tiny_bottleneck"].spec, LENET),
)


def test_specs_inside_specs_survive_json():
    written = to_plain(NESTED)
    assert written["right"]["kind"] == "LeNetSpec"
    assert written["left"]["left"]["kind"] == "GPTSpec"
    found = from_plain(Towers, json.loads(json.dumps(written)))
    assert found == NESTED
    assert isinstance(found.others[0], ResNetSpec)


def test_a_weights_file_says_the_specs_inside_a_spec():
    said = metadata("towers", NESTED)
    assert from_plain(Towers, json.loads(said["spec"])) == NESTED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"right": {"kind": "LeNetSpecs"}}, "kind 'LeNetSpecs'; the nearest are LeNet"),
        ({"right": {"kind": "GPTSpec"}}, "kind 'GPTSpec'; the nearest are LeNetSpec$"),
        ({"right": {"kind": "LeNetSpec", "hue": 1}}, "LeNetSpec has no field hue"),
        ({"right": [1]}, r"Towers.right is \(1,\); allowed"),
    ],
)
def test_a_spec_inside_a_spec_is_refused_by_name(changes, said):
    with pytest.raises(UsageError, match=said):
        from_plain(Towers, to_plain(NESTED) | changes)


def test_plans_survive_json():
    plan = Plan(
        objective=Supervised(loss=LOSSES["focal"], heads=(1.0, 0.3)),
        optimizer=OPTIMIZERS["adamw"],
        rates=(("head.*", 0.5),),
        clip=ClipByNorm(limit=1.0),
        epochs=2,
        batch_size=4,
    )
    written = json.loads(json.dumps(to_plain(plan)))
    assert written["optimizer"]["kind"] == "AdamW"
    assert from_plain(Plan, written) == plan


def test_results_are_written_without_kinds():
    @dataclass
    class Inner:
        value: float

    @dataclass
    class Result:
        inner: Inner
        path: Path

    found = plain(Result(Inner(float("inf")), Path("a/b")))
    assert found == {"inner": {"value": None}, "path": "a/b"}


def test_an_unknown_field_is_named():
    with pytest.raises(UsageError, match="ResNetSpec has no field colour"):
        from_plain(ResNetSpec, {"colour": 1})
    with pytest.raises(UsageError, match="missing 2 required"):
        from_plain(ResNetSpec, {})


def test_an_unknown_model_gets_the_nearest_three():
    with pytest.raises(UsageError, match="nearest are resnet18, ") as refused:
        catalog.variant("resnet_18")
    assert str(refused.value).count(",") == 2


def test_a_variant_listed_twice_is_an_error(monkeypatch):
    twice = {**FAMILIES, "again": FAMILIES["resnet"]}
    monkeypatch.setattr(catalog, "FAMILIES", twice)
    with pytest.raises(ValueError, match="'resnet_tiny' of again is already listed"):
        catalog._variants()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_a_tiny_variant_and_a_short_spec(family):
    variants = FAMILIES[family].VARIANTS.values()
    assert any(variant.tiny for variant in variants)
    for variant in variants:
        assert len(fields(variant.spec)) <= 12
        assert variant.spec.__dataclass_params__.frozen


def _definitions(path: Path) -> list[str]:
    body = ast.parse(path.read_text()).body
    return [n.name for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef)]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_three_files_define_the_same_in_the_same_order(family):
    paths = [ROOT / package / "models" / place_of(family) for package in PACKAGES]
    first, second, third = map(_definitions, paths)
    assert first == second == third
    for variant in FAMILIES[family].VARIANTS.values():
        assert type(variant.spec).__name__.removesuffix("Spec") in first


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_file_stays_readable(family):
    for package in PACKAGES:
        lines = (ROOT / package / "models" / place_of(family)).read_text().splitlines()
        assert len([line for line in lines if line.strip()]) <= 250


def test_specs_are_compared_by_value():
    assert ResNetSpec(block="basic", depths=DEPTHS) == ResNetSpec(
        block="basic", depths=DEPTHS
    )
    assert issubclass(ResNetSpec, Spec)
