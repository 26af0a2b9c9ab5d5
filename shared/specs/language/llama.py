"""LLaMA (Touvron et al. 2023, https://arxiv.org/abs/2302.13971) and its relatives:
Llama 2 (arXiv:2307.09288), Llama 3 (arXiv:2407.21783), Mistral (arXiv:2310.06825),
SmolLM2 (arXiv:2502.02737).

Settled here because the papers leave it open, or codes disagree:
  norm      RMSNorm (arXiv:1910.07467) before attention and MLP, and once at the end
  rotary    of queries and keys (Su et al. 2021, arXiv:2104.09864), a pair of numbers by
            place * base^(-2i/d), i the pair. Which numbers are a pair is a convention
            of the weights. "half": i and i + d/2, as GPT-NeoX and Hugging Face have it;
            "interleaved": 2i and 2i + 1, as the paper and Meta's code have it. Rows of
            q_proj and k_proj in the other order make one of the other
  groups    of heads share keys and values (Ainslie et al. 2023, arXiv:2305.13245): head
            h of the queries reads those of h // (heads / kv_heads)
  window    a token sees itself and the window - 1 before it (Mistral, section 2); of
            what lies further back it hears through the blocks below
  SwiGLU    down(silu(gate(x)) * up(x)) (Shazeer 2020, arXiv:2002.05202), no biases
  head      of its own, or the token embedding again, transposed
  start     normal, of deviation 0.02, as Hugging Face has it; the papers do not say
  generate  as all decoders do (shared/specs/decoder.py); a cache keeps all keys, also
            those that a window no longer reaches

Left out is what Llama 3.1 does to the lowest frequencies for longer texts.

Names are Hugging Face's, without `model.` in front and with `blocks` for `layers`:
embed_tokens blocks.{i}.{input_layernorm,self_attn.{q,k,v,o}_proj,
post_attention_layernorm,mlp.{gate,up,down}_proj} norm lm_head
Hugging Face's, and those of GGUF: shared/files/checkpoints/llama.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.definitions.initializers import Initializer, Normal
from shared.fields import Depth, Positive, Size
from shared.specs.base import Original, Variant
from shared.specs.decoder import DecoderSpec


@dataclass(frozen=True, kw_only=True)
class RotaryDecoderSpec(DecoderSpec):
    """What LLaMA shares with its mixtures of experts (shared/specs/language/moe.py).

    tokens: in one input; no more are read when it generates.
    kv_heads: of keys and values, each for as many heads of queries.
    mlp_width: of gate and up. rotary_base: of the lowest frequency.
    """

    vocab_size: Size = 32000
    tokens: Size = 2048
    width: Size
    depth: Depth
    heads: Size
    kv_heads: Size
    mlp_width: Size
    rotary_base: Positive = 10_000.0
    rms_eps: Positive = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % (2 * self.heads):
            allowed = f"a divisor of half the width ({self.width})"
            self.refuse("heads", self.heads, allowed)
        if self.heads % self.kv_heads:
            self.refuse("kv_heads", self.kv_heads, f"a divisor of heads ({self.heads})")

    def unnamed_products(self) -> int:
        attention = 2 * self.depth * self.tokens**2 * self.width
        head = self.tokens * self.width * self.vocab_size if self.tied else 0
        return attention + head

    def starts(self) -> Mapping[str, Initializer]:
        return {
            name: Normal(std=0.02)
            for name in ("embed_tokens.weight", "*_proj.weight", "lm_head.weight")
        }

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def kv_width(self) -> int:
        return self.kv_heads * self.head_width

    @property
    def group(self) -> int:
        """How many heads of queries share keys and values."""
        return self.heads // self.kv_heads

    @property
    def frequencies(self) -> tuple[float, ...]:
        """The angle by which each pair turns from one token to the next."""
        pairs = range(0, self.head_width, 2)
        return tuple(self.rotary_base ** (-i / self.head_width) for i in pairs)

    @property
    def window(self) -> int | None:
        return None

    @property
    def rotary(self) -> str:
        return "half"

    @property
    def tied(self) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class LlamaSpec(RotaryDecoderSpec):
    """window: how many tokens attention reaches; None for all. rotary: which numbers
    are a pair. tied: the head is the embedding.
    """

    window: Size | None = None
    rotary: Literal["half", "interleaved"] = "half"
    tied: bool = False


def _tiny(**changes: Any) -> LlamaSpec:
    sizes: dict[str, Any] = {
        "vocab_size": 11,
        "tokens": 7,
        "width": 16,
        "depth": 2,
        "heads": 4,
        "kv_heads": 2,
        "mlp_width": 5,
        "rotary_base": 50.0,
        "rms_eps": 1e-3,
    }
    return LlamaSpec(**sizes | changes)


_7B: dict[str, Any] = {
    "width": 4096,
    "depth": 32,
    "heads": 32,
    "kv_heads": 32,
    "mlp_width": 11008,
}
_70B: dict[str, Any] = {
    "width": 8192,
    "depth": 80,
    "heads": 64,
    "kv_heads": 8,
    "mlp_width": 28672,
}
# The first models' eps, and the second's texts.
_LLAMA1: dict[str, Any] = {"rms_eps": 1e-6}
_LLAMA2: dict[str, Any] = {"tokens": 4096}
_LLAMA3: dict[str, Any] = {
    "vocab_size": 128256,
    "tokens": 8192,
    "rotary_base": 500_000.0,
}
_TRANSFORMERS, _SUM = "transformers 5.23.0", "sum over its layers"
_SIZES = "transformers 5.23.0 at the paper's sizes"


VARIANTS = {
    "llama_tiny": Variant(
        _tiny(window=3, rotary="interleaved"), 2_448, _SUM, tiny=True
    ),
    "llama_tiny_tied": Variant(
        _tiny(width=12, depth=1, heads=2, tied=True), 924, _SUM, tiny=True
    ),
    "stories15m": Variant(
        LlamaSpec(
            tokens=256,
            width=288,
            depth=6,
            heads=6,
            kv_heads=6,
            mlp_width=768,
            tied=True,
        ),
        15_191_712,
        _TRANSFORMERS,
    ),
    "smollm2_135m": Variant(
        LlamaSpec(
            vocab_size=49152,
            tokens=8192,
            width=576,
            depth=30,
            heads=9,
            kv_heads=3,
            mlp_width=1536,
            rotary_base=100_000.0,
            tied=True,
        ),
        134_515_008,
        "header of the package's GGUF",
    ),
    "tinyllama_1b": Variant(
        LlamaSpec(width=2048, depth=22, heads=32, kv_heads=4, mlp_width=5632),
        1_100_048_384,
        _TRANSFORMERS,
    ),
    "llama_7b": Variant(LlamaSpec(**_7B | _LLAMA1), 6_738_415_616, _SIZES),
    "llama_13b": Variant(
        LlamaSpec(
            width=5120, depth=40, heads=40, kv_heads=40, mlp_width=13824, **_LLAMA1
        ),
        13_015_864_320,
        _SIZES,
    ),
    "llama_33b": Variant(
        LlamaSpec(
            width=6656, depth=60, heads=52, kv_heads=52, mlp_width=17920, **_LLAMA1
        ),
        32_528_943_616,
        _SIZES,
    ),
    "llama_65b": Variant(
        LlamaSpec(
            width=8192, depth=80, heads=64, kv_heads=64, mlp_width=22016, **_LLAMA1
        ),
        65_285_660_672,
        _SIZES,
    ),
    "llama2_7b": Variant(LlamaSpec(**_7B | _LLAMA2), 6_738_415_616, _TRANSFORMERS),
    "llama2_70b": Variant(LlamaSpec(**_70B | _LLAMA2), 68_976_648_192, _SIZES),
    "llama3_8b": Variant(
        LlamaSpec(**_7B | _LLAMA3 | {"kv_heads": 8, "mlp_width": 14336}),
        8_030_261_248,
        _SIZES,
    ),
    "llama3_70b": Variant(LlamaSpec(**_70B | _LLAMA3), 70_553_706_496, _SIZES),
    "mistral_7b": Variant(
        LlamaSpec(
            **_7B
            | {
                "tokens": 32768,
                "kv_heads": 8,
                "mlp_width": 14336,
                "window": 4096,
            }
        ),
        7_241_732_096,
        _TRANSFORMERS,
    ),
}

_SMALL: dict[str, Any] = {
    "vocab_size": 101,
    "tokens": 20,
    "width": 48,
    "depth": 3,
    "heads": 6,
    "kv_heads": 2,
    "mlp_width": 40,
    "rotary_base": 300.0,
    "rms_eps": 1e-3,
}
ORACLES = (
    Original(
        "huggingface",
        "small_llama",
        "transformers' LlamaForCausalLM, of three blocks",
        LlamaSpec(**_SMALL),
    ),
    Original(
        "huggingface",
        "small_llama_tied",
        "transformers' LlamaForCausalLM with a tied head",
        LlamaSpec(**_SMALL, tied=True),
    ),
    Original(
        "huggingface",
        "small_mistral",
        "transformers' MistralForCausalLM, with a window",
        LlamaSpec(**_SMALL, window=5),
    ),
)
