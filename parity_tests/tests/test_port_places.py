"""Which place of a port is blamed where its layers are cut in another way."""

import textwrap

import pytest

from parity_tests.ports.diff import diff
from parity_tests.ports.opening import Question
from parity_tests.ports.targets import parse_input, parse_target

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
"""
SCALED = (
    """
    class Words(nn.Embedding):
        def forward(self, ids):
            return 4 * super().forward(ids)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.mix = Words(9, 6), nn.Linear(6, 6)
            self.norm = nn.LayerNorm(6)

        def forward(self, ids):
            return self.norm(self.mix(self.words(ids)))
    """,
    """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.mix = nn.Embedding(9, 6), nn.Linear(6, 6)
            self.norm = nn.LayerNorm(6)

        def forward(self, ids):
            return self.norm(self.mix(4 * self.table(ids)))
    """,
)
FUSED = (
    """
    class Mlp(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.act, self.back = nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6)

        def forward(self, x):
            return self.back(self.act(self.wide(x)))


    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp = Mlp()

        def forward(self, x):
            return x + self.mlp(x)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block(), Block()])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x
    """,
    """
    class Dense(nn.Linear):
        act = staticmethod(F.gelu)

        def forward(self, x):
            return self.act(super().forward(x))


    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.back = Dense(6, 8), nn.Linear(8, 6)

        def forward(self, x):
            return x + self.back(self.wide(x))


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block(), Block()])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x
    """,
)
ENDING = (
    """
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = nn.Linear(6, 8)

        def forward(self, x):
            return F.gelu(self.dense(x))


    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, x):
            return self.inner(x) * 2


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.outer, self.head = Outer(), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.outer(x))
    """,
)
GIVEN = (
    """
    class Core(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x):
            return self.two(self.one(x).relu())


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.core = Core()

        def forward(self, x):
            return self.core(x)
    """,
    """
    class Core(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, given):
            return self.two(self.one(given["x"]).relu())


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.core = Core()

        def forward(self, x):
            return self.core({"mask": torch.ones_like(x), "x": x})
    """,
)
BRANCHES = (
    """
    class Unit(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

        def forward(self, x):
            return F.relu(self.norm(self.conv(x)))


    class Mix(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Unit(), Unit()

        def forward(self, x):
            return torch.cat([self.a(x), self.b(x)], 1)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.head = Mix(), nn.Conv2d(8, 5, 1)

        def forward(self, x):
            return self.head(self.mix(x))
    """,
    """
    class Norm(nn.BatchNorm2d):
        def forward(self, x):
            return F.relu(super().forward(x))


    class Unit(nn.Sequential):
        def __init__(self, wide=1):
            super().__init__(nn.Conv2d(3, 4, 3, 1, wide, wide), Norm(4))


    class Mix(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Unit(1), Unit()

        def forward(self, x):
            return torch.cat([self.a(x), self.b(x)], 1)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.head = Mix(), nn.Conv2d(8, 5, 1)

        def forward(self, x):
            return self.head(self.mix(x))
    """,
)
# Both sides (or one for both), the input, right, wrong, who is named, and why.
CASES = {
    "a scale moved": (
        SCALED, "2,5:9", "LayerNorm(6)", "LayerNorm(6, eps=1e-2)", "first in norm ",
        "eps: 1e-05 against 0.01",
    ),
    "one of the activations inside a layer": (
        FUSED, "3,6", "self.blocks = nn.ModuleList([Block(), Block(), Block()])",
        "self.blocks = nn.ModuleList([Block(), Block(), Block()])\n"
        "            self.blocks[1].wide.act = F.silu",
        "first in blocks.1.mlp.wide ", "gelu against silu",
    ),
    "an activation that ends a module": (
        ENDING, "3,6", "F.gelu(", "F.silu(", "first in outer.inner ",
        "gelu against silu",
    ),
    "a branch beside another": (
        BRANCHES, "2,3,6,6", "Unit(1)", "Unit(2)", "first in mix.a.conv ",
        "dilation: 1 against 2",
    ),
    "an input behind a mask": (
        GIVEN, "3,6", ".relu()", ".tanh()", "between core.one", "relu against tanh",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_place_is_named_however_layers_are_cut(case, recorders, tmp_path):
    sources, shape, right, wrong, place, cause = CASES[case]
    key = case.replace(" ", "_")
    one, two = sources[0], sources[-1]
    assert right in two
    for name, source in (
        ("one", one), ("two", two), ("off", two.replace(right, wrong, 1))
    ):  # fmt: skip
        (tmp_path / f"{key}_{name}.py").write_text(HEAD + textwrap.dedent(source))
    ones, twos, off = (
        parse_target(f"{key}_{name}:Net", tmp_path) for name in ("one", "two", "off")
    )
    given, question = [parse_input(shape)], Question(folder=tmp_path)
    found = diff([ones, twos], given, recorders, question)
    assert found.trace.verdict.startswith("all agree")
    found = diff([ones, off], given, recorders, question)
    assert place in found.trace.verdict
    (guilty,) = found.guilty.values()
    assert cause in guilty[0].causes[0].said
    assert len(guilty) == 1


def test_a_table_of_words_may_have_a_way_back_of_its_own(recorders, tmp_path):
    torch = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(9, 6), nn.Linear(6, 9, bias=False)

        def forward(self, ids):
            return self.head(self.words(ids))
    """
    keras = """
    import keras

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.words = keras.layers.ReversibleEmbedding(9, 6, tie_weights=False)

        def call(self, ids):
            return self.words(self.words(ids), reverse=True)
    """
    (tmp_path / "back_torch.py").write_text(HEAD + textwrap.dedent(torch))
    (tmp_path / "back_keras.py").write_text(textwrap.dedent(keras))
    both = [parse_target(f"back_{name}:Net", tmp_path) for name in ("torch", "keras")]
    found = diff(both, [parse_input("2,5:9")], recorders, Question(folder=tmp_path))
    assert all(check.passed for check in found.checks), found.checks
    assert "words.reverse.weight" in found.renames["back_keras:Net"]


def test_flax_s_own_conv1d_holds_its_matrix_as_pytorch_does(recorders, tmp_path):
    """As transformers' GPT-2 has it, whose kernel is (out, in)."""
    torch = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 6)

        def forward(self, x):
            return self.fc(x)
    """
    linen = """
    from flax import linen as nn

    class FlaxConv1D(nn.Module):
        @nn.compact
        def __call__(self, x):
            kernel = self.param("kernel", nn.initializers.normal(), (6, 4))
            return x @ kernel.T + self.param("bias", nn.initializers.zeros, (6,))

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            return FlaxConv1D()(x)
    """
    (tmp_path / "rows_torch.py").write_text(HEAD + textwrap.dedent(torch))
    (tmp_path / "rows_linen.py").write_text(textwrap.dedent(linen))
    both = [parse_target(f"rows_{name}:Net", tmp_path) for name in ("torch", "linen")]
    found = diff(both, [parse_input("2,4")], recorders, Question(folder=tmp_path))
    assert all(check.passed for check in found.checks), found.checks


def test_a_model_that_draws_numbers_is_told_and_nothing_is_blamed(recorders, tmp_path):
    code = """
    class Sampler(nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 2)
            self.sampler = Sampler()

        def forward(self, x):
            return self.two(self.sampler(self.one(x)))
    """
    (tmp_path / "drawing.py").write_text(HEAD + textwrap.dedent(code))
    both = [parse_target("drawing:Net", tmp_path)] * 2
    found = diff(both, [parse_input("3,4")], recorders, Question(folder=tmp_path))
    assert "differs from itself by " in found.trace.verdict
    assert "first in sampler: it draws numbers" in found.trace.verdict
    assert "repeats" in [check.tier for check in found.checks if not check.passed]
    assert {g.what for places in found.guilty.values() for g in places} == {"noise"}
