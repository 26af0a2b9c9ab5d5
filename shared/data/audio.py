"""Sounds: WAV files, spoken digits, and log-mel spectrograms, all in NumPy."""

import re
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.files import data_folder
from shared.errors import UsageError, one_line
from shared.fields import Checked, NonNegative, Positive, Size
from shared.randomness import generator
from shared.reading import MEGABYTE, archive, content, member, parsed

# Of one sound; the longest here lasts two seconds.
WAV_BYTES = 256 * MEGABYTE


def read_wav(source: Path | BinaryIO, name: str = "") -> tuple[Array, int]:
    """Samples [channels, length] from -1 up to 1, float32, and how many a second.

    Integers of 8, 16, 24 or 32 bits, as the `wave` module reads them.
    """
    where = name or str(source)
    whole = content(source, WAV_BYTES) if isinstance(source, Path) else source.read()
    with parsed(where, "a WAV file", *_BROKEN_WAV), wave.open(BytesIO(whole)) as file:
        channels, width = file.getnchannels(), file.getsampwidth()
        rate, number = file.getframerate(), file.getnframes()
        found = file.readframes(number)
    if width > 4 or len(found) != number * channels * width:
        raise UsageError(
            f"{where}: {len(found)} bytes, its header says {number} times "
            f"{channels} times {width}"
        )
    if not number or not 1 <= rate <= MOST_HERTZ:
        raise UsageError(
            f"{where}: {number} samples at {rate} Hz; allowed: at least 1, at 1 to "
            f"{MOST_HERTZ} Hz"
        )
    samples = _integers(found, width) / 2.0 ** (8 * width - 1)
    return samples.astype(np.float32).reshape(-1, channels).T.copy(), rate


MOST_HERTZ = 1_000_000
# What `wave` raises of a damaged file, beside its own error.
_BROKEN_WAV = (wave.Error, EOFError, struct.error, RuntimeError)


def _integers(content: bytes, width: int) -> Array:
    if width == 1:  # the only one without a sign
        return np.frombuffer(content, np.uint8).astype(np.int64) - 128
    if width != 3:
        return np.frombuffer(content, f"<i{width}").astype(np.int64)
    low, middle, high = np.frombuffer(content, np.uint8).reshape(-1, 3).T.astype(int)
    return low | middle << 8 | (high ^ 128) - 128 << 16


@dataclass(frozen=True, kw_only=True)
class LogMel(Checked):
    """The logarithm of the energy in bands that are as wide as ears hear them.

    Frames follow one another without padding; a periodic Hann window; the squared
    magnitudes of a Fourier transform; triangles whose corners are equal steps of
    2595 log10(1 + f / 700) apart (O'Shaughnessy 1987), each of height 1.

    rate: samples a second. window, hop: samples. high: Hz, half the rate where it is 0.
    floor: energies below it count as this.
    """

    rate: Size = 8_000
    window: Size = 200
    hop: Size = 80
    transform: Size = 256
    bands: Size = 40
    low: NonNegative = 0.0
    high: NonNegative = 0.0
    floor: Positive = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.transform < self.window:
            allowed = f"at least the window, {self.window}"
            self.refuse("transform", self.transform, allowed)
        if not self.low < self.top <= self.rate / 2:
            self.refuse("high", self.high, f"above low, up to {self.rate / 2:g}")

    @property
    def top(self) -> float:
        return self.high or self.rate / 2

    @cached_property
    def filters(self) -> Array:
        """[bands, transform // 2 + 1]"""
        corners = _hertz(np.linspace(_mel(self.low), _mel(self.top), self.bands + 2))
        left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
        f = np.arange(self.transform // 2 + 1) * self.rate / self.transform
        rising, falling = (f - left) / (middle - left), (right - f) / (right - middle)
        return np.maximum(np.minimum(rising, falling), 0)

    def frames(self, length: int) -> int:
        """How many a sound of this length has."""
        if length < self.window:
            raise UsageError(
                f"{length} samples, fewer than the window of {self.window}"
            )
        return (length - self.window) // self.hop + 1

    def __call__(self, samples: Array) -> Array:
        """Turn a recording, [..., length], into [..., bands, frames], float32."""
        self.frames(samples.shape[-1])
        turn = 2 * np.pi * np.arange(self.window) / self.window
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.window, -1)
        frames = windows[..., :: self.hop, :] * (0.5 - 0.5 * np.cos(turn))
        energy = np.square(np.abs(np.fft.rfft(frames, self.transform)))
        mel = np.swapaxes(energy @ self.filters.T, -1, -2)
        return np.log(np.maximum(mel, self.floor)).astype(np.float32)


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))


def _hertz(mel: Array) -> Array:
    return 700 * (10 ** (mel / 2595) - 1)


