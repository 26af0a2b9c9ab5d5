"""The convolutions of keras.applications' VGG-16."""

from keras.applications import VGG16


def make():
    model = VGG16(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    return model
