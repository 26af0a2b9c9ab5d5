"""WaveNet (van den Oord et al. 2016, https://arxiv.org/abs/1609.03499): the next sample
of a sound, as one of so many levels, by dilated causal convolutions.

Settled here because the paper leaves it open:
  input     the embedding of a level, through a causal convolution (figure 4)
  layers    tanh of one half of a dilated convolution times the sigmoid of the other
            (equation 2); of that, by maps of one place, what joins the residual and
            what joins the sum of all layers. The last layer has nothing for a residual
  output    ReLU, a map, ReLU, a map to logits
  biases    everywhere
  before    the first sample stand zeros, of the embedding's width, not of level 0
  start     that of torch's layers
  generate  as all decoders do (shared/specs/decoder.py); kept is what each convolution
            still reaches, its queue (Le Paine et al. 2016, arXiv:1611.09482)
Left out is what a sound may be conditioned on (section 2.5).

Names: embedding causal blocks.{i}.{dilated,residual,skip} head1 head2
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import Initializer, Normal, of_torch
from shared.fields import Size
from shared.specs.base import Variant
from shared.specs.decoder import DecoderSpec
from shared.specs.sequence.tcn import CausalSpec


@dataclass(frozen=True, kw_only=True)
class WaveNetSpec(DecoderSpec):
    """vocab_size: levels. width: of the residual. gate_width: of what is gated.
    skip_width: of the sum of all layers. kernel: of all causal convolutions.
    dilations: of each layer.
    """

    vocab_size: Size = 256
    tokens: Size
    width: Size
    gate_width: Size
    skip_width: Size
    kernel: Size = 2
    dilations: tuple[Size, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.dilations:
            self.refuse("dilations", self.dilations, "one layer or more")

    def unnamed_products(self) -> int:
        return self.tokens * sum(conv.inputs * conv.c_out for conv in self.convs)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "embedding.weight": Normal(std=1.0),
            "causal.*": of_torch(self.kernel * self.width),
            "*.dilated.*": of_torch(self.kernel * self.width),
            "*.residual.*": of_torch(self.gate_width),
            "*.skip.*": of_torch(self.gate_width),
            "head*": of_torch(self.skip_width),
        }

    @property
    def convs(self) -> tuple[CausalSpec, ...]:
        """The first, and each layer's, of what is gated and of the gate."""
        width, both = self.width, 2 * self.gate_width
        layers = (CausalSpec(width, both, self.kernel, d) for d in self.dilations)
        return CausalSpec(width, width, self.kernel, 1), *layers

    @property
    def last(self) -> int:
        """The layer after which no other reads the residual."""
        return len(self.dilations) - 1

    @property
    def receptive_field(self) -> int:
        """How many samples the last one sees."""
        return 1 + sum(conv.before for conv in self.convs)


_SUM = "sum over its layers"
VARIANTS = {
    "wavenet_tiny": Variant(
        WaveNetSpec(
            vocab_size=11,
            tokens=9,
            width=5,
            gate_width=4,
            skip_width=6,
            kernel=3,
            dilations=(2, 1),
        ),
        595,
        _SUM,
        tiny=True,
    ),
    "wavenet_30": Variant(
        WaveNetSpec(
            tokens=4096,
            width=64,
            gate_width=64,
            skip_width=256,
            dilations=tuple(2**i for i in range(10)) * 3,
        ),
        1_271_424,
        _SUM,
    ),
}
