"""keras.applications' MobileNetV2."""

from keras.applications import MobileNetV2


def make():
    model = MobileNetV2(
        input_shape=(64, 64, 3),
        alpha=0.35,
        weights=None,
        classes=5,
        classifier_activation=None,
    )
    return model
