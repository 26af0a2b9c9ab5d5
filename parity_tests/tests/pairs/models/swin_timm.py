"""timm's Swin transformer."""

import their  # noqa: F401
from timm.models.swin_transformer import SwinTransformer


def make():
    model = SwinTransformer(
        img_size=64,
        patch_size=4,
        embed_dim=8,
        depths=(2, 2),
        num_heads=(2, 4),
        window_size=4,
        num_classes=5,
        drop_path_rate=0.0,
    )
    return model
