"""The conditional autoencoder: a step against NumPy, and what it is where it does not
look at the class."""

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from shared.catalog import variant
from shared.data.batches import Samples
from shared.definitions.losses import EvidenceLowerBound
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.randomness import Draws
from shared.reference.adapter import Adapter
from shared.reference.module import named_parameters
from shared.specs.generative.vae import VAESpec

TINY = "cvae_tiny"
DRAW = np.random.default_rng(0)
IMAGE, LABEL = DRAW.random((4, 11)), np.array([2, 0, 1, 0])


@pytest.mark.parametrize("framework", NATIVE)
def test_a_step_is_that_in_numpy(workers, framework):
    """What is wanted may be the classes: the evidence is the picture's."""
    spec = variant(TINY).spec
    plan = training.plans(spec)["adamw"]
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(training.SEED)
    w = model.dump()
    batch = Samples((IMAGE, LABEL), (LABEL,))
    (seen,), _ = model.follow(plan, [batch], training.SEED)
    model.drop()
    numpy = Adapter("float64", 1).build(spec, TINY)
    numpy.load(w)
    (step,) = plan.objective.steps(spec)
    (noise,) = step.noise
    draws = Draws(training.SEED, f"noise/{step.name}/{noise.name}", 0)
    outputs = numpy.native(IMAGE, LABEL, noise.noise(draws, 4))
    bound = EvidenceLowerBound()
    assert seen.losses["loss"] == pytest.approx(bound.value(outputs, (IMAGE,)))
    numpy.native.backward(*bound.gradient(outputs, (IMAGE,)))
    for name, parameter in named_parameters(numpy.native).items():
        found = seen.gradients[name]
        assert error(found, parameter.gradient) <= tolerances.GRADIENTS, name


@pytest.mark.parametrize("framework", NATIVE)
def test_blind_to_the_class_it_is_a_vae(workers, framework):
    """Where the weights of ones and zeros are 0; where they are not, each class has
    its own picture of one z."""
    spec, worker = variant(TINY).spec, workers.get(framework, "float64")
    plain = VAESpec(features=11, hidden=(9, 6), latent=4, activation="relu")
    vae, own = worker.build(plain, ""), worker.build(spec, TINY)
    vae.fill(0)
    own.fill(1)
    w, behind = vae.dump(), own.dump()
    firsts = ("encoder.hidden.0.weight", "decoder.hidden.0.weight")
    blind = {k: np.concatenate([w[k], np.zeros((len(w[k]), 3))], 1) for k in firsts}
    noise = DRAW.standard_normal((4, 4))
    z = np.repeat(noise[:1], 4, 0)
    pictures = own.run(Request((LABEL, z), program="sample")).outputs[0]
    own.load({**w, **blind})
    found = own.run(Request((IMAGE, LABEL, noise))).outputs
    same = own.run(Request((LABEL, z), program="sample")).outputs[0]
    wanted = vae.run(Request((IMAGE, noise))).outputs
    vae.drop()
    own.drop()
    assert behind[firsts[0]].shape == (9, 14)
    for one, other in zip(found, wanted, strict=True):
        assert error(one, other) <= tolerances.FORWARD
    assert np.ptp(same, 0).max() <= tolerances.FORWARD
    assert error(pictures[1], pictures[3]) <= tolerances.FORWARD
    assert np.abs(pictures[0] - pictures[1]).max() > 1e-3
