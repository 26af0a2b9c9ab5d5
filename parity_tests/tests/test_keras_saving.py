"""Keras's own files: a model, its layers and its optimizer are written by Keras and
read by a process that knows `keras_impl` alone; and what a layer says of itself."""

import json
import os
import subprocess
import sys

import pytest

from shared.catalog import VARIANTS, family_of
from shared.frameworks import ROOT

# One tiny variant of every family.
MODELS = {family_of(v.spec): name for name, v in VARIANTS.items() if v.tiny}

WRITE = """
import sys, json, pathlib
import keras, numpy as np
from keras import ops
import keras_impl
from keras_impl.losses import CrossEntropy
from keras_impl.optimizers import AdamW
from keras_impl.schedules import Cosine, Scheduled
from shared.catalog import variant

folder, *names = sys.argv[1:]
for name in names:
    model, spec = keras_impl.build(name), variant(name).spec
    keras.saving.save_model(model, f"{folder}/{name}.keras")
    inputs = spec.examples(3, 0)
    moved = [np.moveaxis(x, 1, -1) if t.channels_first else x
             for x, t in zip(inputs, spec.inputs())]
    outputs = model(*moved, training=False)
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    given = {f"in{i}": x for i, x in enumerate(moved)}
    given |= {f"out{i}": ops.convert_to_numpy(y) for i, y in enumerate(outputs)}
    np.savez(f"{folder}/{name}.npz", **given)

x, y = np.ones((4, 8, 8, 3), "float32"), np.arange(4) % 2
keras.utils.set_random_seed(0)
net = keras.Sequential([
    keras.layers.Flatten(), keras.layers.Dense(2),
])
rate = Scheduled(0.1, Cosine(steps=9))
net.compile(AdamW(rate, beta1=0.8, clipnorm=1.0), CrossEntropy())
net.fit(x, y, epochs=2, verbose=0)
keras.saving.save_model(net, f"{folder}/trained.keras")
print(json.dumps(net.evaluate(x, y, verbose=0)))
"""
READ = """
import sys, json
import keras_impl
import keras, numpy as np
from keras import ops

folder, *names = sys.argv[1:]
found = {}
for name in names:
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    held = np.load(f"{folder}/{name}.npz")
    inputs = [held[k] for k in held if k.startswith("in")]
    outputs = model(*inputs, training=False)
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    found[name] = [type(model).__module__, max(
        float(np.abs(ops.convert_to_numpy(y) - held[f"out{i}"]).max())
        for i, y in enumerate(outputs)
    )]
net = keras.saving.load_model(f"{folder}/trained.keras")
x, y = np.ones((4, 8, 8, 3), "float32"), np.arange(4) % 2
told = net.evaluate(x, y, verbose=0)
own = net.optimizer
print(json.dumps({
    "models": found,
    "loss": told,
    "optimizer": [type(own).__module__, own.beta1, own.clipnorm, int(own.iterations)],
    "kept": float(ops.max(ops.abs(own.kept_m[0]))),
    "rate": float(own.learning_rate),
}))
"""


def python(code: str, *arguments: object) -> str:
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


FEW = ("mlp", "resnet", "gpt", "vae")


def written_and_read(folder, models):
    """The loss before the files were written, and what the reader found."""
    loss = json.loads(python(WRITE, folder, *models))
    return loss, json.loads(python(READ, folder, *models))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    few = [MODELS[family] for family in FEW]
    return written_and_read(tmp_path_factory.mktemp("keras"), few)


@pytest.fixture(scope="module")
def all_told(tmp_path_factory):
    others = [name for family, name in MODELS.items() if family not in FEW]
    return written_and_read(tmp_path_factory.mktemp("keras"), others)


@pytest.mark.parametrize("family", FEW)
def test_a_model_is_read_by_who_knows_keras_impl_alone(told, family):
    module, error = told[1]["models"][MODELS[family]]
    assert module.startswith("keras_impl.models.")
    assert error == 0.0


@pytest.mark.thorough
@pytest.mark.parametrize("family", [f for f in MODELS if f not in FEW])
def test_every_model_is_read(all_told, family):
    module, error = all_told[1]["models"][MODELS[family]]
    assert module.startswith("keras_impl.models.")
    assert error == 0.0


