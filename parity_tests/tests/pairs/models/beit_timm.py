"""timm's BEiT."""

import their  # noqa: F401
from timm.models.beit import Beit


def make():
    model = Beit(
        img_size=16,
        patch_size=8,
        num_classes=5,
        embed_dim=12,
        depth=2,
        num_heads=3,
        use_abs_pos_emb=False,
        use_rel_pos_bias=True,
        init_values=0.1,
    )
    return model
