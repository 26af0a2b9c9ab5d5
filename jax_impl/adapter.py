"""JAX (Flax NNX) behind the contract (shared/contract.py)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.extend.core import get_opaque_trace_state

from jax_impl import definitions, models, workloads
from jax_impl.precision import full, lower
from jax_impl.training import Trainer
from jax_impl.weights import named_modules, native_names, slots
from shared import catalog, contract, messages
from shared.arrays import Array, Weights
from shared.definitions.losses import Loss
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.errors import UsageError, brief
from shared.files import weights
from shared.files.weights import Slot
from shared.objectives.plan import Plan
from shared.randomness import Draws
from shared.specs.base import Spec


def build(model: str | Spec, seed: int = 0) -> nnx.Module:
    """The model of a catalog name or a spec, started as the spec says."""
    spec = catalog.variant(model).spec if isinstance(model, str) else model
    dtype = "float64" if jax.config.jax_enable_x64 else "float32"
    built = _abstract(spec, dtype, model if isinstance(model, str) else "")
    built.start(seed)
    return built.native


class _Still(nnx.RngStream):
    """One key for all that is not kept, and no count: with one, a trace takes time that
    grows with the square of the layers."""

    def __call__(self) -> jax.Array:
        return self.key[...]

    def fork(self, *, split: int | tuple[int, ...] | None = None) -> nnx.RngStream:
        return nnx.RngStream(self.key[...], tag=self.tag)


def _abstract(spec: Spec, dtype: str, name: str) -> "JaxModel":
    kind = getattr(models, type(spec).__name__.removesuffix("Spec"))

    def make() -> nnx.Module:
        rngs = nnx.Rngs(0)
        rngs.default = _Still(0, tag="default")
        return kind(spec, rngs=rngs)

    native = nnx.eval_shape(make)
    return JaxModel(native, dtype, spec, name)


def load_weights(model: nnx.Module, path: str | Path) -> None:
    """Fill a model from a canonical safetensors file, all or nothing."""
    JaxModel(model, _dtype_of(model)).read(Path(path))


def save_weights(model: nnx.Module, path: str | Path, name: str = "") -> None:
    """Write a model's canonical safetensors file."""
    spec = getattr(model, "spec", None)
    JaxModel(model, _dtype_of(model), spec, name).save(Path(path))


def _dtype_of(model: nnx.Module) -> str:
    slot = next(iter(slots(model, "").values()))
    return str(slot.place.get_value().dtype)


class Adapter(contract.Framework):
    def __init__(self, dtype: str, threads: int):
        self.dtype, self.threads = dtype, threads
        jax.config.update("jax_enable_x64", dtype == "float64")

    modes = workloads.MODES

    def describe(self) -> dict[str, Any]:
        return {
            "versions": {"jax": jax.__version__, "flax": flax.__version__},
            "devices": [str(device) for device in jax.devices()],
            "threads": self.threads,
        }

    def memory(self) -> int | None:
        found = jax.local_devices()[0].memory_stats()
        return None if found is None else found.get("peak_bytes_in_use")

    def build(self, spec: Spec, name: str) -> "JaxModel":
        return _abstract(spec, self.dtype, name)

    def adopt(
        self, native: Any, inputs: tuple[Array, ...], program: str = ""
    ) -> "JaxModel":
        if not isinstance(native, nnx.Module):
            raise UsageError(f"{type(native)} is no flax.nnx.Module")
        for _, module in named_modules(native):
            if isinstance(module, nnx.Dropout):
                module.rate = 0.0
        model = JaxModel(native, self.dtype)
        model.load({k: v.astype(self.dtype) for k, v in model.dump().items()})
        return model

    def optimize(self, stream: messages.Stream) -> messages.Steps:
        return definitions.optimize(stream)

    def factors(self, schedule: Schedule, number: int) -> list[float]:
        return definitions.factors(schedule, number)

    def observe(self, schedule: ReduceOnPlateau, values: list[float]) -> list[float]:
        return definitions.observe(schedule, values)

    def evaluate(
        self, loss: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
    ) -> tuple[Array, tuple[Array, ...]]:
        return definitions.evaluate(loss, outputs, targets)