def test_a_trained_model_goes_on_with_its_loss_and_optimizer(told):
    loss, found = told
    assert found["loss"] == pytest.approx(loss, rel=1e-6)
    module, *settings = found["optimizer"]
    assert module == "keras_impl.optimizers.adamw"
    assert settings == [0.8, 1.0, 2]
    assert found["kept"] > 0
    assert 0 < found["rate"] < 0.1


LAYERS = """
import json
import keras, numpy as np
from keras import ops
from keras_impl import layers
from shared.specs.base import (
    Conv1dSpec, ConvSpec, ConvTransposeSpec, Pool, SqueezeSpec
)
from shared.specs.sequence.recurrent import StackSpec

x, named = np.ones((2, 7, 9, 4), "float32"), {"name": "own", "dtype": "float16"}
sequence, flat = np.ones((2, 7, 4), "float32"), np.ones((2, 4), "float32")
conv = ConvSpec(4, 6, (3, 5), 2, ((0, 1), (2, 2)), groups=2, bias=False)
made = [
    (layers.Conv2D, (conv,), x),
    (layers.Conv2D, (ConvSpec.padded(4, 4, 3),), x),
    (layers.Conv1D, (Conv1dSpec(4, 5, 3, 2, (2, 1)),), sequence),
    (layers.Conv2DTranspose, (ConvTransposeSpec(4, 3, 4, 2, 1),), x),
    (layers.Conv2DTranspose, (ConvTransposeSpec(4, 3, 3, 2, 1, 1),), x),
    (layers.BatchNormalization, (4, 1e-3, 0.8), x),
    (layers.LayerNormalization, (4, 1e-3), x),
    (layers.Dense, (4, 3, False), flat),
    (layers.Embedding, (5, 3), np.ones((2, 7), "int32")),
    (layers.MaxPooling2D, (Pool(3, 2, 1),), x),
    (layers.Activation, ("hard_swish",), x),
    (layers.SqueezeExcitation, (SqueezeSpec(4, 2, "relu", "sigmoid"),), x),
    (layers.Attention, (0.0, True), (sequence,) * 3),
    (layers.Recurrent, (StackSpec(4, 3, 2, True, 0.0),), sequence),
    (layers.Dropout, (0.5,), x),
    (layers.MapDropout, (0.5,), x),
    (layers.DropPath, (0.5,), x),
]
found = []
for kind, arguments, given in made:
    first = kind(*arguments, **named)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(first)))
    second = keras.saving.deserialize_keras_object(config)
    again = json.loads(json.dumps(keras.saving.serialize_keras_object(second)))
    given = given if isinstance(given, tuple) else (given,)
    second.set_weights(first.get_weights())
    outputs = [ops.convert_to_numpy(keras.tree.flatten(layer(*given))[0])
               for layer in (first, second)]
    symbols = [keras.Input(batch_shape=g.shape, dtype=str(g.dtype)) for g in given]
    told = keras.tree.flatten(second(*symbols))[0]
    found.append([
        kind.__name__, config == again, second.name, second.dtype_policy.name,
        bool((outputs[0] == outputs[1]).all()),
        list(told.shape) == list(outputs[0].shape),
    ])
print(json.dumps(found))
"""


def test_a_layer_takes_name_and_dtype_and_is_made_again_from_its_configuration():
    spec = (
        "StackSpec(input_size=4, hidden=3, layers=2, bidirectional=True, dropout=0.0)"
    )
    found = json.loads(python(LAYERS.replace("SPEC,", f"{spec},")))
    assert len(found) == 17
    for kind, same, name, dtype, equal, shaped in found:
        assert (same, name, dtype, equal) == (True, "own", "float16", True), kind
        assert shaped, kind


SUMMARY = """
import json
import keras_impl
lines = []
keras_impl.build("resnet_tiny").summary(print_fn=lines.append, line_length=120)
print(json.dumps("".join(lines)))
"""


def test_the_summary_has_the_tree_by_the_names_of_the_weights():
    text = json.loads(python(SUMMARY))
    rows = [line.split("│")[1].strip() for line in text.splitlines() if "│" in line]
    assert rows[:4] == [
        "conv1 (Conv2D)",
        "bn1 (BatchNormalization)",
        "layer1.0 (BasicBlock)",
        "└ conv1 (Conv2D)",
    ]
    assert "└ downsample (Sequential)" in rows
    assert rows[-1] == "fc (Dense)"
    assert "Total params: 11,853" in text
