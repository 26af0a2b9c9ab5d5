"""Autoencoders in Keras 3: [B, features], and of pictures BHWC.

Spec, papers: shared/specs/generative/autoencoder.py.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    ACTIVATIONS,
    Dense,
    SpecModel,
    conv,
    conv_transpose,
    flatten,
    unflatten,
)
from shared.specs.generative.autoencoder import AutoencoderSpec, ConvAutoencoderSpec

# The slope of each activation, of what it put out.
SLOPES: dict[str, Callable[[KerasTensor], KerasTensor]] = {
    "identity": ops.ones_like,
    "relu": lambda h: ops.cast(h > 0, h.dtype),
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
}


class Encoder(keras.Layer):
    def __init__(self, spec: AutoencoderSpec):
        super().__init__()
        *hidden, code = spec.encoder
        self.spec = spec
        self.hidden = [Dense(*sizes) for sizes in hidden]
        self.code = Dense(*code)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.hidden:
            x = ACTIVATIONS[self.spec.activation](layer(x))
        return ACTIVATIONS[self.spec.code](self.code(x))  # [B, latent]

    def jacobian(self, x: KerasTensor) -> KerasTensor:
        """Give the slopes of the code by the features: those of each layer times those
        of the layers before it."""
        slopes = ops.eye(self.spec.features, dtype=x.dtype)
        for layer in self.hidden:
            x = ACTIVATIONS[self.spec.activation](layer(x))
            slopes = chained(SLOPES[self.spec.activation](x), layer, slopes)
        slope = SLOPES[self.spec.code](ACTIVATIONS[self.spec.code](self.code(x)))
        return chained(slope, self.code, slopes)  # [B, latent, features]


def chained(slope: KerasTensor, layer: Dense, slopes: KerasTensor) -> KerasTensor:
    weight = ops.cast(ops.transpose(layer.kernel), slope.dtype)
    return slope[:, :, None] * ops.matmul(weight, ops.cast(slopes, slope.dtype))


class Decoder(keras.Layer):
    def __init__(self, spec: AutoencoderSpec):
        super().__init__()
        *hidden, out = spec.decoder
        self.spec = spec
        self.hidden = [Dense(*sizes) for sizes in hidden]
        self.fc = Dense(*out)

    def call(self, z: KerasTensor) -> KerasTensor:
        for layer in self.hidden:
            z = ACTIVATIONS[self.spec.activation](layer(z))
        return self.fc(z)  # [B, features]


class ConvEncoder(keras.Layer):
    def __init__(self, spec: ConvAutoencoderSpec):
        super().__init__()
        self.spec = spec
        self.convs = [conv(c) for c in spec.encoder]
        self.code = Dense(spec.features, spec.latent)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.convs:
            x = ACTIVATIONS[self.spec.activation](layer(x))  # [B, H/2, W/2, width]
        return ACTIVATIONS[self.spec.code](self.code(flatten(x)))  # [B, latent]


class ConvDecoder(keras.Layer):
    def __init__(self, spec: ConvAutoencoderSpec):
        super().__init__()
        self.spec = spec
        self.fc = Dense(spec.latent, spec.features)
        self.convs = [conv_transpose(c) for c in spec.decoder]
        self.out = conv_transpose(spec.decoder_out)

    def call(self, z: KerasTensor) -> KerasTensor:
        x = ACTIVATIONS[self.spec.activation](self.fc(z))
        x = unflatten(x, self.spec.maps)
        for layer in self.convs:
            x = ACTIVATIONS[self.spec.activation](layer(x))  # [B, 2H, 2W, width]
        return self.out(x)  # [B, rows, columns, channels]


class _Coder(SpecModel):
    """Any encoder and decoder."""

    def call(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        code = self.encoder(image)
        return self.decoder(code), code

    def encode(self, image: KerasTensor) -> KerasTensor:
        return self.encoder(image)

    def decode(self, code: KerasTensor) -> KerasTensor:
        return self.decoder(code)

    def reconstruct(self, image: KerasTensor) -> KerasTensor:
        y = self.decoder(self.encoder(image))
        return ops.sigmoid(y) if self.spec.likelihood == "bernoulli" else y

    def score(self, image: KerasTensor) -> KerasTensor:
        """Give the mean squared error: what is not like the data has much of it."""
        squares = ops.square(image - self.reconstruct(image))
        return ops.mean(flatten(squares), 1)  # [B]


class Autoencoder(_Coder):
    def __init__(self, spec: AutoencoderSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def jacobian(self, image: KerasTensor) -> KerasTensor:
        return self.encoder.jacobian(image)


class ConvAutoencoder(_Coder):
    def __init__(self, spec: ConvAutoencoderSpec):
        super().__init__(spec)
        self.encoder = ConvEncoder(spec)
        self.decoder = ConvDecoder(spec)
