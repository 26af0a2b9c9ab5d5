"""Every difference that docs/differences.md lists, shown on the frameworks' own layers.

The layers are written to files here and run in the workers: no framework is imported.
"""

import math
import re
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity_tests import streams
from parity_tests.compare import error
from parity_tests.engine import request
from parity_tests.layer_cases import ACTIVATIONS
from shared.catalog import variant
from shared.definitions.optimizers import SAM, Adam, AdamW
from shared.files.weights import count
from shared.frameworks import FRAMEWORKS, NATIVE
from shared.messages import Builtin, Request, Stream
from shared.running.client import WorkerRaised
from shared.running.team import Team

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "differences.md"

TORCH = """
    import torch
    from torch import nn

    def bn(): return nn.BatchNorm1d(3, momentum=0.1)
    def bn_as_keras(): return nn.BatchNorm1d(3, momentum=0.9)
    def conv(): return nn.Conv2d(2, 4, 3, 2, 1, bias=False)
    def doubled(): return nn.ConvTranspose2d(2, 4, 4, 2, 1)
    def doubled_by_three(): return nn.ConvTranspose2d(2, 4, 3, 2, 1, 1)
    def pool(): return nn.MaxPool2d(3, 2, 1)
    def one_sided(): return nn.Conv2d(2, 4, 3, 2, (0, 1), bias=False)
    def lopsided():
        from pytorch_impl import layers as own
        from shared.specs.base import ConvSpec

        return own.conv(ConvSpec(2, 4, 3, 2, ((0, 1), (0, 1)), bias=False))

    def hard_sigmoid(): return nn.Hardsigmoid()
    def norm_of_maps(): return nn.LayerNorm(6, eps=1e-5)
    def norm_of_channels():
        from pytorch_impl import layers as own

        return own.LayerNorm2d(6, eps=1e-5)
    def leaky(): return nn.LeakyReLU(0.3)
    def lstm(): return nn.LSTM(3, 4, batch_first=True)
    def packed(lengths):
        from torch.nn.utils.rnn import pack_padded_sequence as pack

        try:
            pack(torch.ones(len(lengths), 3, 2), torch.tensor(lengths), True, False)
        except RuntimeError as error:
            return str(error)
    def lstm_dropped(): return nn.LSTM(3, 4, 2, batch_first=True, dropout=0.5)
    def flatten(): return nn.Flatten()
    def tanh(): return nn.Tanh()
    def adaptive(): return nn.AdaptiveAvgPool2d((3, 2))
    def halved(): return nn.Upsample((4, 3), mode="bilinear", align_corners=False)
    def repeated(): return nn.Upsample((7, 8), mode="nearest")
    def lrn(): return nn.LocalResponseNorm(5, alpha=0.2, beta=0.6, k=1.5)
    def lrn_times_size(): return nn.LocalResponseNorm(5, alpha=1.0, beta=0.6, k=1.5)
    def written_over():
        from pytorch_impl import adapter
        model, seen = adapter.build("resnet_tiny"), []
        def hook(module, inputs, output):
            seen.append((output, output.clone()))
        block = model.layer1[0]
        for module in (block.bn1, block.bn2):
            module.register_forward_hook(hook)
        with torch.no_grad():
            model.eval()(torch.randn(2, 3, 40, 40))
        return [bool((kept != copy).any() and (kept >= 0).all()) for kept, copy in seen]
    def copied():
        # Does autograd keep another copy of what is written over, and of what is left?
        from torch.nn import functional as F
        found = {}
        for f in (F.relu, F.silu, F.hardswish, F.relu6):
            x = torch.randn(3, requires_grad=True) + 0
            y = f(x, inplace=True)
            kept = y.grad_fn._saved_result if f is F.relu else y.grad_fn._saved_self
            found[f.__name__] = kept.data_ptr() != y.data_ptr()
        return found
    def left_alone():
        from pytorch_impl import layers as own
        found = []
        for name, function in own.ACTIVATIONS.items():
            x = torch.linspace(-4, 8, 7)
            function(x)
            found += [name] * bool((x == torch.linspace(-4, 8, 7)).all())
        return found
    def norms():
        from pytorch_impl import optimizers

        ours, theirs = (nn.Parameter(torch.zeros(2)) for _ in range(2))
        for p in (ours, theirs):
            p.grad = torch.tensor([3e-3, 4e-3])
        nn.utils.clip_grad_norm_([theirs], 1e-3)
        optimizers.clip_by_global_norm([ours.grad], 1e-3)
        return [float(p.grad.norm() / 1e-3) for p in (theirs, ours)]
"""
KERAS = """
    import keras
    from keras import layers, ops
    from keras_impl import layers as own
    from keras_impl.layers import normalization
    from shared.specs.base import ConvSpec

    class Call(keras.Layer):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, *arguments):
            return self.function(*arguments)

    def mean_by_its_own_table(x):
        from keras.src.backend.common import dtypes
        kept = dtypes.BIT64_TO_BIT32_DTYPE["float64"]
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float32"
        try:
            return ops.mean(x, -1)
        finally:
            dtypes.BIT64_TO_BIT32_DTYPE["float64"] = kept

    def bn(): return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    def long_sums(): return Call(lambda x: ops.mean(x, (0, 1, 2)))
    def long_sums_own(): return Call(normalization._mean)
    def conv(): return layers.Conv2D(4, 3, 2, padding="same", use_bias=False)
    def grouped():
        return layers.Conv2D(9, 3, 2, padding="valid", groups=3)
    def grouped_own(): return own.conv(ConvSpec(6, 9, 3, 2, groups=3))
    def depthwise(): return layers.Conv2D(6, 3, 2, padding="valid", groups=6)
    def depthwise_own(): return own.conv(ConvSpec(6, 6, 3, 2, groups=6))
    def convolutions():
        import tensorflow as tf

        def kinds(groups):
            conv = own.conv(ConvSpec(40, 40, 3, 1, 1, groups))
            def gradient(x):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = tf.reduce_sum(conv(x) ** 2)
                return tape.gradient(y, [x, conv.kernel.value])
            shape = tf.TensorSpec((2, 8, 8, 40), "float64")
            graph = tf.function(gradient).get_concrete_function(shape).graph
            found = [operation.type for operation in graph.get_operations()]
            return sorted(kind for kind in found if "Conv2d" in kind or "Conv2D" in kind
                          or "Call" in kind)

        return [kinds(groups) for groups in (1, 2, 10, 40)]

    def doubled(): return layers.Conv2DTranspose(4, 4, 2, padding="same")
    def doubled_by_three(): return layers.Conv2DTranspose(4, 3, 2, padding="same")
    def pool(): return layers.MaxPooling2D(3, 2, padding="same")
    def leaky(): return Call(lambda x: ops.leaky_relu(x, 0.3))
    def gelu(): return Call(lambda x: ops.gelu(x, approximate=False))
    def attention(): return Call(lambda *qkv: ops.dot_product_attention(*qkv))
    def lstm(): return layers.LSTM(4)
    def gru(): return layers.GRU(4)
    def flatten(): return layers.Flatten()
    def norm_of_channels(): return layers.LayerNormalization(epsilon=1e-5)
    def flatten_own(): return Call(own.flatten)
    def lazy(): return Call(lambda x: 0 * x + len(layers.Dense(3).weights))
    def lazy_own(): return Call(lambda x: 0 * x + len(own.Dense(2, 3).weights))
    def mean(): return Call(lambda x: ops.mean(x, -1))
    def mean_own_table(): return Call(mean_by_its_own_table)
    def tanh(): return Call(ops.tanh)
    def rates():
        from keras_impl import optimizers

        class Seen(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                self.last = int(step)
                return 1.0

        def last(kind):
            seen, x = Seen(), keras.Variable([1.0])
            native = kind(seen, gradient_accumulation_steps=2)
            for _ in range(4):
                native.apply([ops.ones(1, x.dtype)], [x])
            return seen.last

        return [last(keras.optimizers.SGD), last(optimizers.SGD)]

    def averages():
        from keras_impl import optimizers

        def average(kind):
            x = keras.Variable([1.0])
            native = kind(1.0, use_ema=True, ema_momentum=0.75)
            native.apply([ops.ones(1, x.dtype)], [x])
            return float(native._model_variables_moving_average[0][0])

        return [average(keras.optimizers.SGD), average(optimizers.SGD)]

    def adaptive(): return Call(lambda x: own.adaptive_avg_pool(x, (3, 2)))
    def halved(): return Call(lambda x: ops.image.resize(x, (4, 3), "bilinear"))
    def halved_own(): return Call(lambda x: own.resize(x, (4, 3)))
    def repeated(): return Call(lambda x: ops.image.resize(x, (7, 8), "nearest"))
    def repeated_own(): return Call(lambda x: own.repeat(x, (7, 8)))
    def recurred():
        import numpy as np
        import tensorflow as tf

        def plain(gates, w, h, c):
            seen = []
            for t in range(7):
                i, f, g, o = ops.split(gates[:, t] + ops.matmul(h, w), 4, -1)
                c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
                h = ops.sigmoid(o) * ops.tanh(c)
                seen.append(ops.concatenate([h, c], -1))
            return ops.stack(seen, 1)

        def found(function):
            draw = np.random.default_rng(0)
            sizes = ((3, 7, 20), (5, 20), (3, 7, 10))
            gates, w, cotangent = (tf.constant(draw.normal(size=s)) for s in sizes)
            h, c = (tf.constant(draw.normal(size=(3, 5))) for _ in range(2))
            with tf.GradientTape() as tape:
                tape.watch([gates, w, h, c])
                y = function(gates, w, h, c)
            return [y, *tape.gradient(y, [gates, w, h, c], cotangent)]

        pairs = zip(found(own.recur), found(plain), strict=True)
        return max(float(ops.max(ops.abs(a - b))) for a, b in pairs)

    def updated():
        import numpy as np
        from keras_impl import backends, optimizers

        def after(fused):
            x = keras.Variable(np.arange(6.0).reshape(2, 3))
            optimizer = optimizers.AdamW(0.1, weight_decay=0.1)
            optimizer.build([x])
            if fused:
                backends.fuse_update(optimizer)
            for k in range(5):
                gradient = ops.convert_to_tensor(np.cos(np.arange(6.0) + k))
                gradient = ops.reshape(gradient, (2, 3))
                optimizer.apply([gradient], [x])
            return ops.convert_to_numpy(x)

        return float(abs(after(True) - after(False)).max())

    def lrn(): return Call(lambda x: own.local_response_norm(x, 5, 0.2, 0.6, 1.5))
    def embedding_gradient(times):
        import tensorflow as tf
        layer = layers.Embedding(5, 3)
        with tf.GradientTape() as tape:
            out = ops.sum(layer(ops.convert_to_tensor([0, 1])))
        found = times(tape.gradient(out, layer.trainable_weights[0]))
        return Call(lambda x: 0 * x + ops.sum(ops.cast(found, x.dtype)))
    def sparse(): return embedding_gradient(lambda g: 2.0 * g)
    def sparse_own():
        return embedding_gradient(lambda g: 2.0 * ops.reshape(g, g.shape))
"""
FLAX = """
    import jax
    from flax import nnx
    from jax_impl import layers as own
    from shared.specs.base import ConvSpec, Pool

    class Call(nnx.Module):
        def __init__(self, function):
            self.function = function

        def __call__(self, *arguments):
            return self.function(*arguments)

    rngs = nnx.Rngs(0)
    def bn(): return nnx.BatchNorm(3, momentum=0.9, rngs=rngs)
    def bn_own(): return own.BatchNorm(3, 1e-5, 0.9, rngs=rngs)
    def norm(): return nnx.LayerNorm(4096, epsilon=1e-5, rngs=rngs)
    def norm_own(): return own.LayerNorm(4096, 1e-5, rngs=rngs)
    def leaky(): return Call(lambda x: nnx.leaky_relu(x, 0.3))
    def attention(): return Call(jax.nn.dot_product_attention)
    def embed(): return nnx.Embed(5, 3, rngs=rngs)
    def embed_own(): return own.Embed(5, 3, rngs=rngs)
    def lstm():
        return nnx.RNN(nnx.OptimizedLSTMCell(3, 4, rngs=rngs))
    def gru(): return nnx.RNN(nnx.GRUCell(3, 4, rngs=rngs))
    def linear(): return nnx.Linear(3, 4, rngs=rngs)
    def linear_own(): return own.Linear(3, 4, rngs=rngs)
    def conv(): return nnx.Conv(3, 4, (3, 3), padding=1, rngs=rngs)
    def conv_own(): return own.conv(ConvSpec(3, 4, 3, 1, 1), rngs=rngs)
    def grouped():
        return nnx.Conv(6, 9, (3, 3), 2, padding=1, feature_group_count=3, rngs=rngs)
    def grouped_own(): return own.conv(ConvSpec(6, 9, 3, 2, 1, 3), rngs=rngs)
    def doubled(size, pads, swapped):
        return nnx.ConvTranspose(
            2, 4, (size, size), (2, 2), padding=(pads, pads), rngs=rngs,
            transpose_kernel=swapped,
        )

    def spread():
        # Is a map spread with zeros, in the value or the gradients?
        from shared.specs.base import ConvTransposeSpec

        ours = own.conv_transpose(ConvTransposeSpec(2, 4, 4, 2, 1), rngs=rngs)
        x, found = jax.numpy.ones((1, 5, 6, 2)), []
        for layer in (doubled_as_torch(), ours):
            graph, state = nnx.split(layer)
            loss = lambda state, x: (nnx.merge(graph, state)(x) ** 2).sum()
            text = str(jax.make_jaxpr(jax.grad(loss, (0, 1)))(state, x))
            found.append("lhs_dilation=(2, 2)" in text)
        return found

    def doubled_turned(): return doubled(4, (2, 2), False)
    def doubled_swapped(): return doubled(4, (2, 2), True)
    def doubled_by_three(): return doubled(3, (1, 2), False)
    def doubled_as_torch(): return doubled(4, (1, 1), True)
    def adaptive(): return Call(lambda x: own.adaptive_avg_pool(x, (3, 2)))
    def halved(): return Call(
        lambda x: jax.image.resize(x, (2, 4, 3, 3), "linear")
    )
    def halved_own(): return Call(lambda x: own.resize(x, (4, 3)))
    def repeated(): return Call(lambda x: jax.image.resize(x, (2, 7, 8, 3), "nearest"))
    def repeated_own(): return Call(lambda x: own.repeat(x, (7, 8)))
    def convolutions(groups):
        conv = own.conv(ConvSpec(40, 40, 3, 1, 1, groups), rngs=rngs)
        x = jax.numpy.zeros((1, 16, 16, 40))
        return str(jax.make_jaxpr(conv)(x)).count("conv_general_dilated[")

    def grouped_convolutions(): return [convolutions(g) for g in (1, 2, 10, 40)]

    def off(one, other):
        return float(abs(one - other).max() / abs(other).max())

    def against(ours, theirs, *arguments):
        # How far value and gradients are off.
        value, pull = jax.vjp(theirs, *arguments)
        found, own_pull = jax.vjp(ours, *arguments)
        weights = jax.random.normal(jax.random.key(9), value.shape)
        pairs = zip((found, *own_pull(weights)), (value, *pull(weights)), strict=True)
        return max(off(*pair) for pair in pairs)

    def recurred(reverse):
        import jax.numpy as jnp

        def plain(gates, w, h, c):
            def step(state, gates):
                h, c = state
                i, f, g, o = jnp.split(gates + h @ w, 4, -1)
                c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
                h = nnx.sigmoid(o) * jnp.tanh(c)
                return (h, c), (h, c)

            (h, c), (y, _) = jax.lax.scan(step, (h, c), gates, reverse=reverse)
            return jnp.concatenate([y, h[None], c[None]])

        def ours(gates, w, h, c):
            y, (h, c) = own.recur(gates, w, (h, c), reverse)
            return jnp.concatenate([y, h[None], c[None]])

        gates = jax.random.normal(jax.random.key(0), (7, 3, 20))
        w = jax.random.normal(jax.random.key(1), (5, 20))
        h, c = (jax.random.normal(jax.random.key(k), (3, 5)) for k in (2, 3))
        return against(ours, plain, gates, w, h, c)

    def convolved(batch, height, width, c_in, k, stride, pad, c_out):
        # Also: how many plain convolutions, without and with the gradients.
        from jax_impl.layers import forms

        def plain(x, kernel):
            return jax.lax.conv_general_dilated(
                x, kernel, (stride, stride), ((pad, pad), (pad, pad)),
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )

        def ours(x, kernel):
            return forms.convolve(x, kernel, stride, ((pad, pad), (pad, pad)))
        def gradients(*arguments):
            y, pull = jax.vjp(ours, *arguments)
            return pull(y)

        x = jax.random.normal(jax.random.key(0), (batch, height, width, c_in))
        kernel = jax.random.normal(jax.random.key(1), (k, k, c_in, c_out))
        counts = [
            str(jax.make_jaxpr(f)(x, kernel)).count("conv_general_dilated[")
            for f in (ours, gradients)
        ]
        return [against(ours, plain, x, kernel), *counts]

    def pooled():
        # Whole numbers, so that many a window has its largest twice.
        found = []
        for size, stride, pad in ((2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 1, 1)):
            x = jax.random.normal(jax.random.key(0), (2, 9, 8, 5))
            ours = lambda x: own.max_pool(x, Pool(size, stride, pad))
            pads = ((pad, pad), (pad, pad))
            theirs = lambda x: nnx.max_pool(x, (size, size), (stride, stride), pads)
            found += [against(ours, theirs, a) for a in (x, nnx.relu(x.round()))]
        for size in (2, 3):
            ours = lambda x: own.avg_pool(x, Pool(size, size))
            theirs = lambda x: nnx.avg_pool(x, (size, size), (size, size))
            found.append(against(ours, theirs, x))
        return found

    def sums():
        import jax.numpy as jnp
        import optax

        def off(**options):
            steps = optax.MultiSteps(optax.sgd(1.0), 2, **options)
            x = jnp.zeros(())
            kept = steps.init(x)
            for g in (0.1, 0.3):
                step, kept = steps.update(jnp.asarray(g), kept, x)
            return abs(float(step) + 0.2)

        return [off(), off(accumulator_dtype=float)]

    def lowered():
        # On a machine with a GPU: the plain operations that a CPU and a GPU are asked
        # for, and how far the gradient on the CPU is off.
        x = jax.random.normal(jax.random.key(0), (2, 12, 12, 40))
        conv = own.conv(ConvSpec(40, 40, 3, 1, 1, 10), rngs=rngs)

        def call(x):
            return own.avg_pool(own.max_pool(conv(x), Pool(3, 2, 1)), Pool(2, 2))

        gradient = jax.grad(lambda x: (call(x) ** 2).sum())
        plain, found = gradient(x), []
        default, jax.default_backend = jax.default_backend, lambda: "gpu"
        try:
            for platform in ("cpu", "cuda"):
                traced = jax.jit(gradient).trace(x)
                text = traced.lower(lowering_platforms=(platform,)).as_text()
                found.append([operation in text for operation in
                              ("feature_group_count = 10", "stablehlo.reduce_window",
                               "stablehlo.select_and_scatter")])
            return [*found, off(jax.jit(gradient)(x), plain)]
        finally:
            jax.default_backend = default

    def without_rngs(): return nnx.Linear(2, 3)
    def printed():
        # How often a trace of one call is asked where its values lie: it has no answer,
        # and says so with all of the program in its message.
        import jax._src.core as core

        plain, asked = core.Tracer.sharding, []

        def ask(tracer):
            asked.append(tracer)
            return plain.fget(tracer)

        found = []
        core.Tracer.sharding = property(ask)
        try:
            for layer in (nnx.BatchNorm(3, rngs=rngs), bn_own()):
                asked.clear()
                graph, state = nnx.split(layer)
                call = lambda state, x: nnx.merge(graph, state)(x)
                jax.make_jaxpr(call)(state, jax.numpy.ones((4, 3), "float32"))
                found.append(len(asked))
        finally:
            core.Tracer.sharding = plain
        return found
"""
SOURCES = {"pytorch": TORCH, "keras": KERAS, "jax": FLAX, "keras[jax]": KERAS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    for framework, source in SOURCES.items():
        (folder / f"native_{framework[:5]}.py").write_text(textwrap.dedent(source))
    return folder


@pytest.fixture(scope="module")
def ask(workers, folder):
    """What a function above gives."""

    def call(framework, name, *arguments):
        target = f"native_{framework[:5]}:{name}"
        worker = workers.get(framework, "float64")
        return worker.ask(target, *arguments, paths=(str(folder),))

    return call


@pytest.fixture(scope="module")
def native(workers, folder):
    """A framework's own layer, by the names above, ready to be asked."""

    def make(framework, name, *inputs, dtype="float64"):
        target = f"native_{framework[:5]}:{name}"
        return workers.get(framework, dtype).adopt(target, inputs, (str(folder),))

    return make


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def output(model, *inputs, training=False):
    return model.run(Request(inputs, training)).outputs[0]


def last(a):
    return np.ascontiguousarray(np.moveaxis(a, 1, -1))


def first(a):
    return np.moveaxis(a, -1, 1)


def test_bn_momentum(native):
    x = normal(8, 3)
    moved = {
        name: native(framework, name, x)
        .run(Request((x,), True))
        .buffers["running_mean"]
        for framework, name in (("pytorch", "bn"), ("pytorch", "bn_as_keras"))
    }
    keras = native("keras", "bn", x).run(Request((x,), True)).buffers["running_mean"]
    assert error(moved["bn"], keras) < 1e-12
    assert error(moved["bn_as_keras"], 9 * keras) < 1e-12


def test_bn_var(native):
    x = normal(8, 3)
    moved = {
        framework: native(framework, "bn", x).run(Request((x,), True)).buffers
        for framework in ("pytorch", "keras", "jax")
    }
    new = {f: (b["running_var"] - 0.9) / 0.1 for f, b in moved.items()}
    assert error(new["pytorch"], x.var(0, ddof=1)) < 1e-12
    assert error(new["keras"], x.var(0)) < 1e-12
    assert error(new["jax"], x.var(0)) < 1e-12


OWN_NORM = {
    "pytorch": """
        import torch
        norm, x = torch.nn.BatchNorm2d(3), torch.ones(1, 3, 1, 1)
    """,
    "keras": """
        import numpy as np
        from keras_impl import layers
        norm = lambda x: layers.BatchNormalization(3, 1e-3, 0.9)(x, training=True)
        x = np.ones((1, 1, 1, 3))
    """,
    "jax": """
        import jax.numpy as jnp
        from flax import nnx
        from jax_impl import layers
        norm = layers.BatchNorm(3, 1e-3, 0.9, rngs=nnx.Rngs(0))
        x = jnp.ones((1, 1, 1, 3))
    """,
}


def test_bn_one(native, within):
    x = normal(1, 3)
    with pytest.raises(WorkerRaised, match="more than 1 value per channel"):
        native("pytorch", "bn", x).run(Request((x,), True))
    for framework in ("keras", "jax"):
        result = native(framework, "bn", x).run(Request((x,), True))
        assert (result.outputs[0] == 0).all()
        assert error(result.buffers["running_var"], np.full(3, 0.9)) < 1e-12
    for framework, made in OWN_NORM.items():
        source = f"""
        import pytest
        {made.strip()}

        def refused():
            with pytest.raises(ValueError, match="value"):
                norm(x)
        """
        within(framework, source, "refused")
    source = (
        OWN_NORM["keras"]
        + """
        def two():
            norm = layers.BatchNormalization(3, 1e-3, 0.9)
            x = np.array([[1.0, 2, 3], [3, 6, 9]]).reshape(2, 1, 1, 3)
            norm(x, training=True)
            wanted = 0.9 + 0.1 * x.var(0, ddof=1).reshape(3)
            assert abs(np.asarray(norm.moving_variance) - wanted).max() < 1e-12
    """
    )
    within("keras", source, "two")


KEPT_NORMS = """
    import keras
    import numpy as np
    from keras_impl import layers

    def made():
        return layers.BatchNormalization(3, 1e-3, 0.9)

    def frozen():
        norm, x = made(), 5 + 2 * np.random.default_rng(0).standard_normal((4, 3, 3, 3))
        norm.trainable = False
        for _ in range(3):
            y = norm(x, training=True)
        np.testing.assert_array_equal(norm.moving_variance, np.ones(3))
        np.testing.assert_array_equal(norm.moving_mean, np.zeros(3))
        np.testing.assert_allclose(y, x / np.sqrt(1 + 1e-3), rtol=1e-6)

    def in_half():
        # More values a channel than a float16 can count.
        x = np.random.default_rng(0).standard_normal((2, 200, 200, 3))
        x = x.astype("float16")
        kept = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        try:
            norm = made()
            y = norm(x, training=True)
        finally:
            keras.config.set_dtype_policy(kept)
        assert keras.backend.standardize_dtype(y.dtype) == "float16"
        assert norm.moving_variance.dtype == "float32"
        wanted = 0.9 + 0.1 * x.astype(float).var((0, 1, 2), ddof=1)
        np.testing.assert_allclose(norm.moving_variance, wanted, rtol=1e-6)
"""
TORCH_FROZEN = """
    import torch

    def moves():
        norm = torch.nn.BatchNorm1d(3).requires_grad_(False)
        norm(5 + torch.randn(8, 3))
        assert (norm.running_mean > 0.1).all()
"""


@pytest.mark.parametrize("framework", ["keras", "keras[jax]", "keras[torch]"])
def test_bn_frozen(within, framework):
    within(framework, KEPT_NORMS, "frozen", dtype="float32")
    within("pytorch", TORCH_FROZEN, "moves")


@pytest.mark.parametrize("framework", ["keras", "keras[jax]", "keras[torch]"])
def test_a_batch_norm_counts_in_the_precision_of_its_statistics(within, framework):
    within(framework, KEPT_NORMS, "in_half", dtype="float32")


def test_bn_trace(ask):
    theirs, ours = ask("jax", "printed")
    assert theirs > 0 == ours


@pytest.mark.parametrize(("size", "equal"), [(7, True), (8, False)])
def test_padding(native, size, equal):
    x = normal(2, 2, size, size)
    torch, keras = native("pytorch", "conv", x), native("keras", "conv", last(x))
    keras.load(torch.dump())
    off = error(output(torch, x), first(output(keras, last(x))))
    assert off < 1e-12 if equal else off > 0.1


def test_conv_transpose(native):
    """One set of weights through the frameworks' own layers."""
    x = normal(2, 2, 5, 6)
    for size, names in {
        "": ("doubled_turned", "doubled_swapped"),
        "_by_three": ("doubled_by_three",),
    }.items():
        torch = native("pytorch", f"doubled{size}", x)
        weights, wanted = torch.dump(), output(torch, x)
        assert weights["weight"].shape[:2] == (2, 4)
        cut = native("keras", f"doubled{size}", last(x))
        cut.load(weights)
        off = error(first(output(cut, last(x))), wanted)
        assert off > 0.1 if size else off < 1e-12
        for name in names:
            model = native("jax", name, last(x))
            model.load(weights)
            assert error(first(output(model, last(x))), wanted) < 1e-12
            assert np.array_equal(model.dump()["weight"], weights["weight"])
    alike = native("jax", "doubled_as_torch", last(x))
    assert first(output(alike, last(x))).shape[2:] == (8, 10) != wanted.shape[2:]


def test_lopsided(native):
    """What TensorFlow's "same" is on a map of even size."""
    x = normal(2, 2, 8, 8)
    torch, keras = native("pytorch", "lopsided", x), native("keras", "conv", last(x))
    keras.load(torch.dump())
    theirs = first(output(keras, last(x)))
    assert error(output(torch, x), theirs) < 1e-12
    alike = native("pytorch", "one_sided", x)
    alike.load(torch.dump())
    assert output(alike, x).shape != theirs.shape


def test_norm_axis(native):
    x = normal(2, 6, 5, 6)
    keras = first(output(native("keras", "norm_of_channels", last(x)), last(x)))
    assert error(output(native("pytorch", "norm_of_channels", x), x), keras) < 1e-12
    assert error(output(native("pytorch", "norm_of_maps", x), x), keras) > 0.1


def test_hard_float32(native):
    x, one = np.array([0.5]), np.ones(1)
    model = native("pytorch", "hard_sigmoid", x)
    (found,) = model.run(Request((x,), cotangents=(one,))).input_gradients
    assert 1e-10 < error(found, one / 6) < 1e-7


@pytest.mark.parametrize(("size", "equal"), [(7, True), (8, False)])
def test_pool_padding(native, size, equal):
    x = normal(2, 2, size, size)
    torch, keras = native("pytorch", "pool", x), native("keras", "pool", last(x))
    off = error(output(torch, x), first(output(keras, last(x))))
    assert off < 1e-12 if equal else off > 0.1


def test_fast_variance(native):
    columns = (100 + normal(4096, 3)).astype(np.float32)
    for fast, slow, x, axis in (
        ("bn", "bn_own", columns, 0),
        ("norm", "norm_own", columns.T, 1),
    ):
        mean = x.mean(axis, dtype=float, keepdims=True)
        exact = (x - mean) / x.std(axis, dtype=float, keepdims=True)
        theirs = native("jax", fast, x, dtype="float32")
        ours = native("jax", slow, x, dtype="float32")
        assert error(output(theirs, x, training=True), exact) > 1e-4
        assert error(output(ours, x, training=True), exact) < 1e-5


def test_leaky_relu(native):
    x, exact = normal(1000), np.where(normal(1000) > 0, 1.0, 0.3) * normal(1000)
    assert 1e-10 < error(output(native("keras", "leaky", x), x), exact) < 1e-7
    zero, one = np.zeros(1), np.ones(1)
    at_zero = {
        framework: native(framework, "leaky", zero)
        .run(Request((zero,), cotangents=(one,)))
        .input_gradients[0]
        for framework in ("pytorch", "jax")
    }
    assert at_zero == {"pytorch": 0.3, "jax": 1.0}


def test_gelu_float32(native):
    x = normal(1000)
    exact = x * np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])
    assert 1e-10 < error(output(native("keras", "gelu", x), x), exact) < 1e-7


