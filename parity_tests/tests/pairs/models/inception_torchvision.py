"""torchvision's InceptionV3."""

import their  # noqa: F401
import torchvision


def make():
    model = torchvision.models.inception_v3(
        weights=None, num_classes=5, aux_logits=False, init_weights=False
    )
    return model
