"""Mamba (Gu, Dao 2023, "Linear-Time Sequence Modeling with Selective State Spaces",
https://arxiv.org/abs/2312.00752): a language model without attention, whose state is
of one size however much was read.

Settled here because the paper leaves it open; as the authors' code has it
(https://github.com/state-spaces/mamba):
  norm      RMSNorm before each block, and once at the end
  block     figure 3: what is convolved goes through the selective scan, and is gated by
            silu of the other half
  step      delta by two matrices, of `rank` numbers between them, and a softplus
  discrete  of A exactly (equation 4), of B by delta times B, as in the code; the
            paper's text has the exact form of both
  convolved causally, each channel by itself, with a bias; then silu
  scan      one step after the other, or all together in as many rounds as the length
            doubles (Hillis, Steele 1986, doi:10.1145/7902.7903); both give the same
            but for rounding
  head      the embedding again, transposed
  bfloat16  the scan stays in full precision
  start     that of torch's layers; of delta's bias so that the step is from 0.001 to
            0.1, evenly by its logarithm (section 3.6); of A as S4D-Real has it
            (arXiv:2206.11893); what ends in a residual sum is divided by the root of
            how many do
  generate  as all decoders do (shared/specs/decoder.py); what is kept are the last
            inputs of each convolution and the states of the scan

Names are Hugging Face's without `backbone.` in front and with `blocks` for `layers`:
embeddings blocks.{i}.{norm,mixer.{A_log,D,in_proj,conv1d,x_proj,dt_proj,out_proj}}
norm_f
Hugging Face's: shared/files/checkpoints/mamba.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.definitions.initializers import (
    Initializer,
    LogOfCounts,
    Normal,
    Ones,
    StepBias,
    Uniform,
    of_torch,
)
from shared.fields import Depth, Positive, Size
from shared.specs.base import Original, Program, Variant
from shared.specs.decoder import DecoderSpec


@dataclass(frozen=True, kw_only=True)
class MambaSpec(DecoderSpec):
    """tokens: in one input.
    inner_width: of what is convolved and scanned. state: numbers of each channel.
    kernel: of the convolution. rank: of what delta is made of.
    """

    vocab_size: Size = 50280
    tokens: Size = 2048
    width: Size
    depth: Depth
    inner_width: Size
    state: Size = 16
    kernel: Size = 4
    rank: Size
    rms_eps: Positive = 1e-5

    def programs(self) -> Mapping[str, Program]:
        one_by_one = Program(
            "logits",
            self.inputs(),
            self.outputs(False),
            {"parallel": False},
            differentiable=True,
        )
        return {**super().programs(), "logits_sequential": one_by_one}

    def unnamed_products(self) -> int:
        convolved = self.inner_width * self.kernel
        scanned = 4 * self.inner_width * self.state
        return self.tokens * (
            self.depth * (convolved + scanned) + self.width * self.vocab_size
        )

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "embeddings.weight": Normal(std=0.02),
            "*.A_log": LogOfCounts(),
            "*.D": Ones(),
            "*.in_proj.weight": of_torch(self.width),
            "*.conv1d.*": of_torch(self.kernel),
            "*.x_proj.weight": of_torch(self.inner_width),
            "*.dt_proj.weight": of_torch(self.rank),
            "*.dt_proj.bias": StepBias(low=0.001, high=0.1),
            "*.out_proj.weight": Uniform(bound=(self.inner_width * self.depth) ** -0.5),
        }

    @property
    def halves_width(self) -> int:
        """Of what is convolved and of what gates it."""
        return 2 * self.inner_width

    @property
    def selected(self) -> tuple[int, int, int]:
        """What is chosen by each token: delta, B and C."""
        return self.rank, self.state, self.state

    @property
    def selected_width(self) -> int:
        return sum(self.selected)

    @property
    def before(self) -> int:
        """How many inputs the convolution reaches back."""
        return self.kernel - 1


def _tiny(**changes: Any) -> MambaSpec:
    sizes: dict[str, Any] = {
        "vocab_size": 11,
        "tokens": 7,
        "width": 6,
        "depth": 2,
        "inner_width": 10,
        "state": 3,
        "kernel": 4,
        "rank": 2,
        "rms_eps": 1e-3,
    }
    return MambaSpec(**sizes | changes)


def _sized(width: int, depth: int) -> MambaSpec:
    """Twice as wide inside, with a sixteenth of the width between delta's matrices."""
    inner, rank = 2 * width, -(-width // 16)
    return MambaSpec(width=width, depth=depth, inner_width=inner, rank=rank)


_SUM, _TRANSFORMERS = "sum over its layers", "transformers 5.23.0"
_SIZES = "transformers 5.23.0 at the published sizes"
VARIANTS = {
    "mamba_tiny": Variant(_tiny(), 844, _SUM, tiny=True),
    "mamba_130m": Variant(_sized(768, 24), 129_135_360, _TRANSFORMERS),
    "mamba_370m": Variant(_sized(1024, 48), 371_516_416, _SIZES),
    "mamba_790m": Variant(_sized(1536, 48), 793_204_224, _SIZES),
    "mamba_1_4b": Variant(_sized(2048, 48), 1_372_178_432, _SIZES),
    "mamba_2_8b": Variant(_sized(2560, 64), 2_768_345_600, _SIZES),
}

ORACLES = (
    Original(
        "huggingface",
        "small_mamba",
        "transformers' MambaForCausalLM, of three blocks",
        MambaSpec(
            vocab_size=101,
            tokens=20,
            width=48,
            depth=3,
            inner_width=96,
            state=5,
            kernel=3,
            rank=7,
            rms_eps=1e-3,
        ),
    ),
)
