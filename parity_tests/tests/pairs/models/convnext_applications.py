"""keras.applications' ConvNeXt."""

from keras.src.applications.convnext import ConvNeXt


def make():
    model = ConvNeXt(
        depths=[1, 1, 2, 1],
        projection_dims=[4, 8, 12, 16],
        weights=None,
        classes=5,
        include_preprocessing=False,
        input_shape=(64, 64, 3),
        classifier_activation=None,
    )
    return model
