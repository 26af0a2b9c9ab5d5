"""Silero VAD with its own weights: what the package's ONNX graph says of a buzz and
noise, in one call and in pieces."""

import os
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.tests.test_pretrained import needs
from shared.catalog import variant
from shared.data.audio import spoken
from shared.data.files import VARIABLE
from shared.errors import UsageError
from shared.files import checkpoints, pretrained, weights
from shared.frameworks import NATIVE
from shared.messages import Request

SPEC = variant("silero_vad").spec
SAMPLES, CONTEXT, RATE = 512, 64, 16_000
# Of silero_vad_16k_op15.onnx (silero-vad 6.2.3, ONNX Runtime, float32) with the weights
# of silero_vad_16k.safetensors in the place of its own, which are of another training;
# frame by frame for `buzz_then_noise`, its state handed on.
ONNX = (
    *(0.79486656, 0.84105885, 0.81530571, 0.73819065),
    *(0.67100978, 0.91852868, 0.97286856, 0.91687000),
)


def buzz_then_noise():
    """Harmonics of 120 Hz about 700 Hz, five frames long, then noise."""
    t = np.arange(SAMPLES * 8) / RATE
    parts = (
        np.sin(2 * np.pi * 120 * k * t) * np.exp(-(((120 * k - 700) / 400) ** 2))
        for k in range(1, 30)
    )
    buzz = 0.2 * sum(parts)[: SAMPLES * 5]
    noise = 0.01 * np.random.default_rng(0).standard_normal(SAMPLES * 3)
    return np.concatenate([buzz, noise]).astype(np.float32)


def framed(wave):
    """[1, frames, 576]: each with the samples before it in front."""
    frames = wave[: len(wave) // SAMPLES * SAMPLES].reshape(-1, SAMPLES)
    before = np.concatenate([np.zeros((1, CONTEXT)), frames[:-1, -CONTEXT:]])
    return np.concatenate([before, frames], 1)[None]


@pytest.fixture(params=NATIVE)
def speech(request, workers):
    """Tells the probabilities of frames, and the state after."""
    needs("silero_vad")
    state, _ = weights.read(pretrained.fetched("silero_vad")["weights"])
    own = checkpoints.from_public("silero_vad", "silero", state)
    model = workers.get(request.param, "float64").build(SPEC, "silero_vad")
    model.load({name: value.astype("float64") for name, value in own.items()})
    rest = np.zeros((1, SPEC.hidden))

    def ask(frames, state=(rest, rest)):
        found = model.run(Request((frames, *state), program="speech")).outputs
        return found[0][0], found[1:]

    yield ask
    model.drop()


def test_is_the_onnx_form(speech):
    """To what float32 gives there."""
    found, _ = speech(framed(buzz_then_noise()).astype("float64"))
    np.testing.assert_allclose(found, ONNX, rtol=0, atol=2e-6)


def test_a_recording_can_be_read_in_pieces(speech):
    frames = framed(buzz_then_noise()).astype("float64")
    whole, _ = speech(frames)
    first, state = speech(frames[:, :3])
    rest, _ = speech(frames[:, 3:], state)
    np.testing.assert_allclose(np.concatenate([first, rest]), whole, atol=1e-12)


def test_tells_speech_from_noise(speech):
    """Of spoken digits that there are, at twice their rate."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"set ${VARIABLE} to the folder that holds fsdd")
    one = next(iter(spoken()))
    n = len(one.samples)
    wave = np.interp(np.arange(2 * n) / 2, np.arange(n), one.samples)
    noise = 0.05 * np.random.default_rng(1).standard_normal(len(wave))
    of_wave, of_noise = (speech(framed(x))[0] for x in (wave, noise))
    assert of_wave.max() > 0.9
    assert of_noise.max() < 0.5


def test_names_come_back():
    own = {name: np.ones(1) for name in ("stft.weight", "convs.2.bias", "out.bias")}
    own |= {"lstm.weight_ih_l0": np.ones(1), "out.weight": np.ones((1, 2))}
    public = checkpoints.to_public("silero_vad", "silero", own)
    assert {"conv3.bias", "final_conv.weight", "lstm_cell.weight_ih"} < public.keys()
    assert public["final_conv.weight"].shape == (1, 2, 1)
    assert checkpoints.from_public("silero_vad", "silero", public).keys() == own.keys()


def test_frames_that_leave_more_than_a_step_are_refused():
    with pytest.raises(UsageError, match="such that 1 step of a frame is left, not 2"):
        replace(SPEC, strides=(1, 2, 1, 1))
    with pytest.raises(UsageError, match="an even number"):
        replace(SPEC, window=255)
    with pytest.raises(UsageError, match=r"fewer than samples \(576\)"):
        replace(SPEC, reflected=576)
