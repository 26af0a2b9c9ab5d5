"""The optimizers."""

from shared.definitions.optimizers.base import *  # noqa: F403
