"""The U-Net by Keras's functions."""

import keras
from keras import layers


def double(x, o, name):
    x = layers.Conv2D(o, 3, padding="same", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_act")(x)


def make():
    x = keras.Input((16, 16, 3))
    a = double(x, 4, "down1")
    b = double(layers.MaxPooling2D(2)(a), 8, "down2")
    c = double(layers.MaxPooling2D(2)(b), 12, "bottom")
    c = layers.Conv2DTranspose(8, 2, strides=2, name="grow")(c)
    d = double(layers.Concatenate()([b, c]), 8, "up2")
    d = layers.UpSampling2D(2, interpolation="nearest")(d)
    d = double(layers.Concatenate()([a, d]), 4, "up1")
    return keras.Model(x, layers.Conv2D(2, 1, name="masks")(d))
