"""keras.applications' MobileNet."""

from keras.applications import MobileNet


def make():
    model = MobileNet(
        input_shape=(64, 64, 3),
        alpha=0.25,
        weights=None,
        classes=5,
        classifier_activation=None,
    )
    return model
