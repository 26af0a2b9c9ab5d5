"""Diffusion: the native forms against the definition in NumPy; the definition against
the papers' identities and a Gaussian, whose noise is known."""

import numpy as np
import pytest

from parity_tests.defined import CASES, SETTINGS
from parity_tests.tests import held
from shared.definitions import diffusion
from shared.definitions.diffusion import DDIM, DDPM, CosineNoise, LinearNoise, Times
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE, PACKAGES
from shared.randomness import generator
from shared.running.client import WorkerRaised

_, PRESETS = CASES["diffusion"], SETTINGS["diffusion"]


test_follows_the_definition = held.follows("diffusion")
test_takes_what_the_definition_takes = held.takes("diffusion")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_in_float32(workers, framework):
    """The table is made in float64 and rounded once."""
    worker = workers.get(framework, "float32")
    target = f"{PACKAGES[framework]}.definitions:define"
    t, noising = np.arange(1000), LinearNoise()
    (found,) = worker.ask(target, noising.alpha_bar, (t,))
    assert found.dtype == np.float32
    assert (found == noising.alpha_bars().astype(np.float32)).all()
    draw = generator("float32")
    given = [a.astype(np.float32) for a in draw.standard_normal((3, 2, 5))]
    given += [np.array(a, np.float32) for a in ([0.3, 0.6], [0.5, 1.0])]
    for sampler in (DDPM(), DDIM(eta=0.5, limit=1.0)):
        (found,) = worker.ask(target, sampler.step, tuple(given))
        assert found.dtype == np.float32
        assert np.allclose(found, sampler.step(*given), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("framework", NATIVE)
def test_words_are_refused_natively_too(workers, framework):
    worker = workers.get(framework, "float64")
    for preset, field in ((DDPM(), "variance"), (Times(number=2), "spacing")):
        given = PACKAGES[framework], "diffusion", preset, {field: "other"}
        said = worker.ask("parity_tests.natives:_said", *given)
        assert said == "refused"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_more_times_than_steps_are_refused_natively_too(workers, framework):
    target = f"{PACKAGES[framework]}.definitions:define"
    with pytest.raises(WorkerRaised) as error:
        workers.get(framework, "float64").ask(target, Times(number=6).of, (5,))
    assert "number is 6; allowed: at most" in f"{error.value}{error.value.details}"


# The definitions themselves


def test_the_tables_by_hand():
    betas = LinearNoise().betas()
    assert (betas[0], betas[-1], len(betas)) == (1e-4, 0.02, 1000)
    assert betas[500] == pytest.approx(1e-4 + 500 * 0.0199 / 999)
    found = LinearNoise(steps=3, first=0.1, last=0.3).alpha_bars()
    assert found == pytest.approx([0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7])
    # Ho et al. 2020, section 4: next to nothing is left of the data.
    left = np.exp(np.log1p(-betas).sum())
    assert LinearNoise().alpha_bars()[-1] == pytest.approx(left)
    assert left < 1e-4


def test_the_cosine_is_one():
    """Nichol, Dhariwal 2021, equation 17: f(t) / f(0), but where a beta is bounded."""
    noising = CosineNoise(steps=50)
    t = np.arange(1, 51) / 50
    f = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    wanted = f / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    assert noising.alpha_bars()[:-1] == pytest.approx(wanted[:-1])
    assert noising.betas()[-1] == 0.999
    assert CosineNoise(steps=50, largest=0.3).betas().max() == 0.3


def test_time_before_the_first_has_no_noise():
    noising = LinearNoise(steps=4)
    found = noising.alpha_bar(np.array([-1, 0, 3]))
    assert found == pytest.approx([1, 1 - 1e-4, noising.alpha_bars()[3]])


def test_each_is_got_back_from_two_others():
    x0, noise = generator("back").standard_normal((2, 5, 3, 2))
    a = np.array([0.01, 0.3, 0.5, 0.9, 0.999])
    x = diffusion.noised(x0, noise, a)
    v = diffusion.velocity(x0, noise, a)
    assert np.square(a[:, None, None] ** 0.5) + (1 - a[:, None, None]) == pytest.approx(
        np.ones((5, 1, 1))
    )
    for found, wanted in (
        (diffusion.x0_of_noise(x, noise, a), x0),
        (diffusion.noise_of_x0(x, x0, a), noise),
        (diffusion.x0_of_velocity(x, v, a), x0),
        (diffusion.noise_of_velocity(x, v, a), noise),
    ):
        assert np.abs(found - wanted).max() < 1e-13


def test_by_hand():
    a, before = np.array([0.36]), np.array([0.64])
    x, noise, none = np.array([[2.0]]), np.array([[1.0]]), np.zeros((1, 1))
    one = np.ones((1, 1))
    x0 = (2 - 0.8) / 0.6
    assert diffusion.x0_of_noise(x, noise, a)[0] == pytest.approx(x0)
    mean = 0.8 * (1 - 0.5625) / 0.64 * x0 + 0.75 * 0.36 / 0.64 * 2
    assert DDPM().step(x, noise, none, a, before)[0] == pytest.approx(mean)
    # Ho et al. 2020, algorithm 2: the same mean, said by the noise.
    said = (2 - 0.4375 / 0.8 * 1) / 0.75
    assert mean == pytest.approx(said)
    small, large = DDPM(), DDPM(variance="beta")
    root = (0.4375 * 0.36 / 0.64) ** 0.5
    assert small.step(x, noise, one, a, before)[0] == pytest.approx(mean + root)
    root = 0.4375**0.5
    assert large.step(x, noise, one, a, before)[0] == pytest.approx(mean + root)
    assert DDIM().step(x, noise, one, a, before)[0] == pytest.approx(0.8 * x0 + 0.6)
    clipped = DDIM(limit=1.0).step(x, noise, one, a, before)[0]
    assert clipped == pytest.approx(0.8 + 0.6 * (2 - 0.6) / 0.8)


def test_the_last_step_adds_no_noise():
    x, noise, normal = generator("last").standard_normal((3, 2, 4))
    a, before = np.full(2, 0.9), np.ones(2)
    for sampler in (DDPM(), DDPM(variance="beta"), DDIM(eta=1.0)):
        found = sampler.step(x, noise, normal, a, before)
        assert found == pytest.approx(diffusion.x0_of_noise(x, noise, a))


def test_ddim_with_eta_1_is_ddpm():
    """Song et al. 2020, section 4.1."""
    x, noise, normal = generator("eta").standard_normal((3, 40, 4))
    bars = LinearNoise(steps=41).alpha_bars()
    a, before = bars[1:], bars[:-1]
    ddpm = DDPM().step(x, noise, normal, a, before)
    ddim = DDIM(eta=1.0).step(x, noise, normal, a, before)
    assert np.abs(ddpm - ddim).max() < 1e-11
    assert np.abs(ddpm - DDIM(eta=0.9).step(x, noise, normal, a, before)).max() > 1e-3


def test_ddim_keeps_the_true_noise():
    """With the noise that was put in, any step leads where less of it would have."""
    x0, noise, normal = generator("true").standard_normal((3, 3, 4))
    a, before = np.array([0.1, 0.2, 0.5]), np.array([0.3, 0.9, 0.6])
    x = diffusion.noised(x0, noise, a)
    found = DDIM().step(x, noise, normal, a, before)
    assert found == pytest.approx(diffusion.noised(x0, noise, before))


@pytest.mark.parametrize("sampler", [DDPM(), DDPM(variance="beta"), DDIM(eta=0.0)])
def test_a_gaussian_comes_out_as_it_went_in(sampler):
    """Of data with variance s^2 the best guess of the noise is known; what is sampled
    has that variance again."""
    s, noising, number = 0.5, LinearNoise(steps=400, last=0.05), 4000
    bars = noising.alpha_bars()
    draw = generator("gaussian")

    def predict(x, t):
        a = bars[t][:, None]
        return np.sqrt(1 - a) / (a * s**2 + 1 - a) * x

    x = draw.standard_normal((number, 1))
    normals = draw.standard_normal((400, number, 1))
    found = sampler.sample(predict, x, normals, noising, np.arange(400))
    assert found.std() == pytest.approx(s, rel=0.05)
    assert abs(found.mean()) < 0.03


def test_times_by_hand():
    assert Times(number=4).of(10).tolist() == [0, 2, 5, 7]
    assert Times(number=4, spacing="quadratic").of(160).tolist() == [0, 10, 40, 90]
    for spacing in ("linear", "quadratic"):
        for steps in (1, 7, 50):
            for number in range(1, steps + 1):
                found = Times(number=number, spacing=spacing).of(steps)
                assert len(found) == number
                assert (np.diff(found) > 0).all()
                assert found[0] == 0
                assert found[-1] < steps


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LinearNoise(first=0.0), "LinearNoise.first is 0.0; allowed: a number"),
        (lambda: CosineNoise(largest=1.0), "CosineNoise.largest is 1.0"),
        (lambda: DDPM(variance="none"), "allowed: one of 'posterior', 'beta'"),
        (lambda: DDIM(eta=1.5), "DDIM.eta is 1.5; allowed: a number from 0 to 1"),
        (lambda: DDIM(limit=0.0), "DDIM.limit is 0.0"),
        (lambda: Times(number=6).of(5), "Times.number is 6; allowed: at most the 5"),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)