@pytest.mark.parametrize("framework", ["keras", "jax"])
def test_attention(native, framework):
    q, k, v = np.random.default_rng(1).standard_normal((3, 2, 7, 2, 3))
    scores = np.einsum("bthd,bshd->bhts", q, k) / math.sqrt(3)
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    exact = np.einsum("bhts,bshd->bthd", shares, v)
    off = error(output(native(framework, "attention", q, k, v), q, k, v), exact)
    assert 1e-10 < off < 1e-5


def test_cross_entropy(within):
    """By hand: two logits, one apart."""
    source = """
        import jax, jax.numpy as jnp, math
        from jax_impl import losses

        def off(loss):
            z, wanted = jnp.array([[1e6, 1e6 - 1]]), math.log1p(math.exp(-1))
            return abs(float(loss(z, jnp.array([0]))) - wanted)

        def check():
            shared = off(lambda z, target: jax.nn.logsumexp(z) - z[0, target[0]])
            assert 1e-12 < shared < 1e-10
            assert off(losses.cross_entropy()) < 1e-15
    """
    within("jax", source, "check")


def test_bfloat16(within):
    """Left to themselves."""
    torch = """
        import torch
        from torch.nn import functional as F

        def check():
            draw = torch.Generator().manual_seed(0)
            x = torch.randn(50, 64, generator=draw).bfloat16()
            w, b = torch.randn(2, 64, generator=draw)
            norm = F.layer_norm(x, (64,), w, b)
            exact = F.layer_norm(x.float(), (64,), w, b)
            assert norm.dtype == torch.bfloat16
            assert torch.equal(norm, exact.bfloat16())
            assert torch.equal(x.mean(0), x.float().mean(0).bfloat16())
            with torch.autocast("cpu", torch.bfloat16):
                assert (x @ x.T).softmax(-1).dtype == torch.bfloat16
    """
    within("pytorch", torch, "check", "float32")
    keras = """
        import keras
        from keras import ops

        def check():
            assert ops.softmax(ops.ones((2, 3), "bfloat16")).dtype == "bfloat16"
            norm = keras.layers.LayerNormalization(dtype="mixed_bfloat16")
            assert norm(ops.ones((2, 3))).dtype == "bfloat16"
            assert norm.gamma.dtype == "float32"
    """
    within("keras", keras, "check", "float32")
    jax = """
        import jax.numpy as jnp
        from flax import nnx

        def check():
            norm = nnx.LayerNorm(3, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
            x = jnp.array([[1.0, 2.0, 4.0]])
            before = norm(x)
            norm.scale[...] = norm.scale[...] + 2**-10  # which bfloat16 does not tell
            assert (norm(x) == before).all()
            norm.dtype = None
            assert norm(x.astype(jnp.bfloat16)).dtype == jnp.float32
    """
    within("jax", jax, "check", "float32")


