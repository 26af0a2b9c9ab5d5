"""The optimizers."""

from pytorch_impl.optimizers.base import *  # noqa: F403
