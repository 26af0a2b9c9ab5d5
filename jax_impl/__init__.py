"""Triptych in JAX (Flax NNX): `build`, `load_weights`, `save_weights` for its users."""

from jax_impl.adapter import build, load_weights, save_weights

__all__ = ["build", "load_weights", "save_weights"]