def test_embed_dtype(native):
    tokens = np.arange(5)[None]
    assert output(native("jax", "embed", tokens), tokens).dtype == np.float32
    assert output(native("jax", "embed_own", tokens), tokens).dtype == np.float64


def test_lstm_biases(native):
    x = normal(2, 5, 3)
    assert count(native("pytorch", "lstm", x).entries()) == 4 * 4 * (3 + 4 + 2)
    assert count(native("keras", "lstm", x).entries()) == 4 * 4 * (3 + 4 + 1)


def test_lstm_scan(native):
    x = normal(2, 5, 3)
    assert count(native("jax", "lstm", x).entries()) == 4 * 4 * (3 + 4 + 1)


def test_gru_gates(native):
    """With the gate that Keras has first far below 0, the update gate, the state is
    the new value: with weights of 0 elsewhere tanh(b_n)."""
    x, low = np.zeros((1, 1, 3)), np.zeros((2, 12))
    low[0, :4], low[0, 8:] = -1e3, 0.5
    gru = native("keras", "gru", x)
    shapes = {name: entry.shape for name, entry in gru.entries().items()}
    assert shapes["cell.bias"] == (2, 12)
    zeros = {name: np.zeros(shape) for name, shape in shapes.items()}
    gru.load({**zeros, "cell.bias": low})
    assert output(gru, x)[0] == pytest.approx(np.tanh(0.5))


