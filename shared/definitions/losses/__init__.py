from shared.definitions.losses.base import *  # noqa: F403
