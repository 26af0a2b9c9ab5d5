"""keras.applications' EfficientNetV2."""

from keras.applications import EfficientNetV2B0


def make():
    model = EfficientNetV2B0(
        weights=None,
        input_shape=(64, 64, 3),
        classes=5,
        classifier_activation=None,
        include_preprocessing=False,
    )
    return model