def test_gru_biases(native):
    assert count(native("jax", "gru", normal(2, 5, 3)).entries()) == 3 * 4 * (3 + 4 + 1)


def test_packed_lengths(ask):
    assert ask("pytorch", "packed", [3, 1]) is None
    assert "greater than 0" in ask("pytorch", "packed", [3, 0])


def test_lstm_masks(native, workers):
    x = normal(2, 5, 3)
    torch = native("pytorch", "lstm_dropped", x)
    twice = [output(torch, x, training=True) for _ in range(2)]
    assert error(*twice) > 0.01
    spec = variant("lstm_tiny_stacked").spec
    own = workers.get("pytorch", "float64").build(spec)
    own.fill(0)
    asked = request(spec, 4, training=True)
    assert error(own.run(asked).outputs[0], own.run(asked).outputs[0]) == 0


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("linear", (2, 5, 3)), ("conv", (2, 2, 2, 3)), ("grouped", (2, 7, 8, 6))],
)
def test_matmul_2d_and_small_map_and_grouped_conv(native, kind, shape):
    """Other ways to the same sums; what they cost is benchmarks' business."""
    x = normal(*shape)
    theirs, ours = native("jax", kind, x), native("jax", f"{kind}_own", x)
    ours.load(theirs.dump())
    assert error(output(theirs, x), output(ours, x)) < 1e-12