@dataclass(frozen=True, kw_only=True)
class WhisperMel(Checked):
    """What Whisper hears (Radford et al. 2022, arXiv:2212.04356, section 2.2, and its
    published code): of 16,000 samples a second, the last cut off or silent, windows of
    25 ms each 10 ms, mirrored at both ends; energies in bands of Slaney's mel scale
    (straight up to 1,000 Hz, 15 bands; logarithmic from there, 27 to each 6.4-fold),
    each triangle of area 1; their decimal logarithm, of the 8 decades below the
    loudest, with 4 added, a fourth of it.
    """

    bands: Size = 80
    seconds: Size = 30

    @cached_property
    def filters(self) -> Array:
        """[bands, 201]"""
        steps = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), self.bands + 2)
        beyond = np.exp((np.maximum(steps, 15) - 15) * np.log(6.4) / 27)
        corners = np.where(steps < 15, steps * 200 / 3, 1000 * beyond)
        left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
        f = np.arange(201) * 40.0
        rising, falling = (f - left) / (middle - left), (right - f) / (right - middle)
        return np.maximum(np.minimum(rising, falling), 0) * 2 / (right - left)

    def __call__(self, samples: Array) -> Array:
        """Turn a recording, [length], into [bands, 100 * seconds], float32."""
        sound = np.zeros(16_000 * self.seconds)
        sound[: len(samples)] = samples[: len(sound)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(sound, 200, mode="reflect"), 400
        )
        frames = windows[:-1:160] * (0.5 - 0.5 * np.cos(np.pi * np.arange(400) / 200))
        energy = np.square(np.abs(np.fft.rfft(frames)))
        mel = np.log10(np.maximum(self.filters @ energy.T, 1e-10))
        mel = np.maximum(mel, mel.max() - 8)
        return ((mel + 4) / 4).astype(np.float32)


def tones(
    number: int = 1800, length: int = 400, pitches: int = 6, seed: int = 0
) -> Dataset:
    """Draw tones, of which the target is the pitch that sounds, three semitones apart:
    [N, 1, length], each a little out of tune, of any phase, and in noise that is as
    loud."""
    draw = generator("tones", seed)
    pitch = draw.integers(0, pitches, number)
    detuned = pitch + draw.uniform(-0.2, 0.2, number)
    cycles = 0.02 * 2 ** (detuned / 4)  # a sample
    phase = draw.random(number)
    turns = cycles[:, None] * np.arange(length) + phase[:, None]
    loudness = draw.uniform(0.7, 1.4, number)
    waves = loudness[:, None] * np.sin(2 * np.pi * turns)
    waves += 0.7 * draw.standard_normal((number, length))
    whole = Samples((waves[:, None].astype(np.float32),), (pitch,))
    a, b = number * 2 // 3, number * 5 // 6
    return Dataset(
        whole.take(slice(a)), whole.take(slice(a, b)), whole.take(slice(b, None))
    )


def mu_law(samples: Array, levels: int = 256) -> Array:
    """Sort samples from -1 to 1 into levels, fine about 0 and coarse at the ends (ITU-T
    G.711; van den Oord et al. 2016, arXiv:1609.03499, section 2.2)."""
    mu = levels - 1
    squeezed = np.sign(samples) * np.log1p(mu * np.abs(samples)) / np.log1p(mu)
    return np.floor((np.clip(squeezed, -1, 1) + 1) / 2 * mu + 0.5).astype(np.int64)


def of_mu_law(codes: Array, levels: int = 256) -> Array:
    """Give the sample in the middle of each level."""
    mu = levels - 1
    squeezed = 2 * np.asarray(codes) / mu - 1
    return np.sign(squeezed) * np.expm1(np.abs(squeezed) * np.log1p(mu)) / mu


def hums(
    number: int = 900, length: int = 64, levels: int = 32, seed: int = 0
) -> Dataset:
    """Draw sounds of two tones and little noise; the target is the next sample, by its
    level, [N, length]."""
    draw = generator("hums", seed)
    cycles = 0.02 * 2 ** draw.uniform(0, 2, (number, 2, 1))  # a sample
    phase, loudness = (
        draw.random((number, 2, 1)),
        draw.uniform(0.2, 0.45, (number, 2, 1)),
    )
    turns = 2 * np.pi * (cycles * np.arange(length + 1) + phase)
    waves = (loudness * np.sin(turns)).sum(1)
    codes = mu_law(waves + 0.01 * draw.standard_normal(waves.shape), levels)
    whole = Samples((codes[:, :-1],), (codes[:, 1:],))
    a, b = number * 2 // 3, number * 5 // 6
    return Dataset(
        whole.take(slice(a)), whole.take(slice(a, b)), whole.take(slice(b, None))
    )


MELODY = LogMel(rate=4_000, window=64, hop=32, transform=64, bands=12)
NOTES, PITCHES = 5, 6  # the most of one melody, and how many there are
BEGIN, END = PITCHES + 1, PITCHES


