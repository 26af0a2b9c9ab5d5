"""timm's ViT."""

import their  # noqa: F401
from timm.models.vision_transformer import VisionTransformer


def make():
    model = VisionTransformer(
        img_size=16, patch_size=8, embed_dim=12, depth=2, num_heads=3, num_classes=5
    )
    return model