@pytest.mark.parametrize("kind", ["grouped", "depthwise"])
@pytest.mark.parametrize("framework", ["keras", "keras[jax]", "keras[torch]"])
def test_grouped_conv_and_depthwise_in_keras(native, framework, kind):
    x = normal(2, 7, 8, 6)
    theirs, ours = native(framework, kind, x), native(framework, f"{kind}_own", x)
    ours.load(theirs.dump())
    assert error(output(theirs, x), output(ours, x)) < 1e-12


def test_grouped_conv_and_depthwise_are_plain_operations_in_tensorflow(ask):
    """None of them a call of a function that XLA compiles; of ten groups of four maps,
    eight in one."""
    plain = ["Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput"]
    depthwise = [f"DepthwiseConv2dNative{kind[6:]}" for kind in plain]
    found = ask("keras", "convolutions")
    two = sorted(2 * plain)
    assert found == [plain, two, two, depthwise]


def test_in_place(ask):
    """ReLUs that write over their argument, in the only ResNet that can."""
    assert ask("pytorch", "written_over") == [True, True]
    copied = {"relu": False, "silu": True, "hardswish": True, "relu6": True}
    assert ask("pytorch", "copied") == copied
    assert [*ACTIVATIONS] == ["identity", "relu", *ask("pytorch", "left_alone")[1:]]


def test_grouped_conv_takes_the_other_way(ask):
    """How many convolutions XLA is asked for: one; one a group; one for eight of ten
    groups of four maps, beside a sum of terms for the two that are left; none where
    each channel is a group (DIFF(depthwise))."""
    assert ask("jax", "grouped_convolutions") == [1, 2, 1, 0]


def test_a_transposed_convolution_spreads_no_map(ask):
    assert ask("jax", "spread") == [True, False]


@pytest.mark.parametrize(
    ("sizes", "value", "both"),
    [
        ((2, 16, 16, 32, 3, 1, 1, 32), 1, 3),  # the plain one
        ((2, 9, 8, 33, 1, 2, 0, 34), 0, 0),  # 1x1
        ((1, 2, 9, 3, 3, 1, 1, 4), 0, 0),  # a map smaller than the kernel
        ((1, 9, 2, 3, 3, 1, 1, 4), 0, 0),
        ((1, 4, 5, 3, 3, 1, 1, 40), 0, 0),  # few places
        ((2, 9, 8, 6, 3, 1, 1, 7), 0, 1),  # few maps and few terms
        ((2, 9, 8, 12, 3, 2, 1, 7), 1, 2),  # few maps and many terms
        ((1, 9, 8, 4, 3, 2, 1, 32), 1, 2),  # not many places
        ((4, 9, 8, 40, 2, 2, 0, 33), 1, 1),  # windows side by side: the value alone
        ((1, 9, 8, 3, 4, 4, 0, 33), 0, 0),  # and few places
        ((1, 9, 8, 40, 2, 2, 1, 34), 1, 2),  # but not with padding
    ],
)
def test_conv_forms(ask, sizes, value, both):
    off, *counts = ask("jax", "convolved", *sizes)
    assert off < 1e-12
    assert counts == [value, both]


