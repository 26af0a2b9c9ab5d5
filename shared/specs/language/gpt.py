"""GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners",
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf)
and GPT-3 (Brown et al. 2020, https://arxiv.org/abs/2005.14165).

Settled here because the paper says little; as its published code and weights have it:
  norm      before attention and MLP, and once more at the end
  gelu      the tanh form (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2)
  head      the token embedding again, transposed: no parameters of its own
  dropout   one rate for embeddings, attention probabilities and residual branches
  inner     the MLP is four times as wide
  bias      of all dense layers and norms, or of none, as nanoGPT has it
            (https://github.com/karpathy/nanoGPT); an embedding has no bias
  start     normal, of deviation 0.02, of positions 0.01; what ends in a residual sum is
            divided by the square root of how many do (section 2.3)
  band      GPT-3 alternates dense attention with "locally banded sparse" one, and does
            not say which comes first nor how wide a band is. Here every second block
            sees a token itself and the band - 1 before it; 256, as GPT-Neo has it
  sizes     of table 2.1, with heads of width / heads: the paper's 24 heads of 128 in
            its 1.3B, and its width of 5140 in the 13B, do not fit their widths; here
            16 heads of 128, and 5120
  generate  as all decoders do (shared/specs/decoder.py)

Names are Hugging Face's without their `transformer.` in front:
wte wpe h.{i}.{ln_1,attn.c_attn,attn.c_proj,ln_2,mlp.c_fc,mlp.c_proj} ln_f
Their matrices are (in, out), ours (out, in): shared/files/checkpoints/gpt.py
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import Initializer, Normal
from shared.fields import Depth, Positive, Rate, Size
from shared.specs.base import Original, Variant
from shared.specs.decoder import DecoderSpec


@dataclass(frozen=True, kw_only=True)
class GPTSpec(DecoderSpec):
    vocab_size: Size = 50257
    positions: Size = 1024
    tokens: Size = 1024  # in one input; at most `positions`
    width: Size
    depth: Depth
    heads: Size
    dropout: Rate = 0.1
    ln_eps: Positive = 1e-5
    bias: bool = True
    band: Size | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens > self.positions:
            self.refuse("tokens", self.tokens, f"at most positions ({self.positions})")
        if self.width % self.heads:
            self.refuse("heads", self.heads, f"a divisor of width ({self.width})")

    def unnamed_products(self) -> int:
        attention = 2 * self.depth * self.tokens**2 * self.width
        return attention + self.tokens * self.width * self.vocab_size

    def starts(self) -> Mapping[str, Initializer]:
        residual = Normal(std=0.02 / (2 * self.depth) ** 0.5)
        return {
            "wpe.weight": Normal(std=0.01),
            "*.c_proj.weight": residual,
            "wte.weight": Normal(std=0.02),
            "h.*.c_*.weight": Normal(std=0.02),
        }

    @property
    def longest(self) -> int:
        return self.positions

    @property
    def qkv_width(self) -> int:
        """Queries, keys and values side by side, in this order."""
        return 3 * self.width

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def banded(self) -> tuple[bool, ...]:
        """Of each block whether its attention reaches no further than the band."""
        return tuple(self.band is not None and i % 2 == 1 for i in range(self.depth))

    @property
    def inner_width(self) -> int:
        return 4 * self.width


def _tiny(dropout: float, bias: bool, band: int | None = None) -> GPTSpec:
    return GPTSpec(
        vocab_size=11,
        positions=9,
        tokens=7,
        width=6,
        depth=2,
        heads=3,
        dropout=dropout,
        ln_eps=1e-3,
        bias=bias,
        band=band,
    )


def _char(bias: bool) -> GPTSpec:
    return GPTSpec(
        vocab_size=65,
        positions=256,
        tokens=256,
        width=384,
        depth=6,
        heads=6,
        dropout=0.2,
        bias=bias,
    )


def _gpt3(depth: int, width: int, heads: int) -> GPTSpec:
    return GPTSpec(
        positions=2048, tokens=2048, width=width, depth=depth, heads=heads, band=256
    )


_TRANSFORMERS = "transformers 5.23.0"
# The paper rounds; so the sums of these layers, of table 2.1's depth, width and heads.
_GPT3: dict[str, tuple[int, int, int, int]] = {
    "gpt3_125m": (12, 768, 12, 125_226_240),
    "gpt3_350m": (24, 1024, 16, 355_871_744),
    "gpt3_760m": (24, 1536, 16, 760_300_032),
    "gpt3_1_3b": (24, 2048, 16, 1_315_723_264),
    "gpt3_2_7b": (32, 2560, 32, 2_651_553_280),
    "gpt3_6_7b": (32, 4096, 32, 6_658_404_352),
    "gpt3_13b": (40, 5120, 40, 12_853_386_240),
    "gpt3_175b": (96, 12288, 96, 174_604_259_328),
}
VARIANTS = {
    "gpt_tiny": Variant(_tiny(0.3, bias=True), 1_152, "sum over its layers", tiny=True),
    "gpt_tiny_no_bias": Variant(
        _tiny(0.0, bias=False, band=3), 1_014, "sum over its layers", tiny=True
    ),
    "char_gpt": Variant(
        _char(bias=True),
        10_770_816,
        "nanoGPT's shakespeare-char, with GPT-2's biases, summed over its layers",
    ),
    "char_gpt_no_bias": Variant(
        _char(bias=False),
        10_745_088,
        "nanoGPT's shakespeare-char, 10.65 M beside its positions, summed over its "
        "layers",
    ),
    "gpt2": Variant(GPTSpec(width=768, depth=12, heads=12), 124_439_808, _TRANSFORMERS),
    "gpt2_medium": Variant(
        GPTSpec(width=1024, depth=24, heads=16), 354_823_168, _TRANSFORMERS
    ),
    "gpt2_large": Variant(
        GPTSpec(width=1280, depth=36, heads=20), 774_030_080, _TRANSFORMERS
    ),
    "gpt2_xl": Variant(
        GPTSpec(width=1600, depth=48, heads=25), 1_557_611_200, _TRANSFORMERS
    ),
    **{
        name: Variant(_gpt3(*sizes), count, "sum over its layers; the paper rounds")
        for name, (*sizes, count) in _GPT3.items()
    },
}

ORACLES = (
    Original(
        "huggingface",
        "small_gpt2",
        "transformers' GPT2LMHeadModel, of three blocks",
        GPTSpec(
            vocab_size=101,
            positions=32,
            tokens=20,
            width=48,
            depth=3,
            heads=4,
            dropout=0.0,
        ),
    ),
)
