"""Spatial transformers: maps read as torch's own operator reads them, borders included,
transformations that are known, and what is refused."""

import textwrap
from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances
from parity_tests.compare import error
from shared.catalog import variant
from shared.data.images import moved_digits
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.reference.layers.sampling import SampledMaps

TINY = "stn_tiny"
MAKERS = {
    "pytorch": """
        import torch
        import torch.nn.functional as F
        from pytorch_impl.layers import sample_maps

        def read(x, places):
            return sample_maps(torch.tensor(x), torch.tensor(places)).numpy()

        def own(x, places):
            grid = torch.tensor(places)[:, None]
            y = F.grid_sample(torch.tensor(x), grid, align_corners=False)
            return y[:, :, 0].numpy()

        def grid(theta, size):
            found = F.affine_grid(torch.tensor(theta), size, align_corners=False)
            return found.flatten(1, 2).numpy()
    """,
    "keras": """
        import numpy as np
        from keras import ops
        from keras_impl.layers import sample_maps

        def read(x, places):
            x = ops.convert_to_tensor(x.transpose(0, 2, 3, 1))
            return np.array(sample_maps(x, ops.convert_to_tensor(places))).mT
    """,
    "jax": """
        import jax.numpy as jnp
        import numpy as np
        from jax_impl.layers import sample_maps

        def read(x, places):
            x = jnp.asarray(x.transpose(0, 2, 3, 1))
            return np.array(sample_maps(x, jnp.asarray(places))).mT
    """,
}


@pytest.fixture
def asked(workers, tmp_path):
    def ask(framework, name, *given):
        module = f"sampling_{framework}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(MAKERS[framework]))
        worker = workers.get(framework, "float64")
        return worker.ask(f"{module}:{name}", *given, paths=(str(tmp_path),))

    return ask


def drawn():
    """Places all over, and those that are awkward: borders, middles of pixels, corners,
    just outside and far away."""
    draw = np.random.default_rng(0)
    edges = (-9.0, -1.4, -1.0, -0.8, 0.0, 0.2, 0.75, 1.0, 1.21, 5.0)
    awkward = np.stack(np.meshgrid(edges, edges), -1).reshape(-1, 2)
    places = [np.concatenate([awkward, draw.uniform(-1.3, 1.3, (40, 2))])] * 2
    return draw.standard_normal((2, 3, 5, 4)), np.stack([places[0], places[1][::-1]])


@pytest.mark.parametrize("framework", NATIVE)
def test_maps_are_read_as_by_torch(asked, framework):
    x, places = drawn()
    found = asked(framework, "read", x, places)
    assert error(found, asked("pytorch", "own", x, places)) <= tolerances.FORWARD


def test_and_by_the_papers_sum():
    x, places = drawn()
    found = SampledMaps()(x, places)
    (where,) = np.flatnonzero((places[0] == 0.2).all(1))
    # Of 5 rows and 4 columns 0.2 is row 2.5 and column 1.9, counted from 0.
    two, three = (0.1 * x[0, :, i, 1] + 0.9 * x[0, :, i, 2] for i in (2, 3))
    np.testing.assert_allclose(found[0, :, where], (two + three) / 2)


@pytest.mark.parametrize("framework", NATIVE)
def test_at_first_a_picture_stays(workers, framework):
    model = workers.get(framework, "float64").build(variant(TINY).spec, TINY)
    model.start(0)
    x = np.random.default_rng(0).standard_normal((2, 2, 11, 14))
    found, theta = model.run(Request((x,), program="transform")).outputs
    model.drop()
    assert (theta == np.eye(2, 3)).all()
    assert error(found, x) <= tolerances.FORWARD


@pytest.mark.parametrize(
    ("theta", "done"),
    [
        ([[-1.0, 0, 0], [0, 1, 0]], lambda x: x[..., ::-1]),
        ([[1.0, 0, 0], [0, -1, 0]], lambda x: x[..., ::-1, :]),
        ([[1.0, 0, 2 / 14], [0, 1, 0]], lambda x: np.pad(x[..., 1:], NEXT)),
    ],
)
def test_transformations_that_are_known(workers, asked, theta, done):
    """Left becomes right, top bottom, and all moves by a pixel; and torch's places."""
    spec = variant(TINY).spec
    model = workers.get("jax", "float64").build(spec, TINY)
    model.start(0)
    bias = {"localisation.out.bias": np.array(theta).ravel()}
    model.load({**model.dump(), **bias})
    x = np.random.default_rng(0).standard_normal((2, 2, 11, 14))
    found, said = model.run(Request((x,), program="transform")).outputs
    model.drop()
    assert error(found, np.array(done(x))) <= tolerances.FORWARD
    places = np.array(spec.points) @ said.mT
    own = asked("pytorch", "grid", said, [2, 2, 11, 14])
    assert error(places, own) <= tolerances.FORWARD


NEXT = ((0, 0), (0, 0), (0, 0), (0, 1))


def test_the_tutorials_size():
    spec = variant("stn_mnist").spec
    assert spec.features == 10 * 3 * 3
    assert spec.classifier.features == 320


def test_digits_are_moved_each_by_itself():
    data = moved_digits(copies=2)
    (images,), (labels,) = data.train.inputs, data.train.targets
    half = len(images) // 2
    assert images.shape[1:] == (1, 20, 20)
    assert (labels[:half] == labels[half:]).all()
    assert np.abs(images[0] - images[half]).max() > 0.3
    sums = images.sum((1, 2, 3)) / images.max((1, 2, 3))
    assert sums.min() > 5  # none has left its picture


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": ()}, "widths is (); allowed: at least one convolution"),
        ({"kernels": (3,)}, "kernels is (3,); allowed: one for each of widths"),
        ({"kernels": (9, 9)}, "kernels that leave a pixel after each pooling"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)
