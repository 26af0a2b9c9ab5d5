"""Autoencoders: every objective against NumPy, forward and backward by hand; the
Jacobian against differences and the paper's closed form; published sizes; heartbeats
as they are read; what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from shared import randomness
from shared.catalog import variant
from shared.data import heartbeats
from shared.definitions.losses import MSE, BinaryCrossEntropy
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.reference import models
from shared.reference.layers.activation import sigmoid
from shared.tasks import task

TINY, CONTRACTIVE = "autoencoder_tiny", "autoencoder_tiny_contractive"
VALUES = {
    "identity": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
}
SLOPES = {
    "identity": np.ones_like,
    "relu": lambda h: (h > 0).astype(float),
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h**2,
}


def steps_of(spec):
    """Each layer's name and what follows it, first to last."""
    hidden = range(len(spec.hidden))
    return [
        *((f"encoder.hidden.{i}", spec.activation) for i in hidden),
        ("encoder.code", spec.code),
        *((f"decoder.hidden.{i}", spec.activation) for i in hidden),
        ("decoder.fc", "identity"),
    ]


def shown(spec, x, noise):
    if spec.corruption == "masking":
        return np.where(noise < spec.level, 0, x)
    return x + spec.level * noise


def losses(spec, w, x, noise):
    """All terms as the papers have them."""
    h, codes, jacobian = shown(spec, x, noise), None, np.eye(spec.features)
    for name, activation in steps_of(spec):
        h = VALUES[activation](h @ w[f"{name}.weight"].T + w[f"{name}.bias"])
        if name.startswith("encoder"):
            slope = SLOPES[activation](h)[:, :, None]
            codes, jacobian = h, slope * (w[f"{name}.weight"] @ jacobian)
    aim = BinaryCrossEntropy() if spec.likelihood == "bernoulli" else MSE()
    found = {"reconstruction": aim.value((h,), (x,))}
    if spec.sparsity:
        found["sparsity"] = np.abs(codes).sum() / len(x)
    if spec.contraction:
        found["contraction"] = np.square(jacobian).sum() / len(x)
    weights = {"sparsity": spec.sparsity, "contraction": spec.contraction}
    loss = sum(weights.get(name, 1) * value for name, value in found.items())
    return {"loss": loss, **found}


def slopes(spec, w, x, noise, h=1e-6):
    """The gradient of the loss by differences: no derivative is written anywhere."""
    found = {name: np.zeros_like(value) for name, value in w.items()}
    for name, gradient in found.items():
        for place in np.ndindex(gradient.shape):
            ends = []
            for step in (h, -h):
                moved = w | {name: w[name].copy()}
                moved[name][place] += step
                ends.append(losses(spec, moved, x, noise)["loss"])
            gradient[place] = (ends[0] - ends[1]) / (2 * h)
    return found


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", [TINY, CONTRACTIVE])
def test_a_step_is_that_in_numpy(workers, framework, name):
    """Masking and sparsity; normal noise and contraction, whose gradient is of second
    order."""
    spec = variant(name).spec
    model = workers.get(framework, "float64").build(spec, name)
    model.fill(training.SEED)
    w = model.dump()
    batch = training.batches(spec, 1)[0]
    (seen,), _ = model.follow(training.plans(spec)["adamw"], [batch], training.SEED)
    model.drop()
    (step,) = spec.objective().steps(spec)
    (noise,) = step.noise
    draws = randomness.Draws(training.SEED, f"noise/{step.name}/{noise.name}")
    (x,), noise = batch.inputs, noise.noise(draws, len(batch))
    wanted = losses(spec, w, x, noise)
    assert list(seen.losses) == list(wanted)
    for term, value in wanted.items():
        assert seen.losses[term] == pytest.approx(float(value), rel=1e-13), term
    gradients = slopes(spec, w, x, noise)
    assert seen.gradients.keys() == gradients.keys()
    for parameter, gradient in gradients.items():
        assert error(seen.gradients[parameter], gradient) <= 1e-7, parameter


@pytest.mark.parametrize("framework", NATIVE)
def test_the_jacobian_of_one_sigmoid_layer_is_the_papers(workers, framework):
    """Rifai et al. 2011, section 3.1: sum_j (h_j (1 - h_j))^2 sum_i W_ji^2."""
    spec = replace(variant(TINY).spec, hidden=(), code="sigmoid")
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(1)
    w = model.dump()
    (x,) = spec.examples(5, 0)
    (found,) = model.run(Request((x,), program="jacobian")).outputs
    (code,) = model.run(Request((x,), program="encode")).outputs
    model.drop()
    squares = np.square(code * (1 - code)) @ np.square(w["encoder.code.weight"]).sum(1)
    np.testing.assert_allclose(np.square(found).sum((1, 2)), squares, rtol=1e-13)


@pytest.mark.parametrize("name", [TINY, CONTRACTIVE])
def test_numpys_jacobian_is_what_goes_back(workers, name):
    """Row by row from a 1 at each number of the code."""
    spec = variant(name).spec
    own = workers.get("numpy", "float64").build(spec, name)
    own.fill(2)
    w = own.dump()
    own.drop()
    model = models.Autoencoder(spec)
    for layer, _ in model.encoder.layers():
        names = [n for n, v in w.items() if v.shape == layer.weight.shape]
        name = next(n for n in names if n.startswith("encoder"))
        layer.weight.value = w[name]
        layer.bias.value = w[name.replace("weight", "bias")]
    (x,) = spec.examples(4, 0)
    x = x.astype(float)
    found = model.jacobian(x)
    code = model.encoder(x)
    for k in range(spec.latent):
        one = np.zeros_like(code)
        one[:, k] = 1
        np.testing.assert_allclose(model.encoder.backward(one), found[:, k], atol=1e-14)


