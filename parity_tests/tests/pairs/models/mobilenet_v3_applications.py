"""keras.applications' MobileNetV3."""

from keras.applications import MobileNetV3Small


def make():
    model = MobileNetV3Small(
        input_shape=(64, 64, 3),
        alpha=0.75,
        weights=None,
        classes=5,
        classifier_activation=None,
        include_preprocessing=False,
    )
    return model
