"""The variational autoencoder against NumPy, forward and backward by hand, and against
its published size; what a run of it tells."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from shared import randomness
from shared.catalog import variant
from shared.definitions.losses import EvidenceLowerBound
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.running.training import Job
from shared.tasks import task

TINY = ["vae_tiny", "vae_tiny_gaussian"]


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def backward(w, found, name, x, of_y):
    """Of a linear layer: what its parameters get, and what its input gets."""
    found[f"{name}.weight"], found[f"{name}.bias"] = of_y.T @ x, of_y.sum(0)
    return of_y @ w[f"{name}.weight"]


def by_hand(spec, w, x, noise):
    """The outputs, and the gradient of the bound for every parameter."""
    act, slope = {
        "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0).astype(float)),
        "tanh": (np.tanh, lambda h: 1 - h**2),
    }[spec.activation]
    layers = range(len(spec.hidden))
    hs = [x]
    for i in layers:
        hs.append(act(linear(w, f"encoder.hidden.{i}", hs[-1])))
    mean, log_variance = (
        linear(w, f"encoder.{n}", hs[-1]) for n in ("mean", "log_variance")
    )
    deviation = np.exp(log_variance / 2)
    gs = [mean + deviation * noise]
    for i in layers:
        gs.append(act(linear(w, f"decoder.hidden.{i}", gs[-1])))
    outputs = linear(w, "decoder.fc", gs[-1]), mean, log_variance

    bound = EvidenceLowerBound(likelihood=spec.likelihood, beta=spec.beta)
    of_y, of_mean, of_log_variance = bound.gradient(outputs, (x,))
    found = {}
    g = backward(w, found, "decoder.fc", gs[-1], of_y)
    for i in reversed(layers):
        g = backward(w, found, f"decoder.hidden.{i}", gs[i], g * slope(gs[i + 1]))
    h = backward(w, found, "encoder.mean", hs[-1], of_mean + g)
    of_log_variance = of_log_variance + g * noise * deviation / 2
    h = h + backward(w, found, "encoder.log_variance", hs[-1], of_log_variance)
    for i in reversed(layers):
        h = backward(w, found, f"encoder.hidden.{i}", hs[i], h * slope(hs[i + 1]))
    return outputs, found


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", TINY)
def test_is_the_network_in_numpy(workers, framework, name):
    spec = variant(name).spec
    model = workers.get(framework, "float64").build(spec, name)
    model.fill(training.SEED)
    w = model.dump()
    batch = training.batches(spec, 1)[0]
    plan = training.plans(spec)["momentum"]
    (seen,), _ = model.follow(plan, [batch], training.SEED)
    model.drop()
    (step,) = spec.objective().steps(spec)
    (noise,) = step.noise
    noise = noise.noise(
        randomness.Draws(training.SEED, f"noise/{step.name}/{noise.name}"), len(batch)
    )
    (x,) = batch.inputs
    outputs, gradients = by_hand(spec, w, x, noise)
    bound = EvidenceLowerBound(likelihood=spec.likelihood, beta=spec.beta)
    terms = {
        "loss": bound.value(outputs, (x,)),
        "reconstruction": bound.reconstruction(outputs, (x,)),
        "divergence": bound.divergence(outputs),
    }
    assert list(seen.losses) == list(terms)
    for term, value in terms.items():
        assert seen.losses[term] == pytest.approx(float(value), rel=1e-13)
    assert seen.gradients.keys() == gradients.keys()
    for parameter, gradient in gradients.items():
        assert error(seen.gradients[parameter], gradient) <= tolerances.GRADIENTS


@pytest.mark.parametrize("framework", NATIVE)
def test_a_run_tells_both_terms(framework, workers, tmp_path):
    """Compiled as in any run: the first of the losses is what was minimised."""
    chosen = task("digits_vae")
    model = workers.get(framework, "float32").build(chosen.spec, chosen.name)
    model.start(0)
    (line,) = model.train(Job(chosen.name, tmp_path, {"epochs": 1}))["history"]
    model.drop()
    losses = line["losses"]
    assert list(losses) == ["loss", "reconstruction", "divergence"]
    assert line["loss"] == losses["loss"]
    total = losses["reconstruction"] + losses["divergence"]
    assert losses["loss"] == pytest.approx(total, rel=1e-5)
    assert line["validation_nats"] == pytest.approx(line["validation_loss"], rel=1e-6)


def test_the_size_is_that_of_the_example():
    spec = variant("vae").spec
    assert (spec.features, spec.hidden, spec.latent) == (784, (400,), 20)


def test_without_a_hidden_layer_it_is_refused():
    with pytest.raises(UsageError, match=r"hidden is \(\); allowed: one width or more"):
        replace(variant("vae").spec, hidden=())


def test_maps_are_halved_and_doubled_back():
    spec = variant("conv_beta_vae").spec
    size = spec.image_size
    for c in spec.encoder:
        size = c.map_size(*size)
    assert (64, *size) == spec.maps == (64, 4, 4)
    assert [c.c_out for c in spec.decoder] == [64, 32, 32]


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(UsageError, match="multiples of 16, which is halved at each"):
        replace(variant("conv_beta_vae").spec, image_size=(64, 60))
