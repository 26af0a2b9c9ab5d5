"""keras-hub's ViT."""

from keras_hub.models import ViTBackbone


def make():
    model = ViTBackbone(
        image_shape=(16, 16, 3),
        patch_size=8,
        num_layers=2,
        num_heads=3,
        hidden_dim=12,
        mlp_dim=48,
    )
    return model