def test_lstm_gradient(ask):
    assert max(ask("jax", "recurred", reverse) for reverse in (False, True)) < 1e-12
    assert ask("keras", "recurred") < 1e-12


def test_fused_update(ask):
    assert 0 <= ask("keras", "updated") < 1e-12


def test_platform(ask):
    """Where the program will run counts, not which device a machine has."""
    on_cpu, on_gpu, off = ask("jax", "lowered")
    assert on_cpu == [False] * 3
    assert on_gpu == [True] * 3
    assert off < 1e-12


def test_pooling(ask):
    assert max(ask("jax", "pooled")) < 1e-14


@pytest.mark.parametrize("framework", ["keras", "jax"])
def test_adaptive_pool(native, framework):
    x = normal(2, 3, 7, 5)
    torch = output(native("pytorch", "adaptive", x), x)
    own = output(native(framework, "adaptive", last(x)), last(x))
    assert error(torch, first(own)) < 1e-12


def test_resize(native):
    """Of the same weights JAX's own has others where a map becomes smaller, and
    TensorFlow's has them in float32."""
    x = normal(2, 3, 8, 7)
    torch = output(native("pytorch", "halved", x), x)
    for framework, least, most in (("keras", 1e-9, 1e-6), ("jax", 0.01, 1.0)):
        theirs = first(output(native(framework, "halved", last(x)), last(x)))
        assert least < error(torch, theirs) < most, framework
        ours = first(output(native(framework, "halved_own", last(x)), last(x)))
        assert error(torch, ours) < 1e-14


def test_nearest(native):
    x = normal(2, 3, 3, 4)
    torch = output(native("pytorch", "repeated", x), x)
    for framework in ("keras", "jax"):
        theirs = first(output(native(framework, "repeated", last(x)), last(x)))
        assert sum((torch[0, 0, i] != theirs[0, 0, i]).any() for i in range(7)) == 1
        ours = first(output(native(framework, "repeated_own", last(x)), last(x)))
        assert (torch == ours).all()


def test_lrn(native):
    """torch divides alpha by the size; the paper does not."""
    x = normal(2, 7, 3, 4)
    ours = first(output(native("keras", "lrn", last(x)), last(x)))
    assert error(output(native("pytorch", "lrn", x), x), ours) > 0.01
    assert error(output(native("pytorch", "lrn_times_size", x), x), ours) < 1e-12


def test_flatten(native):
    x = normal(2, 3, 4, 5)
    torch = output(native("pytorch", "flatten", x), x)
    assert error(torch, output(native("keras", "flatten", last(x)), last(x))) > 0.1
    assert error(torch, output(native("keras", "flatten_own", last(x)), last(x))) == 0


def test_lazy(native):
    x = normal(1, 2)
    assert (output(native("keras", "lazy", x), x) == 0).all()
    assert (output(native("keras", "lazy_own", x), x) == 2).all()


def test_rngs(native):
    with pytest.raises(WorkerRaised, match="rngs"):
        native("jax", "without_rngs", normal(1, 2))


def test_keras_float64(native):
    x = normal(4, 1000)
    own = output(native("keras[jax]", "mean_own_table", x), x)
    assert 1e-10 < error(own, x.mean(-1)) < 1e-5
    assert error(output(native("keras[jax]", "mean", x), x), x.mean(-1)) < 1e-12


def test_keras_segments(within):
    source = """
    import numpy as np
    from keras import ops
    from keras_impl.layers import segment_sum

    def shown():
        x = np.random.default_rng(0).standard_normal((6, 3))
        segments = np.array([3, 0, 3, 3, 1, 0])
        wanted = np.zeros((5, 3))
        np.add.at(wanted, segments, x)
        given = ops.array(x, "float64"), ops.array(segments), 5
        theirs, ours = (np.array(f(*given)) for f in (ops.segment_sum, segment_sum))
        assert 1e-10 < abs(theirs - wanted).max() < 1e-6
        assert abs(ours - wanted).max() < 1e-14
    """
    within("keras[torch]", source, "shown")


def test_keras_sparse(native):
    x = normal(1, 2)
    with pytest.raises(WorkerRaised, match="IndexedSlices"):
        native("keras", "sparse", x)
    assert (output(native("keras", "sparse_own", x), x) == 2 * 2 * 3).all()


def test_keras_sparse_is_clipped_as_the_sum_of_its_rows(within):
    source = """
    import keras, numpy as np, tensorflow as tf
    from keras_impl import optimizers as own

    DENSE = np.array([[0, 0], [4, 6], [0, 0], [5, 0]], float)

    def after(optimizer):
        table = keras.Variable(np.zeros((4, 2)), dtype="float64")
        with tf.GradientTape() as tape:
            rows = tf.gather(table.value, [1, 1, 3])
            loss = tf.reduce_sum(rows * [[3, 0], [1, 6], [5, 0]])
        gradient = tape.gradient(loss, table.value)
        assert isinstance(gradient, tf.IndexedSlices)
        optimizer.apply([gradient], [table])
        return -np.array(table)

    def shown():
        for option in ({"global_clipnorm": 1.0}, {"clipnorm": 1.0}):
            wanted = DENSE / np.linalg.norm(DENSE)
            found = after(own.SGD(1.0, **option))
            assert abs(found - wanted).max() < 1e-15
        assert abs(after(own.SGD(1.0, clipvalue=3.5)) - DENSE.clip(max=3.5)).max() == 0
        theirs = after(keras.optimizers.SGD(1.0, global_clipnorm=1.0))
        rows_apart = np.linalg.norm([[3, 0], [1, 6], [5, 0]])
        assert abs(theirs - DENSE / rows_apart).max() < 1e-6
    """
    within("keras", source, "shown")


def test_randomness(workers):
    spec = variant("mlp_tiny_tanh").spec
    found = {}
    for framework in ("pytorch", "jax"):
        model = workers.get(framework, "float64").build(spec)
        model.fill(0)
        x = request(spec, 4, training=True).inputs
        found[framework] = [
            model.run(Request(x, True, seed)).outputs[0] for seed in (0, 1)
        ]
    assert error(found["pytorch"][0], found["jax"][0]) < 1e-12
    assert error(found["pytorch"][0], found["pytorch"][1]) > 0.01


def test_float32_functions(native):
    """In units in the last place."""
    x = normal(200_000).astype(np.float32)
    exact = np.tanh(x.astype(np.float64))
    unit = np.spacing(np.abs(exact).astype(np.float32))
    off = {
        f: (
            np.abs(output(native(f, "tanh", x, dtype="float32"), x) - exact) / unit
        ).max()
        for f in ("pytorch", "keras")
    }
    assert off["pytorch"] < 1 < 2 < off["keras"] < 8


def test_long_sums(native):
    """Of positive values, the share that is lost."""
    x = np.square(normal(8, 112, 112, 16)).astype(np.float32)
    exact = x.astype(np.float64).mean((0, 1, 2))
    theirs, ours = (
        np.abs(output(native("keras", name, x, dtype="float32"), x) / exact - 1).max()
        for name in ("long_sums", "long_sums_own")
    )
    assert ours < 5e-7 < 1e-6 < theirs


def test_keras_schedules(within):
    source = """
    from keras import ops
    from keras.optimizers import schedules as theirs
    from keras_impl import schedules as own

    def shown():
        pairs = [
            (theirs.CosineDecay(1.0, 90), own.Cosine(steps=90)),
            (theirs.ExponentialDecay(1.0, 1, 0.97), own.Exponential(gamma=0.97)),
        ]
        for one, other in pairs:
            off = [abs(float(one(t)) - float(other(t))) for t in range(80)]
            assert 1e-10 < max(off) < 1e-6
    """
    within("keras", source, "shown")


