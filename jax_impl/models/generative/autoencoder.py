"""Autoencoders in JAX (Flax NNX): [B, features], and of pictures BHWC.

Spec, papers: shared/specs/generative/autoencoder.py.
"""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    ACTIVATIONS,
    Linear,
    conv,
    conv_transpose,
    flatten,
    unflatten,
)
from shared.specs.generative.autoencoder import AutoencoderSpec, ConvAutoencoderSpec

# The slope of each activation, of what it put out.
SLOPES: dict[str, Callable[[Array], Array]] = {
    "identity": jnp.ones_like,
    "relu": lambda h: (h > 0).astype(h.dtype),
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
}


class Encoder(nnx.Module):
    def __init__(self, spec: AutoencoderSpec, *, rngs: nnx.Rngs):
        *hidden, code = spec.encoder
        self.spec = spec
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in hidden)
        self.code = Linear(*code, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for layer in self.hidden:
            x = ACTIVATIONS[self.spec.activation](layer(x))
        return ACTIVATIONS[self.spec.code](self.code(x))  # [B, latent]

    def jacobian(self, x: Array) -> Array:
        """Give the slopes of the code by the features: those of each layer times those
        of the layers before it."""
        slopes = jnp.eye(self.spec.features, dtype=x.dtype)
        for layer in self.hidden:
            x = ACTIVATIONS[self.spec.activation](layer(x))
            slopes = chained(SLOPES[self.spec.activation](x), layer, slopes)
        slope = SLOPES[self.spec.code](ACTIVATIONS[self.spec.code](self.code(x)))
        return chained(slope, self.code, slopes)  # [B, latent, features]


def chained(slope: Array, layer: Linear, slopes: Array) -> Array:
    weight = layer.kernel[...].T.astype(slope.dtype)
    return slope[:, :, None] * (weight @ slopes.astype(slope.dtype))


class Decoder(nnx.Module):
    def __init__(self, spec: AutoencoderSpec, *, rngs: nnx.Rngs):
        *hidden, out = spec.decoder
        self.spec = spec
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in hidden)
        self.fc = Linear(*out, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        for layer in self.hidden:
            z = ACTIVATIONS[self.spec.activation](layer(z))
        return self.fc(z)  # [B, features]


class ConvEncoder(nnx.Module):
    def __init__(self, spec: ConvAutoencoderSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.convs = nnx.List(conv(c, rngs=rngs) for c in spec.encoder)
        self.code = Linear(spec.features, spec.latent, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for layer in self.convs:
            x = ACTIVATIONS[self.spec.activation](layer(x))  # [B, H/2, W/2, width]
        return ACTIVATIONS[self.spec.code](self.code(flatten(x)))  # [B, latent]


class ConvDecoder(nnx.Module):
    def __init__(self, spec: ConvAutoencoderSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.fc = Linear(spec.latent, spec.features, rngs=rngs)
        self.convs = nnx.List(conv_transpose(c, rngs=rngs) for c in spec.decoder)
        self.out = conv_transpose(spec.decoder_out, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        x = ACTIVATIONS[self.spec.activation](self.fc(z))
        x = unflatten(x, self.spec.maps)
        for layer in self.convs:
            x = ACTIVATIONS[self.spec.activation](layer(x))  # [B, 2H, 2W, width]
        return self.out(x)  # [B, rows, columns, channels]


class _Coder(nnx.Module):
    """Any encoder and decoder."""

    def __call__(self, image: Array) -> tuple[Array, Array]:
        code = self.encoder(image)
        return self.decoder(code), code

    def encode(self, image: Array) -> Array:
        return self.encoder(image)

    def decode(self, code: Array) -> Array:
        return self.decoder(code)

    def reconstruct(self, image: Array) -> Array:
        y = self.decoder(self.encoder(image))
        return nnx.sigmoid(y) if self.spec.likelihood == "bernoulli" else y

    def score(self, image: Array) -> Array:
        """Give the mean squared error: what is not like the data has much of it."""
        return flatten(jnp.square(image - self.reconstruct(image))).mean(1)  # [B]


class Autoencoder(_Coder):
    def __init__(self, spec: AutoencoderSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.decoder = Decoder(spec, rngs=rngs)

    def jacobian(self, image: Array) -> Array:
        return self.encoder.jacobian(image)


class ConvAutoencoder(_Coder):
    def __init__(self, spec: ConvAutoencoderSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = ConvEncoder(spec, rngs=rngs)
        self.decoder = ConvDecoder(spec, rngs=rngs)