class JaxModel(contract.Model):
    channels_last = True

    def __init__(
        self, native: nnx.Module, dtype: str, spec: Spec | None = None, name: str = ""
    ):
        self.native, self.dtype, self.spec, self.name = native, dtype, spec, name

    def slots(self) -> dict[str, Slot]:
        return slots(self.native, self.dtype)

    def get(self, slot: Slot) -> Array:
        return np.asarray(slot.place.get_value())

    def put(self, slot: Slot, value: Array) -> None:
        slot.place.set_value(jnp.array(value))

    def finish(self) -> None:
        """An abstract model's random streams get a state, each its own; the masks are
        not ours."""
        for i, (_, module) in enumerate(nnx.iter_graph(self.native)):
            if isinstance(module, nnx.RngKey) and _is_abstract(module):
                key = jax.random.key(self.seed)
                module.set_value(jax.random.fold_in(key, i))
            elif isinstance(module, nnx.RngCount) and _is_abstract(module):
                module.set_value(jnp.uint32(0))

    def layer_names(self) -> list[str]:
        return [path for path, _ in named_modules(self.native) if path]

    def execute(self, request: messages.Request) -> messages.Result:
        self.native.train() if request.training else self.native.eval()
        for path, module in named_modules(self.native):
            if hasattr(module, "draws"):
                module.draws = Draws(request.seed, path, request.step)
        try:
            return self._run(request)
        finally:
            self.native.eval()

    def _run(self, request: messages.Request) -> messages.Result:
        graph, state = nnx.split(self.native)
        own = self.slots()
        names = [name for name, slot in own.items() if slot.trainable]
        inputs = [self._input(value) for value in request.inputs]
        real = [i for i, x in enumerate(request.inputs) if x.dtype.kind == "f"]
        recorded: list[str] = []

        def function(parameters: list[Any], reals: list[Any]) -> Any:
            model = nnx.merge(graph, state, copy=True)
            places = slots(model, self.dtype)
            for name, value in zip(names, parameters, strict=True):
                places[name].place.set_value(value)
            arguments = list(inputs)
            for i, value in zip(real, reals, strict=True):
                arguments[i] = value
            with _record(model, request.trace) as layers:
                run = self.entry(request.program, model, request.settings)
                result = run(*arguments)
            recorded[:] = layers
            outputs = tuple(map(full, contract.flat(result)))
            buffers = [s.place.get_value() for s in places.values() if not s.trainable]
            return outputs, (buffers, list(layers.values()))

        def step(parameters: list[Any], reals: list[Any]) -> Any:
            if request.cotangents is None:
                return *function(parameters, reals), None
            outputs, pull, rest = jax.vjp(function, parameters, reals, has_aux=True)
            pairs = zip(request.cotangents, outputs, strict=True)
            return outputs, rest, pull(tuple(jnp.asarray(c, o.dtype) for c, o in pairs))

        outputs, (buffers, layers), gradients = jax.jit(step)(
            [own[name].place.get_value() for name in names], [inputs[i] for i in real]
        )
        fixed = [(name, slot) for name, slot in own.items() if not slot.trainable]
        of_names, of_reals = gradients or ([], [])
        of_inputs = dict(zip(real, of_reals, strict=False))
        return messages.Result(
            outputs=tuple(np.asarray(o) for o in outputs),
            gradients={
                name: own[name].layout.canonical(np.asarray(g))
                for name, g in zip(names, of_names, strict=False)
            },
            input_gradients=tuple(
                np.asarray(of_inputs[i]) if i in of_inputs else None
                for i in range(len(inputs))
            )
            if gradients
            else (),
            buffers={
                name: slot.layout.canonical(np.asarray(value))
                for (name, slot), value in zip(fixed, buffers, strict=True)
            },
            layers={
                name: messages.Layer(
                    None if entered is None else np.asarray(entered), np.asarray(left)
                )
                for name, (entered, left) in zip(recorded, layers, strict=True)
            },
        )

    def streamed(self, request: messages.Request) -> Iterator[Array]:
        self.native.eval()
        inputs = [self._input(value) for value in request.inputs]
        for token in self.native.stream(*inputs, **request.settings):
            yield np.asarray(token)

    def repeated(self, work: messages.Workload) -> Callable[[], Any]:
        return workloads.make(self, work)

    def numbers(self, outputs: Any) -> tuple[Array, ...]:
        return workloads.arrays(outputs)

    def _input(self, value: Array) -> jax.Array:
        return jnp.asarray(value, self.dtype if value.dtype.kind == "f" else None)

    def move(self, device: str) -> None:
        """Leave the model where it is: the framework takes the best device it sees."""

    def lower(self) -> None:
        lower(self.native)

    def trainer(self, plan: Plan) -> Trainer:
        return Trainer(self, plan)

    def write_native(self, path: Path, values: Weights) -> None:
        """Write NNX's own names and layouts: flat `.safetensors`, or an Orbax
        folder."""
        slots = self.slots()
        weights.check(slots, values)
        native = {
            own: slots[name].layout.native(values[name])
            for name, own in native_names(self.native).items()
        }
        if path.suffix == ".safetensors":
            weights.write(path, native, {})
            return
        if path.suffix:
            raise UsageError(f"{path}: JAX writes .safetensors files and Orbax folders")
        if path.exists():
            raise UsageError(f"{path}: exists already")
        import orbax.checkpoint as orbax

        try:
            with orbax.StandardCheckpointer() as checkpointer:
                checkpointer.save(path.absolute(), native)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({brief(error)})") from None

    def read_native(self, path: Path) -> dict[str, Array]:
        found = _read_orbax(path) if path.is_dir() else weights.read(path)[0]
        own = {native: name for name, native in native_names(self.native).items()}
        slots = self.slots()
        return {
            own.get(name, name): _canonical(slots[own[name]], value)
            if name in own
            else value
            for name, value in found.items()
        }


