"""Mixture of experts: Mixtral (Jiang et al. 2024, https://arxiv.org/abs/2401.04088),
and its blocks with the routing of the Switch Transformer (Fedus et al. 2021,
https://arxiv.org/abs/2101.03961): a LLaMA with, for each token, few of several MLPs.

Settled here, beside what shared/specs/language/llama.py settles:
  router    a linear map without bias; the experts that score highest are chosen, of
            equals the lower index. All scores go through one softmax, in full precision
  shares    of several that are chosen sum to 1 (Mixtral); of one it is its probability
            itself, without which the router would have no gradient (Switch)
  capacity  how many tokens of a sequence an expert takes in training: so many times the
            number that all would have alike, rounded up. First all first choices take
            their room in turn, then all second ones (GShard, Lepikhin et al. 2020,
            arXiv:2006.16668, algorithm 1); what finds none goes on by the residual
            alone. A sequence is the paper's group. None, and in evaluation: no limit
  balance   as shared/objectives/routing.py has it; in training the routers' scores are
            put out beside the logits
  computed  every expert reads every token, as fixed shapes want it, and gives nothing
            where it was not chosen
Left out are GShard's second choices by chance and Switch's noise.

Names are those of LLaMA, with blocks.{i}.mlp.gate
and blocks.{i}.mlp.experts.{j}.{gate,up,down}_proj
Hugging Face's: shared/files/checkpoints/moe.py
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.definitions.initializers import Initializer, Normal
from shared.fields import Positive, Size
from shared.objectives.base import Objective
from shared.objectives.routing import Balanced
from shared.specs.base import Original, Tensor, Variant
from shared.specs.language.llama import RotaryDecoderSpec


@dataclass(frozen=True, kw_only=True)
class MoESpec(RotaryDecoderSpec):
    """mlp_width: of each expert. experts: of a block. chosen: by each token.
    capacity: of an expert in training, in shares of what all would have alike.
    """

    experts: Size = 8
    chosen: Size = 2
    capacity: Positive | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chosen > self.experts:
            self.refuse("chosen", self.chosen, f"at most experts ({self.experts})")

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        if not training:
            return super().outputs(training)
        routes = Tensor("routes", (self.depth, self.tokens, self.experts))
        return *super().outputs(training), routes

    def objective(self) -> Objective:
        return Balanced(chosen=self.chosen)

    def starts(self) -> Mapping[str, Initializer]:
        return {**super().starts(), "*.mlp.gate.weight": Normal(std=0.02)}

    @property
    def normalized(self) -> bool:
        return self.chosen > 1

    def room(self, tokens: int) -> int:
        """How many tokens of so many an expert takes in training."""
        alike = tokens * self.chosen / self.experts
        return math.ceil((self.capacity or math.inf) * alike)


def _tiny(**changes: Any) -> MoESpec:
    sizes: dict[str, Any] = {
        "vocab_size": 11,
        "tokens": 7,
        "width": 12,
        "depth": 2,
        "heads": 3,
        "kv_heads": 1,
        "mlp_width": 5,
        "experts": 4,
        "rotary_base": 50.0,
        "rms_eps": 1e-3,
    }
    return MoESpec(**sizes | changes)


_SUM, _SIZES = "sum over its layers", "transformers 5.23.0 at the published sizes"
_MIXTRAL: dict[str, Any] = {
    "tokens": 32768,
    "heads": 32,
    "kv_heads": 8,
    "rotary_base": 1_000_000.0,
}
VARIANTS = {
    "moe_tiny": Variant(_tiny(), 2_628, _SUM, tiny=True),
    "moe_tiny_switch": Variant(
        _tiny(depth=1, experts=3, chosen=1, capacity=0.8),
        1_260,
        _SUM,
        tiny=True,
    ),
    "mixtral_8x7b": Variant(
        MoESpec(**_MIXTRAL, width=4096, depth=32, mlp_width=14336),
        46_702_792_704,
        _SIZES,
    ),
    "mixtral_8x22b": Variant(
        MoESpec(
            **_MIXTRAL | {"tokens": 65536, "heads": 48},
            width=6144,
            depth=56,
            mlp_width=16384,
        ),
        140_620_634_112,
        _SIZES,
    ),
}

ORACLES = (
    Original(
        "huggingface",
        "small_mixtral",
        "transformers' MixtralForCausalLM, of three blocks",
        MoESpec(
            vocab_size=101,
            tokens=20,
            width=48,
            depth=3,
            heads=6,
            kv_heads=2,
            mlp_width=40,
            experts=5,
            rotary_base=300.0,
            rms_eps=1e-3,
        ),
    ),
)
