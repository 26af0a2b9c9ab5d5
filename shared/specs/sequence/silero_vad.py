"""Silero VAD (https://github.com/snakers4/silero-vad, version 6, 16 kHz), which tells
speech from silence and noise: a short-time Fourier transform as a convolution, four
convolutions, an LSTM over the frames.

Settled here, as the package's own code (silero_vad/tinygrad_model.py) and weights have
it:
  frames    of 512 samples with the 64 before them in front: 576 numbers, each frame by
            itself; behind it `reflected` samples once more, mirrored without the last
  stft      cosines and sines as one kernel without bias, which is trained with the
            rest; of both parts the root of the sum of squares
  convs     of three, ReLU; their strides leave one step of a frame
  state     of the LSTM, hidden and cell, goes from frame to frame; `speech` takes and
            gives it, so that a recording can be read in pieces. Elsewhere it is 0
  out       ReLU, then one value a frame: a logit; `speech` gives the probability
  start     torch's of each layer, within 1 / sqrt(its inputs) of 0

Names: stft convs.{i} lstm out; the package's: shared/files/checkpoints/silero_vad.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from shared.definitions.initializers import Initializer, of_torch
from shared.definitions.losses import BinaryCrossEntropy
from shared.fields import Depth, Range, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import Conv1dSpec, Program, Spec, Tensor, Variant
from shared.specs.sequence.recurrent import StackSpec

KERNEL = 3  # of the convolutions after the transform
Even = Annotated[int, Range(2, 65_537, "an even number from 2 to 65536")]


@dataclass(frozen=True, kw_only=True)
class SileroVADSpec(Spec):
    """window, hop: of the transform. widths, strides: of the convolutions.

    frames: in one input. samples: of each, with those before it in front.
    """

    frames: Size = 32
    samples: Size
    reflected: Size
    window: Even
    hop: Size
    widths: tuple[Size, ...]
    strides: tuple[Depth, ...]
    hidden: Size

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window % 2:
            self.refuse("window", self.window, "an even number")
        if self.reflected >= self.samples:
            allowed = f"fewer than samples ({self.samples})"
            self.refuse("reflected", self.reflected, allowed)
        if not len(self.widths) == len(self.strides) > 0:
            self.refuse("strides", self.strides, "one for each of the widths")
        if self._steps != 1:
            allowed = f"such that 1 step of a frame is left, not {self._steps}"
            self.refuse("strides", self.strides, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("wave", (self.frames, self.samples)),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.frames,)),)

    def programs(self) -> Mapping[str, Program]:
        state = tuple(Tensor(name, (self.hidden,)) for name in ("hidden", "cell"))
        inputs = *self.inputs(), *state
        outputs = Tensor("probability", (self.frames,)), *state
        return {"speech": Program("speech", inputs, outputs, differentiable=True)}

    def objective(self) -> Supervised:
        return Supervised(loss=BinaryCrossEntropy())

    def starts(self) -> Mapping[str, Initializer]:
        convs = {
            f"convs.{i}.*": of_torch(KERNEL * c.c_in) for i, c in enumerate(self.convs)
        }
        own = of_torch(self.hidden)
        return {"stft.*": of_torch(self.window), **convs, "lstm.*": own, "out.*": own}

    @property
    def stft(self) -> Conv1dSpec:
        """Cosines, then sines, of the frequencies from 0 to half the window."""
        return Conv1dSpec(1, 2 * self._frequencies, self.window, self.hop)

    @property
    def convs(self) -> tuple[Conv1dSpec, ...]:
        widths = self._frequencies, *self.widths
        pairs = zip(widths, self.widths, self.strides, strict=False)
        return tuple(
            Conv1dSpec(c_in, c_out, KERNEL, stride, (1, 1), bias=True)
            for c_in, c_out, stride in pairs
        )

    @property
    def stack(self) -> StackSpec:
        return StackSpec(self.widths[-1], self.hidden, 1, False, 0.0)

    @property
    def _frequencies(self) -> int:
        return self.window // 2 + 1

    @property
    def _steps(self) -> int:
        """How many steps of a frame the convolutions leave."""
        steps = (self.samples + self.reflected - self.window) // self.hop + 1
        for stride in self.strides:
            steps = (steps - 1) // stride + 1
        return steps


VARIANTS = {
    "silero_vad_tiny": Variant(
        SileroVADSpec(
            frames=5,
            samples=17,
            reflected=4,
            window=6,
            hop=5,
            widths=(3, 5),
            strides=(1, 4),
            hidden=7,
        ),
        537,
        "sum over its layers",
        tiny=True,
    ),
    "silero_vad": Variant(
        SileroVADSpec(
            samples=576,
            reflected=64,
            window=256,
            hop=128,
            widths=(128, 64, 64, 128),
            strides=(1, 2, 2, 1),
            hidden=128,
        ),
        309_633,
        "silero-vad 6.2.3, silero_vad_16k.safetensors, with the transform's kernel",
    ),
}
