"""Autoencoders in NumPy: [B, features], and of pictures BCHW.

Spec, papers: shared/specs/generative/autoencoder.py.
"""

import math
from collections.abc import Callable

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ACTIVATIONS, Identity, Sigmoid
from shared.reference.layers.convolution import conv, conv_transpose
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import Flatten, Unflatten
from shared.reference.module import Chain, Module, Operation, Steps
from shared.specs.generative.autoencoder import AutoencoderSpec, ConvAutoencoderSpec

# The slope of each activation and how it bends, both of what it put out.
SLOPES: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "identity": (np.ones_like, np.zeros_like),
    "relu": (lambda h: (h > 0).astype(h.dtype), np.zeros_like),
    "sigmoid": (lambda h: h * (1 - h), lambda h: 1 - 2 * h),
    "tanh": (lambda h: 1 - h**2, lambda h: -2 * h),
}


class Encoder(Steps):
    def __init__(self, spec: AutoencoderSpec):
        *hidden, code = spec.encoder
        activation = ACTIVATIONS[spec.activation]
        self.hidden = [Linear(*sizes) for sizes in hidden]
        self.code = Linear(*code)
        self.names = (*(spec.activation for _ in hidden), spec.code)
        steps = (Chain(layer, activation()) for layer in self.hidden)
        self.steps = Chain(*steps, self.code, ACTIVATIONS[spec.code]())  # [B, latent]

    def jacobian(self, x: Array) -> Array:
        """J_l = diag(d_l) W_l J_{l-1}, with d_l the slopes of layer l, from J_0 = I."""
        self.hs, self.js = [x], [np.eye(x.shape[1], dtype=x.dtype)]
        for layer, name in self.layers():
            self.hs.append(ACTIVATIONS[name]()(layer(self.hs[-1])))
            product, (slope, _) = layer.weight.value @ self.js[-1], SLOPES[name]
            self.js.append(slope(self.hs[-1])[:, :, None] * product)
        return self.js[-1]  # [B, latent, features]

    def jacobian_backward(self, g: Array) -> Array:
        """What goes back through W_l J_{l-1}; and through d_l, which layer l put out,
        so that it goes on through the layers before."""
        of_h = np.zeros_like(self.hs[-1])
        for k, (layer, name) in list(enumerate(self.layers()))[::-1]:
            weight, h, before = layer.weight.value, self.hs[k + 1], self.js[k]
            slope, bend = SLOPES[name]
            of_h = of_h + bend(h) * (g * (weight @ before)).sum(2)
            of_sum = slope(h) * of_h
            g = slope(h)[:, :, None] * g
            shown = np.broadcast_to(before, (len(g), *before.shape[-2:]))
            layer.weight.add(np.einsum("bof,bif->oi", g, shown))
            layer.weight.add(of_sum.T @ self.hs[k])
            assert layer.bias is not None
            layer.bias.add(of_sum.sum(0))
            g, of_h = weight.T @ g, of_sum @ weight
        return of_h

    def layers(self) -> list[tuple[Linear, str]]:
        return list(zip([*self.hidden, self.code], self.names, strict=True))


class Decoder(Steps):
    def __init__(self, spec: AutoencoderSpec):
        *hidden, out = spec.decoder
        activation = ACTIVATIONS[spec.activation]
        self.hidden = [Linear(*sizes) for sizes in hidden]
        self.fc = Linear(*out)
        steps = (Chain(layer, activation()) for layer in self.hidden)
        self.steps = Chain(*steps, self.fc)  # [B, features]


class ConvEncoder(Steps):
    def __init__(self, spec: ConvAutoencoderSpec):
        activation = ACTIVATIONS[spec.activation]
        self.convs = [conv(c) for c in spec.encoder]
        self.code = Linear(spec.features, spec.latent)
        self.steps = Chain(
            *(Chain(layer, activation()) for layer in self.convs),
            Flatten(),
            Chain(self.code, ACTIVATIONS[spec.code]()),  # [B, latent]
        )


class ConvDecoder(Steps):
    def __init__(self, spec: ConvAutoencoderSpec):
        activation = ACTIVATIONS[spec.activation]
        self.fc = Linear(spec.latent, spec.features)
        self.convs = [conv_transpose(c) for c in spec.decoder]
        self.out = conv_transpose(spec.decoder_out)
        self.steps = Chain(
            Chain(self.fc, activation(), Unflatten(spec.maps)),
            *(Chain(layer, activation()) for layer in self.convs),
            self.out,  # [B, channels, rows, columns]
        )


class _Coder(Module):
    """Any encoder and decoder. The code is put out too, so it has a gradient of its
    own beside the decoder's."""

    encoder: Steps
    decoder: Steps
    said: Operation  # of what is decoded, in a reconstruction

    def forward(self, image: Array) -> tuple[Array, Array]:
        code = self.encoder(image)
        return self.decoder(code), code

    def backward(self, g: Array, of_code: Array) -> Array:
        return self.encoder.backward(self.decoder.backward(g) + of_code)

    def encode(self, image: Array) -> Array:
        found: Array = self.encoder(image)
        return found

    def encode_backward(self, g: Array) -> Array:
        return self.encoder.backward(g)

    def decode(self, code: Array) -> Array:
        found: Array = self.decoder(code)
        return found

    def decode_backward(self, g: Array) -> Array:
        return self.decoder.backward(g)

    def reconstruct(self, image: Array) -> Array:
        found: Array = self.said(self.decoder(self.encoder(image)))
        return found

    def reconstruct_backward(self, g: Array) -> Array:
        return self.encoder.backward(self.decoder.backward(self.said.backward(g)))

    def score(self, image: Array) -> Array:
        self.off = image - self.reconstruct(image)
        squares: Array = np.square(self.off).reshape(len(image), -1)
        return squares.mean(1)  # [B]

    def score_backward(self, g: Array) -> Array:
        """The image is in the error twice, by itself and reconstructed."""
        share = g.reshape(-1, *(1,) * (self.off.ndim - 1)) * 2
        of_off = share * self.off / math.prod(self.off.shape[1:])
        return of_off + self.reconstruct_backward(-of_off)


class Autoencoder(_Coder):
    def __init__(self, spec: AutoencoderSpec):
        self.encoder: Encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        self.said = Sigmoid() if spec.likelihood == "bernoulli" else Identity()

    def jacobian(self, image: Array) -> Array:
        return self.encoder.jacobian(image)

    def jacobian_backward(self, g: Array) -> Array:
        return self.encoder.jacobian_backward(g)


class ConvAutoencoder(_Coder):
    def __init__(self, spec: ConvAutoencoderSpec):
        self.encoder = ConvEncoder(spec)
        self.decoder = ConvDecoder(spec)
        self.said = Sigmoid() if spec.likelihood == "bernoulli" else Identity()
