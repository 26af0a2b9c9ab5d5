"""Triptych in Keras 3: `build`, `load_weights` and `save_weights` for its users."""

from keras_impl.adapter import build, load_weights, save_weights

__all__ = ["build", "load_weights", "save_weights"]
