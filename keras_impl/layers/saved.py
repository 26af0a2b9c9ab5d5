"""What every layer here is: known to Keras, and saved with what it was made of."""

import inspect
from dataclasses import is_dataclass
from typing import Any, Self, get_type_hints

import keras

from shared.plain import from_plain, to_plain

# What Keras has of every layer, beside the arguments of its own.
_KERAS = ("self", "name", "dtype")


class Saved:
    """A layer whose arguments are attributes of the same names, written in a model's
    configuration; goes before the Keras layer that it derives from."""

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable("triptych")(cls)

    def get_config(self) -> dict[str, Any]:
        """The arguments, specs among them as JSON can hold them."""
        layer: Any = self
        config = {
            "name": layer.name,
            "trainable": layer.trainable,
            "dtype": keras.dtype_policies.serialize(layer.dtype_policy),
        }
        for name in inspect.signature(type(self).__init__).parameters:
            if name not in _KERAS:
                value = getattr(self, name)
                config[name] = to_plain(value) if is_dataclass(value) else value
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that these arguments make."""
        kinds, given = get_type_hints(cls.__init__), dict(config)
        trainable = given.pop("trainable", True)
        for name, kind in kinds.items():
            if is_dataclass(kind) and isinstance(kind, type):
                given[name] = from_plain(kind, given[name])
        made: Any = cls(**given)
        made.trainable = trainable
        return made
