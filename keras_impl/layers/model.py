"""What every model here is: a keras.Model that is saved with its spec."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import keras
from keras.src.utils.summary_utils import print_summary

from keras_impl.weights import children, named_layers
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
        """The spec, and in which precision and under which name it was built."""
        policy = keras.dtype_policies.serialize(self.dtype_policy)
        return {"name": self.name, "dtype": policy, "spec": to_plain(self.spec)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make the model of such a configuration; its weights are not in it."""
        family = importlib.import_module(
            cls.__module__.replace("keras_impl.models", "shared.specs")
        )
        spec = from_plain(getattr(family, f"{cls.__name__}Spec"), config["spec"])
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(keras.dtype_policies.get(config.get("dtype")))
        try:
            model = cls(spec)
        finally:
            keras.config.set_dtype_policy(before)
        model.name = config.get("name", model.name)
        for _, layer in named_layers(model):
            layer.built = True  # every variable was made in a constructor
        return model

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[..., None] | None = None,
        expand_nested: bool = True,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print Keras's table with the whole tree, layers by the names of the
        attributes that hold them."""
        print_summary(
            _Branch(self.name, self),
            line_length,
            positions,
            print_fn,
            expand_nested,
            show_trainable,
            layer_range,
        )


class _Branch:
    """A layer as Keras's table looks at it: `layers` are those inside it."""

    def __init__(self, name: str, layer: keras.Layer):
        self.name, self._layer = name, layer

    @property
    def layers(self) -> list["_Branch"]:
        return [_Branch(*found) for found in _inside(self._layer)]

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._layer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)


def _inside(layer: Any, path: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Yield the layers right inside one, also those in lists."""
    for name, value in children(layer):
        here = f"{path}.{name}" if path else name
        if isinstance(value, keras.Layer):
            yield here, value
        elif isinstance(value, list | tuple | dict):
            yield from _inside(value, here)
