"""WAV files as others write them, spectrograms as scipy and a formula have them."""

import io
import math
import os
import wave
import zipfile

import numpy as np
import pytest
from scipy import signal
from scipy.io import wavfile

from shared.data import audio
from shared.data.audio import LogMel
from shared.errors import UsageError
from shared.specs.classic.mlp import MEL_BANDS, MEL_FRAMES

needs_files = pytest.mark.skipif(
    not os.environ.get("TRIPTYCH_DATA"),
    reason="set $TRIPTYCH_DATA to the folder of data files",
)
DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["uint8", "int16", "int32"])
def test_a_file_that_scipy_wrote(kind, channels, tmp_path):
    info, path = np.iinfo(kind), tmp_path / "x.wav"
    samples = DRAW.integers(info.min, info.max, (37, channels), kind, endpoint=True)
    samples[0], samples[1] = info.min, info.max
    wavfile.write(path, 11_025, samples)
    found, rate = audio.read_wav(path)
    middle, half = (128, 128) if kind == "uint8" else (0, -float(info.min))
    expected = (samples.T.astype(float) - middle) / half
    assert (rate, found.dtype, found.flags.c_contiguous) == (11_025, np.float32, True)
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert found.min() == -1


def test_three_bytes_a_sample(tmp_path):
    values = [-(2**23), -1, 0, 1, 300, -70_000, 2**23 - 1]
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(8_000)
        file.writeframes(b"".join(v.to_bytes(3, "little", signed=True) for v in values))
    found, _ = audio.read_wav(tmp_path / "x.wav")
    np.testing.assert_array_equal(found[0], np.float32(values) / 2**23)


def test_what_is_no_wav_file_is_named(tmp_path):
    path = tmp_path / "x.wav"
    wavfile.write(path, 8_000, np.zeros(100, np.int16))
    whole = path.read_bytes()
    for content in (b"", b"no sound at all", whole[:20], b"RIFX" + whole[4:]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"x\.wav: not a WAV file"):
            audio.read_wav(path)
    path.write_bytes(whole[:-50])
    with pytest.raises(UsageError, match="its header says 100 times 1 times 2"):
        audio.read_wav(path)
    wavfile.write(path, 8_000, np.zeros(9, np.float32))
    with pytest.raises(UsageError, match="unknown format: 3"):
        audio.read_wav(path)
    with pytest.raises(UsageError, match=r"gone\.wav: cannot be read \(No such file"):
        audio.read_wav(tmp_path / "gone.wav")


