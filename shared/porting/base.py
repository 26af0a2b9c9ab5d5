"""What an entry of the porting dictionary says: one thing by its name and arguments in
each framework, as code that runs and gives the same numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

KINDS = ("layers", "functions", "losses", "tensors")
# What a name is called by whoever imports it otherwise.
LONG = {
    "nn.": "torch.nn.",
    "F.": "torch.nn.functional.",
    "layers.": "keras.layers.",
    "ops.": "keras.ops.",
    "losses.": "keras.losses.",
    "nnx.": "flax.nnx.",
    "jnp.": "jax.numpy.",
    "optax.": "optax.",
}


@dataclass(frozen=True)
class Form:
    """How one framework writes it.

    code: what makes the layer, once; empty where there is none.
    call: what gives the value, of the inputs by name and of `layer`.
    takes: tensors of the layer, each as an expression in NumPy of PyTorch's.
    defaults: arguments that are to be known, as they are where nobody says otherwise.
    """

    code: str
    call: str = "layer(x)"
    takes: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What makes it, or the first function that is called."""
        found = re.search(r"[A-Za-z_][\w.]*(?=\()", self.code or self.call)
        return found[0] if found else self.code or self.call

    @property
    def lines(self) -> tuple[str, ...]:
        """The code as a person would write it."""
        made = (f"layer = {self.code}",) if self.code else ()
        given = (f"layer.{path} = {made}" for path, made in self.takes.items())
        return (*made, *given, f"y = {self.call}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry names one layer or function in the three frameworks.

    inputs: shapes as PyTorch has them; whole: those that are whole numbers below n.
    weights: PyTorch's names and shapes; zeros: those that have to be 0, since another
        framework has no place for them.
    last: the inputs whose channels Keras and JAX have last, and `y` for the output.
    notes: what has to be set, or known, for the three to be equal.
    differences: sections of docs/differences.md.
    also: further names that lead here.
    single: the frameworks whose own form rounds something to float32 in float64 too.
    """

    key: str
    kind: str
    title: str
    inputs: Mapping[str, tuple[int, ...]]
    pytorch: Form
    keras: Form
    jax: Form
    whole: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    zeros: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    single: tuple[str, ...] = ()

    @property
    def forms(self) -> dict[str, Form]:
        return {"pytorch": self.pytorch, "keras": self.keras, "jax": self.jax}

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that leads here, the whole ones first."""
        own = [form.name for form in self.forms.values()]
        return tuple(dict.fromkeys(map(whole_name, [*own, *self.also])))


def whole_name(name: str) -> str:
    """Write a name in full: `torch.nn.Conv2d` for `nn.Conv2d`."""
    for short, long in LONG.items():
        if name.startswith(short):
            return long + name.removeprefix(short)
    return name