def test_int_division(within):
    source = """
    import jax.numpy as jnp

    def shown():
        assert (jnp.int32(1) / jnp.int32(3)).dtype == jnp.float32
        assert 1e-9 < abs(float(jnp.int32(1) / jnp.int32(3)) - 1 / 3) < 1e-7
    """
    within("jax", source, "shown")


def test_one_cycle(within):
    source = """
    import torch
    from pytorch_impl.schedules import OneCycle

    def rates(**settings):
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
        of = torch.optim.lr_scheduler.OneCycleLR(sgd, 1.0, 101, **settings)
        found = []
        for _ in range(101):
            found.append(sgd.param_groups[0]["lr"])
            sgd.step()
            of.step() if len(found) < 101 else None
        return found

    def off(**settings):
        own = OneCycle(steps=100, leg=40, start=0.1, final=0.01)
        return max(abs(own(t) - rate) for t, rate in enumerate(rates(**settings)))

    def shown():
        ends = {"div_factor": 10, "final_div_factor": 10, "pct_start": 41 / 101}
        assert off(**ends) > 0.1
        assert off(**ends, three_phase=True, anneal_strategy="linear") < 1e-12
    """
    within("pytorch", source, "shown")


def test_plateau(within):
    """How many observations after the best lower the rate, with a patience of 3."""
    torch = """
    import torch

    def shown():
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, patience=3)
        rates = []
        for _ in range(5):
            plateau.step(1.0)
            rates.append(sgd.param_groups[0]["lr"])
        assert rates == [1, 1, 1, 1, 0.1]
    """
    keras = """
    import keras

    def shown():
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1.0), "mse")
        plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=3)
        plateau.set_model(model)
        plateau.on_train_begin()
        rates = []
        for epoch in range(5):
            plateau.on_epoch_end(epoch, {"loss": 1.0})
            rates.append(round(float(model.optimizer.learning_rate), 6))
        assert rates == [1, 1, 1, 0.1, 0.1]
    """
    flax = """
    import jax.numpy as jnp
    import optax

    def shown():
        plateau = optax.contrib.reduce_on_plateau(patience=3)
        state = plateau.init(jnp.ones(()))
        rates = []
        for _ in range(5):
            rate, state = plateau.update(jnp.ones(()), state, value=1.0)
            rates.append(round(float(rate), 6))
        assert rates == [1, 1, 1, 0.1, 0.1]
    """
    for framework, source in (("pytorch", torch), ("keras", keras), ("jax", flax)):
        within(framework, source, "shown")


def test_abs_gradient(within):
    torch = """
    import torch

    def shown():
        with torch.enable_grad():
            x = torch.zeros(1, requires_grad=True)
            x.abs().sum().backward()
        assert x.grad == 0
    """
    flax = """
    import jax
    import jax.numpy as jnp
    from jax_impl import losses as own

    def shown():
        assert jax.grad(jnp.abs)(0.0) == 1
        assert jax.grad(own.mae())(jnp.zeros(1), jnp.zeros(1)) == 0
    """
    within("pytorch", torch, "shown")
    within("jax", flax, "shown")


def test_triplet_eps_and_cosine_eps(within):
    source = """
    import torch
    import torch.nn.functional as F
    from pytorch_impl import losses as own

    def shown():
        torch.manual_seed(0)
        a, p, n = torch.randn(3, 6, 5)
        theirs = F.triplet_margin_loss(a, p, n, margin=5.0)
        ours = own.Triplet(margin=5.0, squared=False)(a, p, n)
        assert 1e-10 < abs(theirs - ours) < 1e-5
        short, one = 1e-6 * torch.eye(2)[:1], torch.ones(1)
        assert abs(F.cosine_embedding_loss(short, short, one) - 0.5) < 1e-6
        assert abs(own.CosineEmbedding()(short, short, one)) < 1e-12
    """
    within("pytorch", source, "shown")


def test_unit_eps(within):
    torch, keras = (
        f"""
    import numpy as np
    from {package}_impl.layers import unit
    {imports}

    def shown():
        short = {tensor}(np.array([[1e-13, 0.0], [3e-13, 4e-13]]))
        theirs, ours = (np.array(f(short)) for f in ({theirs}, unit))
        assert np.allclose(theirs, np.array([[1, 0], [3, 4]]) * {length}, atol=0)
        assert np.allclose(ours, [[1, 0], [0.6, 0.8]], rtol=1e-12, atol=0)
    """
        for package, imports, tensor, theirs, length in (
            (
                "pytorch",
                "import torch",
                "torch.tensor",
                "torch.nn.functional.normalize",
                0.1,
            ),
            ("keras", "from keras import ops", "ops.array", "ops.normalize", 1e-6),
        )
    )
    within("pytorch", torch, "shown")
    within("keras", keras, "shown")


def test_focal_power(within):
    source = """
    import jax
    import jax.numpy as jnp
    from jax_impl import losses as own

    def shown():
        z, one = jnp.array(1e3), jnp.ones(())


        def power(z):
            return (1 - jax.nn.sigmoid(z)) ** 0.5 * jax.nn.softplus(-z)

        assert jnp.isnan(jax.grad(power)(z))
        assert jax.grad(own.focal(gamma=0.5))(z, one) == 0
    """
    within("jax", source, "shown")


def test_keras_decay(workers):
    """Its Adam with decay is AdamW."""
    given = streams.dense(AdamW(weight_decay=0.1, eps=0.0), updates=10)
    decayed = Builtin(
        "Adam", {"learning_rate": 1e-3, "weight_decay": 0.1, "epsilon": 0.0}
    )
    found = workers.get("keras[jax]", "float64").optimize(
        replace(given, optimizer=decayed)
    )
    assert max(streams.errors(given, found)) < 1e-12
    coupled = replace(given, optimizer=Adam(weight_decay=0.1, eps=0.0))
    assert max(streams.errors(coupled, found)) > 1e-4


def test_keras_accumulation(ask):
    """At the second update, of sets three and four, its schedule is at 3."""
    assert ask("keras", "rates") == [3, 1]


def test_keras_ema(ask):
    """From 1, one update to 0 with decay 3/4: it has 0, the definition 3/4."""
    assert ask("keras", "averages") == [0.0, 0.75]


def test_clip_norm(ask):
    """A norm of 5e-3 to 1e-3."""
    theirs, ours = ask("pytorch", "norms")
    assert 1e-4 < 1 - theirs < 3e-4
    assert abs(1 - ours) < 1e-15


def test_multi_steps(ask):
    off = ask("jax", "sums")
    assert off[0] > 1e-10
    assert off[1] < 1e-15


def test_optax_adds(workers):
    """Of the second of two updates of 1e-14 that climb by 0.05."""
    tiny = {"w": np.array([1e-12, 1e-12])}
    start = {"w": np.zeros(2)}
    given = Stream(SAM(momentum=0.0), start, (tiny, tiny))
    off = {
        f: max(streams.errors(given, workers.get(f, "float64").optimize(given)))
        for f in NATIVE
    }
    assert off["pytorch"] <= 1e-15
    assert off["keras"] <= 1e-15
    assert 1e-6 < off["jax"] < 1e-3


def test_ctc_float32(within):
    keras = """
    import numpy as np
    from keras import ops
    from keras_impl import losses as own

    def shown():
        z = np.random.default_rng(0).standard_normal((3, 8, 5))
        labels, steps, lengths = [[1, 2]] * 3, [8] * 3, [2] * 3
        wanted = [np.array(a) for a in (labels, steps, lengths)]
        theirs = ops.ctc_loss(wanted[0], z, wanted[2], wanted[1])
        theirs = ops.convert_to_numpy(theirs).astype(float).mean()
        ours = own.CTC().call(wanted, ops.convert_to_tensor(z))
        assert 1e-10 < abs(theirs - float(ours)) < 1e-5
    """
    flax = """
    import jax.numpy as jnp
    import optax

    def shown():
        z, labels = jnp.zeros((1, 2, 3)), jnp.array([[1, 1]])
        theirs = optax.ctc_loss(z, jnp.zeros((1, 2)), labels, jnp.zeros((1, 2)))
        assert 9e4 < theirs[0] < 1.1e5
    """
    within("keras", keras, "shown")
    within("jax", flax, "shown")