@pytest.mark.parametrize(
    "mel",
    [
        LogMel(),
        LogMel(rate=16_000, window=400, hop=170, transform=400, bands=23, low=20.0),
        LogMel(window=128, hop=128, transform=300, bands=9, low=100.0, high=3_000.0),
    ],
)
def test_energies_are_scipys(mel):
    """Its spectrogram, and the triangles band by band from the formula."""
    x = DRAW.standard_normal((2, 3_001))
    _, _, energy = signal.spectrogram(
        x,
        window=signal.get_window("hann", mel.window),
        noverlap=mel.window - mel.hop,
        nfft=mel.transform,
        detrend=False,
        scaling="spectrum",
        mode="psd",
    )
    window = signal.get_window("hann", mel.window)
    energy = energy * window.sum() ** 2 / 2  # one-sided: all but the ends count twice
    energy[:, 0] *= 2
    if mel.transform % 2 == 0:
        energy[:, -1] *= 2
    expected = np.empty((2, mel.bands, mel.frames(3_001)))
    low, high = (1127 * math.log(1 + f / 700) for f in (mel.low, mel.top))
    step = (high - low) / (mel.bands + 1)
    for band in range(mel.bands):
        corners = [
            700 * (math.exp((low + step * (band + i)) / 1127) - 1) for i in range(3)
        ]
        weights = np.interp(
            np.arange(energy.shape[1]) * mel.rate / mel.transform, corners, [0, 1, 0]
        )
        expected[:, band] = np.log(np.maximum(weights @ energy, mel.floor))
    found = mel(x)
    assert (found.dtype, found.shape) == (np.float32, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_filters_are_the_formulas():
    """Steps of the logarithm are factors of 1 + f / 700, whatever its base."""
    mel = LogMel(bands=5, transform=512, low=50.0, high=3_500.0)
    corners = [
        700 * ((1 + 50 / 700) ** (1 - i / 6) * (1 + 3_500 / 700) ** (i / 6) - 1)
        for i in range(7)
    ]
    f = np.arange(257) * 8_000 / 512
    for band, row in enumerate(mel.filters):
        expected = np.interp(f, corners[band : band + 3], [0, 1, 0])
        np.testing.assert_allclose(row, expected, atol=1e-12)


def test_a_tone_is_in_its_band():
    mel = LogMel()
    t = np.arange(8_000) / 8_000
    for band in (3, 17, 36):
        middle = mel.filters[band].argmax() * mel.rate / mel.transform
        found = mel(np.sin(2 * np.pi * middle * t)).mean(1)
        assert abs(int(found.argmax()) - band) <= 1


def test_silence_is_the_floor():
    assert (LogMel()(np.zeros(300)) == np.float32(np.log(1e-10))).all()


def test_a_second_has_as_many_numbers_as_the_mlp_reads():
    mel = LogMel()
    assert mel(np.zeros(8_000)).shape == (MEL_BANDS, MEL_FRAMES)
    assert mel.frames(8_000) == MEL_FRAMES


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transform": 199}, "at least the window, 200"),
        ({"high": 4_001.0}, "above low, up to 4000"),
        ({"low": 4_000.0}, "above low, up to 4000"),
        ({"low": 300.0, "high": 200.0}, "above low"),
        ({"floor": 0.0}, "a number above 0"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        LogMel(**changes)


def test_a_sound_that_is_too_short_is_told():
    with pytest.raises(UsageError, match="199 samples, fewer than the window of 200"):
        LogMel()(np.zeros(199))


def test_without_the_files_it_says_where_they_belong(monkeypatch, tmp_path):
    monkeypatch.delenv("TRIPTYCH_DATA", raising=False)
    with pytest.raises(UsageError, match=r"fsdd: set \$TRIPTYCH_DATA"):
        next(audio.spoken())
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    (tmp_path / "fsdd").mkdir()
    (tmp_path / "fsdd" / audio.SPOKEN).write_bytes(b"no archive")
    with pytest.raises(UsageError, match="not a zip archive"):
        next(audio.spoken())


def recordings(folder, monkeypatch, members):
    place = folder / "fsdd"
    place.mkdir()
    with zipfile.ZipFile(place / audio.SPOKEN, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    monkeypatch.setenv("TRIPTYCH_DATA", str(folder))


def spoken_wav():
    held = io.BytesIO()
    wavfile.write(held, 8_000, np.arange(300, dtype=np.int16))
    return held.getvalue()


def test_damaged_recordings_are_left_out_and_counted(tmp_path, monkeypatch):
    good = {f"x/7_ann_{i}.wav": spoken_wav() for i in (0, 5, 10)}
    bad = {
        "x/11_ann_3.wav": spoken_wav(),
        "x/-1_ann_3.wav": spoken_wav(),
        "x/1_ann_3.wav": spoken_wav()[:100],
    }
    recordings(tmp_path, monkeypatch, good | bad)
    data = audio.spoken_digits()
    assert [len(s) for s in (data.train, data.validation, data.test)] == [1, 1, 1]
    told = " ".join(data.left_out)
    assert len(data.left_out) == 3
    assert "11_ann_3.wav: allowed: DIGIT_SPEAKER_NUMBER.wav" in told
    assert "its header says 300 times 1 times 2" in told
    with pytest.raises(UsageError, match="allowed: DIGIT_SPEAKER_NUMBER"):
        list(audio.spoken())


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    recordings(tmp_path, monkeypatch, {"0_ann_0.wav": bytes(audio.RECORDING_BYTES + 1)})
    with pytest.raises(UsageError, match="has 4,194,305 bytes; allowed: 4,194,304"):
        list(audio.spoken())


def test_a_tone_is_of_its_pitch():
    """The loudest frequency, to a fifth of a step and what a transform can tell."""
    data = audio.tones(number=60)
    again = audio.tones(number=60)
    (x,), (pitch,) = data.train.inputs, data.train.targets
    np.testing.assert_array_equal(x, again.train.inputs[0])
    assert (x.shape, x.dtype, len(data.test)) == ((40, 1, 400), np.float32, 10)
    assert set(pitch) == set(range(6))
    loudest = np.abs(np.fft.rfft(x[:, 0], 8_000)).argmax(1) / 8_000
    heard = 4 * np.log2(loudest / 0.02)
    assert abs(heard - pitch).max() < 0.3


@needs_files
def test_spoken_digits():
    data = audio.spoken_digits()
    sizes = [len(s) for s in (data.test, data.validation, data.train)]
    assert sizes == [300, 300, 2_400]
    for part in (data.test, data.validation, data.train):
        assert len(set(np.bincount(part.targets[0]))) == 1
        assert part.inputs[0].shape[1:] == (1, 8_000)
        assert 0.5 < abs(part.inputs[0]).max() <= 1
    mel = audio.spoken_digits(LogMel())
    assert mel.train.inputs[0].shape == (2_400, MEL_BANDS * MEL_FRAMES)
    np.testing.assert_array_equal(
        mel.test.inputs[0][7], LogMel()(data.test.inputs[0][7, 0]).ravel()
    )


@needs_files
def test_recordings_are_those_of_the_publisher():
    """3,000 of 0.14 to 2.28 seconds, 1,312 in all, of six people."""
    found = list(audio.spoken())
    seconds = [len(one.samples) / 8_000 for one in found]
    assert len(found) == 3_000
    assert len({one.speaker for one in found}) == 6
    assert (round(min(seconds), 2), round(max(seconds), 2)) == (0.14, 2.28)
    assert round(sum(seconds)) == 1_312