def _canonical(slot: Slot, value: Array) -> Array:
    try:
        return slot.layout.canonical(value)
    except ValueError:  # of another rank: the check against the model will tell
        return value


def _read_orbax(path: Path) -> dict[str, Array]:
    # It takes as long to import as JAX and Flax do, and few ask for it.
    import orbax.checkpoint as orbax

    try:
        with orbax.StandardCheckpointer() as checkpointer:
            found = checkpointer.restore(path.absolute())
    except Exception as error:
        why = brief(error)
        raise UsageError(f"{path}: not an Orbax checkpoint ({why})") from None
    return {name: np.asarray(value) for name, value in _flat(found)}


def _flat(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dicts and lists, as NNX's own states have them."""
    if not isinstance(tree, dict | list | tuple):
        yield path, tree
        return
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for name, value in items:
        yield from _flat(value, f"{path}.{name}" if path else str(name))


def _is_abstract(variable: nnx.Variable) -> bool:
    return isinstance(variable.get_value(), jax.ShapeDtypeStruct)


def _first(value: Any) -> Any:
    """The first array, if there is one."""
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return value if isinstance(value, jax.Array) else None


@contextmanager
def _record(model: nnx.Module, wanted: bool) -> Iterator[dict[str, Any]]:
    """Collect every named module's output; NNX has no hooks, so types are patched."""
    layers: dict[str, Any] = {}
    running: set[int] = set()
    here = get_opaque_trace_state()
    paths = {id(m): path for path, m in named_modules(model) if path and wanted}
    kinds = {type(m) for _, m in named_modules(model) if id(m) in paths}
    kinds = {k for k in kinds if "__call__" in dir(k)}
    calls = {kind: kind.__call__ for kind in kinds}
    inherited = {kind for kind in kinds if "__call__" not in vars(kind)}

    def recording(call: Any) -> Any:
        def wrapper(module: Any, *args: Any, **kwargs: Any) -> Any:
            if id(module) in running:  # the call of a type that it is derived from
                return call(module, *args, **kwargs)
            running.add(id(module))
            try:
                output = call(module, *args, **kwargs)
            finally:
                running.discard(id(module))
            path = paths.get(id(module))
            # Inside a scan or another inner trace a value cannot be handed out.
            outermost = get_opaque_trace_state() == here
            if path is not None and outermost and _first(output) is not None:
                name = contract.call_of(layers, path)
                layers[name] = (_first(args), _first(output))
            return output

        return wrapper

    for kind, call in calls.items():
        kind.__call__ = recording(call)
    try:
        yield layers
    finally:
        for kind, call in calls.items():
            if kind in inherited:
                del kind.__call__
            else:
                kind.__call__ = call
