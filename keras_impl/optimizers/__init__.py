"""The optimizers."""

from keras_impl.optimizers.base import *  # noqa: F403
