"""torchvision's Swin transformer."""

import their  # noqa: F401
from torchvision.models import SwinTransformer


def make():
    model = SwinTransformer(
        patch_size=[4, 4],
        embed_dim=8,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=[4, 4],
        num_classes=5,
        stochastic_depth_prob=0.0,
    )
    return model
