"""What every model here is: a keras.Model that is saved with its spec."""

import importlib
from typing import Any, Self

import keras

from shared.plain import from_plain, to_plain
from shared.specs.base import Spec


class SpecModel(keras.Model):
    """A keras.Model that is saved with its spec, so that `.keras` files load."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        keras.saving.register_keras_serializable("triptych")(cls)

    def __init__(self, spec: Spec):
        super().__init__()
        self.spec: Any = spec

    def get_config(self) -> dict[str, Any]:
        return {"spec": to_plain(self.spec)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        family = importlib.import_module(
            cls.__module__.replace("keras_impl.models", "shared.specs")
        )
        return cls(from_plain(getattr(family, f"{cls.__name__}Spec"), config["spec"]))
