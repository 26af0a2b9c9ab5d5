"""The vector-quantised variational autoencoder (VQ-VAE: van den Oord, Vinyals,
Kavukcuoglu 2017, https://arxiv.org/abs/1711.00937): each place of a picture's code is
the number of a row in a table.

Settled here because the paper leaves it open, or codes disagree; the authors' example,
vqvae_example.ipynb of https://github.com/google-deepmind/sonnet, decides:
  encoder   convolutions of 4x4 that halve the sides, each with ReLU; one of 3x3;
            residual blocks; one of 1x1 to the width of the table
  block     ReLU, 3x3, ReLU, 1x1, and what went in; ReLU follows the last block
  decoder   3x3, blocks, then transposed convolutions of 4x4 that double the sides, with
            ReLU between; it puts out the picture itself, whose likelihood is normal
  nearest   by squared distance; of rows equally near the first
  gradient  of what is decoded goes to the code as if it had been decoded itself
            (section 3.2); rows and codes are drawn together by the losses alone
  table     learned by its loss; the moving averages of appendix A.1 are not built
  start     He's uniform, biases 0; rows uniform, within 1 over their number

Names: encoder.{convs.{i},conv,blocks.{i}.{conv1,conv2},out} codebook
decoder.{conv,blocks.{i}.{conv1,conv2},convs.{i},out}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.definitions.initializers import HeUniform, Initializer, Uniform
from shared.fields import Depth, NonNegative, Side, Size
from shared.objectives.base import Objective
from shared.objectives.quantized import Quantized
from shared.specs.base import (
    ConvSpec,
    ConvTransposeSpec,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)


@dataclass(frozen=True, kw_only=True)
class VQVAESpec(Spec):
    """widths: channels of the convolutions that halve; the decoder's are the same from
        behind. residual: the narrower width in each of the blocks.
    codes, code_width: the table's rows, and how wide they are.
    commitment: as in Quantized.
    """

    channels: Size
    image_size: tuple[Side, Side]
    widths: tuple[Size, ...]
    residual: Size
    blocks: Depth = 2
    codes: Size = 512
    code_width: Size = 64
    commitment: NonNegative = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths:
            self.refuse("widths", self.widths, "one convolution or more")
        if self.codes < 2:
            self.refuse("codes", self.codes, "at least 2, of which one is nearest")
        halvings = 2 ** len(self.widths)
        if any(side % halvings for side in self.image_size):
            allowed = f"multiples of {halvings}, which is halved at each convolution"
            self.refuse("image_size", self.image_size, allowed)

    @property
    def image(self) -> Tensor:
        return image(self.channels, *self.image_size)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the code."""
        rows, columns = (side // 2 ** len(self.widths) for side in self.image_size)
        return rows, columns

    def inputs(self) -> tuple[Tensor, ...]:
        return (self.image,)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        code = image(self.code_width, *self.size, name="code")
        said = replace(self.image, name="reconstruction")
        return said, code, replace(code, name="nearest")

    def programs(self) -> Mapping[str, Program]:
        said, *_ = self.outputs(False)
        numbers = Tensor("numbers", self.size, below=self.codes)
        found = (numbers, Tensor("margin", self.size))
        return {
            "encode": Program("encode", (self.image,), found, margin="margin"),
            "decode": Program("decode", (numbers,), (said,), differentiable=True),
            "reconstruct": Program("reconstruct", (self.image,), (said,)),
        }

    def objective(self) -> Objective:
        return Quantized(commitment=self.commitment)

    def starts(self) -> Mapping[str, Initializer]:
        rows = Uniform(bound=1 / self.codes)
        return {"codebook.weight": rows, "*.weight": HeUniform()}

    def unnamed_products(self) -> int:
        """Of each place's code with each row."""
        return math.prod(self.size) * self.codes * self.code_width

    @property
    def encoder(self) -> tuple[ConvSpec, ...]:
        sizes = pairwise((self.channels, *self.widths))
        return tuple(ConvSpec(*c, 4, 2, 1) for c in sizes)

    @property
    def encoder_conv(self) -> ConvSpec:
        return ConvSpec.padded(self.widths[-1], self.widths[-1], 3)

    @property
    def block(self) -> tuple[ConvSpec, ConvSpec]:
        """Give both convolutions of a residual block."""
        width = self.widths[-1]
        return (
            ConvSpec.padded(width, self.residual, 3),
            ConvSpec(self.residual, width, 1),
        )

    @property
    def encoder_out(self) -> ConvSpec:
        return ConvSpec(self.widths[-1], self.code_width, 1)

    @property
    def decoder_conv(self) -> ConvSpec:
        return ConvSpec.padded(self.code_width, self.widths[-1], 3)

    @property
    def decoder(self) -> tuple[ConvTransposeSpec, ...]:
        """Gives the decoder's convolutions but the last, which puts out the picture."""
        sizes = pairwise(self.widths[::-1])
        return tuple(ConvTransposeSpec(*c, 4, 2, 1) for c in sizes)

    @property
    def decoder_out(self) -> ConvTransposeSpec:
        return ConvTransposeSpec(self.widths[0], self.channels, 4, 2, 1)


VARIANTS = {
    "vqvae_tiny": Variant(
        VQVAESpec(
            channels=2,
            image_size=(8, 12),
            widths=(3, 5),
            residual=4,
            codes=37,
            code_width=4,
            commitment=0.4,
        ),
        2_108,
        "sum over its layers",
        tiny=True,
    ),
    "vqvae_digits": Variant(
        VQVAESpec(
            channels=1,
            image_size=(8, 8),
            widths=(16, 32),
            residual=16,
            codes=64,
            code_width=8,
            commitment=1.0,
        ),
        49_993,
        "sum over its layers",
    ),
    "vqvae_cifar10": Variant(
        VQVAESpec(channels=3, image_size=(32, 32), widths=(64, 128), residual=32),
        695_491,
        "sum over the layers of the authors' example",
    ),
}