def test_sync_bn(within):
    torch = """
    import pytest
    import torch
    import torch.distributed as dist

    def shown():
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        try:
            layer = torch.nn.SyncBatchNorm(2)
            with pytest.raises(ValueError, match="to be on"):
                layer(torch.ones(3, 2, dtype=torch.float32))
        finally:
            dist.destroy_process_group()
    """
    within("pytorch", torch, "shown")


def test_sync_variance(within):
    keras = """
    import numpy as np
    from keras import ops

    def shown():
        x = np.random.default_rng(0).standard_normal((1000, 3)) + 100
        exact = x.astype("float32").astype("float64").var(0)
        for shared, low, high in ((False, 0, 1e-5), (True, 1e-4, 1)):
            found = ops.moments(ops.array(x, "float32"), [0], synchronized=shared)[1]
            off = np.abs(ops.convert_to_numpy(found) / exact - 1).max()
            assert low <= off < high, (shared, off)
    """
    within("keras", keras, "shown")


REPLICAS = """
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_impl import distributed

def strategy():
    return tf.distribute.get_strategy()

def updated(ours):
    x = keras.Variable(0.0, dtype="float64")
    optimizer = keras.optimizers.SGD(1.0, clipnorm=1.0)
    optimizer.build([x])
    if ours:
        distributed.replicated(optimizer)
    g = tf.constant(10.0, "float64")
    strategy().run(tf.function(lambda: optimizer.apply([g], [x])))
    return float(x.numpy())

def model():
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made

def predicted():
    return model().predict_on_batch(np.ones((2, 2), "float64")).shape[0]

def fitted(quiet):
    own = model()
    if quiet:
        own._maybe_symbolic_build = lambda **_: None
    x, y = np.ones((2, 2)), np.ones((2, 1))
    made = tf.data.Dataset.from_tensors((x, y)).repeat()
    fed = strategy().distribute_datasets_from_function(lambda _: made)
    try:
        own.fit(fed, steps_per_epoch=1, verbose=0)
    except ValueError as error:
        return str(error)
    return ""

def gathered(dtype):
    value = np.ones((1, 3), dtype)
    try:
        strategy().gather(strategy().run(lambda: tf.constant(value)), 0)
    except Exception as error:
        return type(error).__name__
    return ""
"""


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    """Asks each of two processes of Keras, which train together."""
    folder = tmp_path_factory.mktemp("replicas")
    (folder / "replicas.py").write_text(REPLICAS)
    with Team("keras", "float64", 2, timeout=120) as team:

        def ask(name, *arguments):
            found = team.each(
                lambda w: w.ask(f"replicas:{name}", *arguments, paths=(str(folder),))
            )
            assert found[0] == found[1]
            return found[0]

        yield ask


@pytest.mark.thorough
def test_replica_clip(replicas):
    """Of two gradients of 10: each clipped to 1, or their sum."""
    assert replicas("updated", False) == -2.0
    assert replicas("updated", True) == -1.0


def test_replica_build_and_replica_metrics(replicas):
    assert "PerReplica" in replicas("fitted", False)
    assert "Invalid reduction dimension 0" in replicas("fitted", True)


def test_replica_predict(replicas):
    assert replicas("predicted") == 4


def test_gather_types(replicas):
    assert replicas("gathered", "int32") == ""
    assert replicas("gathered", "uint8") != ""


WAITING = """
    def on(port):
        lines = [line.split() for table in ("tcp", "tcp6")
                 for line in open(f"/proc/self/net/{table}").read().splitlines()[1:]]
        end = f":{port:04X}"
        return [set(l[1].removesuffix(end)) for l in lines
                if l[3] == "0A" and l[1].endswith(end)]
"""
LISTENING = {
    "pytorch": """
    from torch.distributed import TCPStore

    def shown():
        store = TCPStore("127.0.0.1", 0, 1, True)
        assert on(store.port) == [{"0"}]
    """,
    "keras": """
    import tensorflow as tf
    from keras_impl import listening

    def started():
        server = tf.distribute.Server.create_local_server()
        return server, int(server.target.rpartition(":")[2])

    def shown():
        kept, port = started()
        assert on(port) == [{"0"}]
        with listening._led_here():
            kept, port = started()
        (address,) = on(port)
        assert address == set("0000000000000000FFFF00000100007F")
    """,
}


@pytest.mark.parametrize("framework", LISTENING)
def test_listening(framework, within):
    """On 0.0.0.0 or ::, where nothing else was asked for."""
    within(framework, WAITING + LISTENING[framework], "shown")


HIGHEST = """
    import importlib
    import numpy as np

    def torch():
        torch = importlib.import_module("torch")
        equal = torch.zeros(50)
        assert equal.topk(2).indices.tolist() != [0, 1]
        many = torch.zeros(5000)
        first = torch.arange(5000)
        assert not torch.equal(many.argsort(descending=True), first)
        assert torch.equal(many.argsort(dim=-1, descending=True, stable=True), first)
        assert equal.argmax() == 0

    def keras():
        ops = importlib.import_module("keras").ops
        found = ops.convert_to_numpy(ops.top_k(ops.zeros(50), 2)[1]).tolist()
        torch = importlib.import_module("keras").backend.backend() == "torch"
        assert (found == [0, 1]) != torch
        order = ops.convert_to_numpy(ops.argsort(-ops.zeros(5000), -1))
        assert (order == np.arange(5000)).all()
        assert int(ops.argmax(ops.zeros(50), -1)) == 0

    def jax():
        jnp = importlib.import_module("jax.numpy")
        lax = importlib.import_module("jax.lax")
        assert lax.top_k(jnp.zeros(50), 2)[1].tolist() == [0, 1]
        order = jnp.zeros(5000).argsort(stable=True, descending=True)
        assert (order == jnp.arange(5000)).all()
        assert jnp.zeros(50).argmax() == 0
"""


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_equal_values(within, framework):
    within(framework, HIGHEST, framework.partition("[")[0].replace("pytorch", "torch"))


def test_running_sums(within):
    source = """
    import jax.numpy as jnp
    import numpy as np

    def shown():
        p = np.random.default_rng(0).dirichlet(np.ones(1000))
        found = np.asarray(jnp.cumsum(jnp.asarray(p)))
        assert 0 < np.abs(found - p.cumsum()).max() < 1e-14
    """
    within("jax", source, "shown")


def test_empty_scan(within):
    source = """
    import keras
    import pytest
    from keras import ops

    def step(before, x):
        return before + x, before + x

    def shown():
        scan = lambda: ops.scan(step, ops.zeros(3), ops.zeros((0, 3)))[1]
        if keras.backend.backend() == "torch":
            with pytest.raises(ValueError, match="at least one"):
                scan()
        else:
            assert tuple(scan().shape) == (0, 3)
    """
    for framework in ("keras", "keras[jax]", "keras[torch]"):
        within(framework, source, "shown")


def test_the_page_lists_what_the_code_says_and_what_is_shown_here():
    said = {
        tag
        for package in ("pytorch_impl", "keras_impl", "jax_impl")
        for path in (ROOT / package).rglob("*.py")
        for tag in re.findall(r"DIFF\(([\w-]+)\)", path.read_text())
    }
    listed = set(re.findall(r"^## `([\w-]+)`", PAGE.read_text(), re.MULTILINE))
    assert said <= listed
    here = " ".join(name for name in globals() if name.startswith("test_"))
    assert [tag for tag in listed if tag.replace("-", "_") not in here] == []