def test_masking_hides_and_normal_noise_moves(within):
    """By the objective's own function: what is below the level is 0, exactly."""
    source = """
    import torch
    from pytorch_impl.objectives.reconstruction import corrupted
    from shared.objectives.reconstruction import Reconstruction

    def check():
        x, u = torch.tensor([[2.0, 3.0, 4.0]]), torch.tensor([[0.29, 0.3, 0.31]])
        masked = corrupted(Reconstruction(corruption="masking", level=0.3), x, u)
        assert masked.tolist() == [[0.0, 3.0, 4.0]]
        moved = corrupted(Reconstruction(corruption="gaussian", level=2.0), x, u)
        assert torch.equal(moved, x + 2 * u)
        assert corrupted(Reconstruction(), x) is x
    """
    within("pytorch", source, "check")


@pytest.mark.parametrize("framework", ["keras", "jax"])
def test_noise_of_pictures_lies_as_they_do(workers, framework):
    """Channels come last here; a step in which each picture has its own noise is that
    of PyTorch, where they come first."""
    name = "conv_autoencoder_tiny"
    spec = variant(name).spec
    assert len(set(spec.image.shape)) == 3
    plan = training.plans(spec)["momentum"]
    seen = {}
    for one in (framework, "pytorch"):
        model = workers.get(one, "float64").build(spec, name)
        model.fill(3)
        seen[one], _ = model.follow(plan, training.batches(spec, 2), 3)
        model.drop()
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst


# What is refused, and sizes


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (TINY, {"corruption": "none"}, "level is 0.3; allowed: above 0 with a corr"),
        (TINY, {"level": 0.0}, "level is 0.0; allowed: above 0 with a corruption"),
        (TINY, {"level": 1.5}, "level is 1.5; allowed: below 1, a chance"),
        ("conv_autoencoder_tiny", {"widths": ()}, "one convolution or more"),
        ("conv_autoencoder_tiny", {"image_size": (8, 10)}, "multiples of 4"),
    ],
)
def test_what_cannot_be_is_refused(name, changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(name).spec, **changes)
    assert said in str(refused.value)


def test_maps_are_halved_and_doubled_back():
    spec = variant("conv_autoencoder").spec
    size = spec.image_size
    for c in spec.encoder:
        size = c.map_size(*size)
    assert (32, *size) == spec.maps == (32, 7, 7)
    for t in (*spec.decoder, spec.decoder_out):
        size = t.map_size(*size)
    assert size == spec.image_size


def test_the_deep_one_is_that_of_the_paper():
    spec = variant("deep_autoencoder").spec
    assert spec.encoder == ((784, 1000), (1000, 500), (500, 250), (250, 30))
    assert spec.decoder == ((30, 250), (250, 500), (500, 1000), (1000, 784))
    assert spec.objective().contraction == spec.objective().sparsity == 0


# Heartbeats


def beats(folder, monkeypatch, lines):
    place = folder / "ecg5000"
    place.mkdir()
    (place / heartbeats.FILE).write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("TRIPTYCH_DATA", str(folder))


def line(label, number):
    return "  ".join([f"{label:.7e}", *(f"{number + i / 7:.7e}" for i in range(140))])


def test_normal_beats_alone_are_trained_on(tmp_path, monkeypatch):
    labels = [1] * 20 + [2] * 5 + [5]
    beats(tmp_path, monkeypatch, [line(k, n) for n, k in enumerate(labels)])
    found = heartbeats.ecg5000()
    parts = (found.train, found.validation, found.test)
    assert [len(part) for part in parts] == [12, 7, 7]
    assert [int(part.targets[0].sum()) for part in parts] == [0, 3, 3]
    starts = np.concatenate([part.inputs[0][:, 0] for part in parts])
    assert sorted(starts) == list(range(26))  # each once
    for part in parts:
        wrong = part.inputs[0][:, 0] >= 20
        np.testing.assert_array_equal(part.targets[0], wrong)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line(1, 0), "1 2 3"], "line 2 has 3 numbers; allowed: 141"),
        ([line(1, 0).replace("e", "x", 1)], "is no decimal number"),
        ([line(1, float("nan"))], "line 1: nan is no decimal number"),
        ([line(1, 1e7)], "line 1 has a number larger than 1e+06"),
        ([line(1.5, 0)], "line 1: label 1.5; allowed: a whole number"),
        ([line(6, 0)], "allowed: labels from 1 to 5"),
        ([line(1, 0)] * 4 + [line(2, 0)] * 2, "4 normal beats, 2 others; allowed"),
        ([], "line 1 has 0 numbers; allowed: 141"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, monkeypatch, lines, said):
    beats(tmp_path, monkeypatch, lines)
    with pytest.raises(UsageError) as refused:
        heartbeats.ecg5000()
    assert said in str(refused.value)


@pytest.mark.parametrize("framework", NATIVE)
def test_digits_are_reconstructed(framework, run, tmp_path):
    chosen = task("digits_autoencoder")
    outcome = run(framework, tmp_path, {}, name=chosen.name)
    assert chosen.reached(outcome["test_mse"]), outcome["test_mse"]