def melodies(number: int = 2400, seed: int = 0) -> Dataset:
    """Draw melodies of one to five tones, of different lengths, in noise: their log-mel
    spectrograms [N, 12, 40]; what a decoder is given, their pitches after BEGIN; and
    what follows there, END to the end."""
    draw = generator("melodies", seed)
    pitch = draw.integers(0, PITCHES, (number, NOTES))
    lasts = draw.integers(192, 257, (number, NOTES))  # samples
    counts = np.arange(NOTES) < draw.integers(1, NOTES + 1, number)[:, None]
    time, begins = np.arange(40 * 32 + 32), np.cumsum(lasts, 1) - lasts
    since = time - begins[..., None]  # [N, NOTES, samples]
    sounds = (since >= 0) & (since < lasts[..., None]) & counts[..., None]
    cycles = 0.04 * 2 ** (pitch / 2)[..., None]  # a sample
    waves = (sounds * np.sin(2 * np.pi * cycles * since)).sum(1)
    mel = MELODY(waves + 0.05 * draw.standard_normal(waves.shape))
    said = np.where(counts, pitch, END)
    target = np.pad(said, ((0, 0), (1, 0)), constant_values=BEGIN)
    wanted = np.pad(said, ((0, 0), (0, 1)), constant_values=END)
    whole = Samples((mel / 10, target), (wanted,))
    a, b = number * 2 // 3, number * 5 // 6
    return Dataset(
        whole.take(slice(a)), whole.take(slice(a, b)), whole.take(slice(b, None))
    )


SPOKEN = "free-spoken-digit-dataset.zip"
SECOND = 8_000  # samples, of which each digit is given so many


@dataclass(frozen=True)
class Spoken:
    """One recording; index counts those of a speaker and a digit."""

    digit: int
    speaker: str
    index: int
    samples: Array


RECORDING_BYTES = 4 * MEGABYTE  # of one, unpacked; the longest has 36,000
RECORDINGS_BYTES = 512 * MEGABYTE  # of all


def spoken(left_out: list[str] | None = None) -> Iterator[Spoken]:
    """The recordings of the Free Spoken Digit Dataset (Jackson et al., CC BY-SA 4.0),
    by digit, speaker and index, from $TRIPTYCH_DATA/fsdd.

    What is no recording of a digit is refused; with `left_out` it is noted there with
    its reason, and the others are read.
    """
    path = data_folder("fsdd", [SPOKEN]) / SPOKEN
    with archive(path) as opened:
        entries = [e for e in opened.infolist() if e.filename.endswith(".wav")]
        total = sum(entry.file_size for entry in entries)
        if total > RECORDINGS_BYTES:
            raise UsageError(
                f"{path}: recordings of {total:,} bytes; allowed: {RECORDINGS_BYTES:,}"
            )
        for entry in sorted(entries, key=_place_of):
            try:
                yield _recording(path, opened, entry)
            except UsageError as refused:
                if left_out is None:
                    raise
                left_out.append(str(refused))


# As "recordings/7_jackson_32.wav"; digits of ASCII alone.
_RECORDING = re.compile(r"([0-9])_([^_]+)_([0-9]{1,4})\.wav")


def _place_of(entry: ZipInfo) -> tuple[int, str, int, str]:
    found = _RECORDING.fullmatch(Path(entry.filename).name)
    digit, speaker, index = found.groups() if found else ("0", "", "0")
    return int(digit), speaker, int(index), entry.filename


def _recording(path: Path, opened: ZipFile, entry: ZipInfo) -> Spoken:
    where = f"{path}: {one_line(entry.filename)}"
    if not _RECORDING.fullmatch(Path(entry.filename).name):
        raise UsageError(
            f"{where}: allowed: DIGIT_SPEAKER_NUMBER.wav, the digit from 0 to 9"
        )
    digit, speaker, index, _ = _place_of(entry)
    samples, rate = read_wav(BytesIO(member(opened, entry, RECORDING_BYTES)), where)
    if rate != SECOND or len(samples) != 1:
        raise UsageError(f"{where} is not of one channel of {SECOND} Hz")
    return Spoken(digit, speaker, index, samples[0])


def spoken_digits(mel: LogMel | None = None) -> Dataset:
    """What was said, in a second of waveform [1, 8000] or, with `mel`, of its
    spectrogram in a row; the end is cut off or silent.

    The publisher's split: indices 0 to 4 are to test; here 5 to 9 validate. Recordings
    that are damaged are left out, and counted.
    """
    left_out: list[str] = []
    parts: dict[str, tuple[list[Array], list[int]]] = {
        part: ([], []) for part in ("test", "validation", "train")
    }
    for one in spoken(left_out):
        part = list(parts)[min(one.index // 5, 2)]
        x = np.zeros(SECOND, np.float32)
        x[: len(one.samples)] = one.samples[:SECOND]
        parts[part][0].append(x[None] if mel is None else mel(x).ravel())
        parts[part][1].append(one.digit)
    for part, (x_of, _) in parts.items():
        if not x_of:
            first = f"; left out: {left_out[0]}" if left_out else ""
            raise UsageError(f"{SPOKEN}: no recording to be the part {part}{first}")
    split = {
        part: Samples((np.stack(x),), (np.array(y),)) for part, (x, y) in parts.items()
    }
    return Dataset(
        split["train"], split["validation"], split["test"], left_out=tuple(left_out)
    )
