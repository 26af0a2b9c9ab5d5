"""PyTorch behind the contract (shared/contract.py)."""

import importlib.util
import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorch_impl import definitions, devices, models, workloads
from pytorch_impl.precision import full, products
from pytorch_impl.training import Trainer
from pytorch_impl.weights import set_tensor, slots, tensor
from shared import catalog, contract, messages, reading
from shared.arrays import Array, Weights
from shared.definitions.losses import Loss
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.errors import UsageError, brief
from shared.files import weights
from shared.files.weights import Slot
from shared.files.writing import write_bytes
from shared.objectives.plan import Plan
from shared.randomness import Draws
from shared.specs.base import Spec

PICKLED = (".pt", ".pth", ".bin")


def build(model: str | Spec, seed: int = 0) -> nn.Module:
    """The model of a catalog name or a spec, started as the spec says."""
    spec = catalog.variant(model).spec if isinstance(model, str) else model
    dtype = str(torch.get_default_dtype()).removeprefix("torch.")
    built = _abstract(spec, dtype, model if isinstance(model, str) else "")
    built.start(seed)
    return built.native


def _abstract(spec: Spec, dtype: str, name: str) -> "TorchModel":
    kind = getattr(models, type(spec).__name__.removesuffix("Spec"))
    with torch.device("meta"):
        return TorchModel(kind(spec), dtype, spec, name)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Fill a model from a canonical safetensors file, all or nothing."""
    TorchModel(model, _dtype_of(model)).read(Path(path))


def save_weights(model: nn.Module, path: str | Path, name: str = "") -> None:
    """Write a model's canonical safetensors file."""
    TorchModel(model, _dtype_of(model), getattr(model, "spec", None), name).save(
        Path(path)
    )


def _dtype_of(model: nn.Module) -> str:
    return str(next(model.parameters()).dtype).removeprefix("torch.")


class Adapter(contract.Framework):
    def __init__(self, dtype: str, threads: int):
        self.dtype = dtype
        torch.set_num_threads(threads)
        torch.set_default_dtype(getattr(torch, dtype))

    modes = workloads.MODES

    def describe(self) -> dict[str, Any]:
        devices = [
            f"cuda:{i} {torch.cuda.get_device_name(i)}"
            for i in range(torch.cuda.device_count())
        ]
        if importlib.util.find_spec("torch_xla"):
            devices.append("xla")
        return {
            "versions": {"torch": torch.__version__},
            "devices": ["cpu", *devices],
            "threads": torch.get_num_threads(),
        }

    def memory(self) -> int | None:
        if not torch.cuda.is_available():
            return None
        return torch.cuda.max_memory_allocated()

    def build(self, spec: Spec, name: str) -> "TorchModel":
        return _abstract(spec, self.dtype, name)

    def adopt(
        self, native: Any, inputs: tuple[Array, ...], program: str = ""
    ) -> "TorchModel":
        if not isinstance(native, nn.Module):
            raise UsageError(f"{type(native)} is no torch.nn.Module")
        for module in native.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
        return TorchModel(native.to(getattr(torch, self.dtype)), self.dtype)

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


class TorchModel(contract.Model):
    channels_last = False

    def __init__(
        self, native: nn.Module, dtype: str, spec: Spec | None = None, name: str = ""
    ):
        self.native, self.dtype, self.spec, self.name = native, dtype, spec, name

    def slots(self) -> dict[str, Slot]:
        return slots(self.native, self.dtype)

    def get(self, slot: Slot) -> Array:
        return tensor(slot).detach().cpu().numpy()

    def put(self, slot: Slot, value: Array) -> None:
        set_tensor(slot, torch.tensor(value))

    def finish(self) -> None:
        for path, module in self.native.named_modules():
            for leaf, value in module._buffers.items():
                if value is None or not value.is_meta:
                    continue
                if leaf != "num_batches_tracked":
                    raise RuntimeError(f"buffer {path}.{leaf} has no value")
                module._buffers[leaf] = torch.zeros_like(value, device="cpu")

    def layer_names(self) -> list[str]:
        return [path for path, _ in self.native.named_modules() if path]

    def execute(self, request: messages.Request) -> messages.Result:
        own = {name: buffer.clone() for name, buffer in self.native.named_buffers()}
        self.native.train(request.training)
        for path, module in self.native.named_modules():
            if hasattr(module, "draws"):
                module.draws = Draws(request.seed, path, request.step)
        try:
            return self._run(request)
        finally:
            for name, buffer in self.native.named_buffers():
                buffer.copy_(own[name])
            self.native.eval()

    def _run(self, request: messages.Request) -> messages.Result:
        # A model without parameters stays where new tensors are made.
        first = next(self.native.parameters(), torch.empty(0))
        device = first.device
        inputs = [self._input(value, device) for value in request.inputs]
        layers: dict[str, messages.Layer] = {}
        hooks = self._record(layers) if request.trace else []
        with (
            torch.set_grad_enabled(request.cotangents is not None),
            products(device, self.low),
        ):
            run = self.entry(request.program, self.native, request.settings)
            result = run(*inputs)
        for hook in hooks:
            hook.remove()
        outputs = tuple(map(full, contract.flat(result)))
        gradients, of_inputs = self._gradients(request, inputs, outputs)
        devices.settle(device)
        fixed = {k: s for k, s in self.slots().items() if not s.trainable}
        return messages.Result(
            outputs=tuple(o.detach().cpu().numpy() for o in outputs),
            gradients=gradients,
            input_gradients=of_inputs,
            buffers={name: self.get(slot).copy() for name, slot in fixed.items()},
            layers=layers,
        )

    def _input(self, value: Array, device: torch.device) -> Tensor:
        if value.dtype.kind != "f":
            return torch.tensor(value, device=device)
        dtype = getattr(torch, self.dtype)
        return torch.tensor(value, dtype=dtype, device=device, requires_grad=True)

    def _gradients(
        self,
        request: messages.Request,
        inputs: list[Tensor],
        outputs: tuple[Tensor, ...],
    ) -> tuple[dict[str, Array], tuple[Array | None, ...]]:
        if request.cotangents is None:
            return {}, ()
        trainable = {k: s for k, s in self.slots().items() if s.trainable}
        real = [x for x in inputs if x.requires_grad]
        wanted = [*(tensor(s) for s in trainable.values()), *real]
        cotangents = [
            torch.tensor(c, dtype=o.dtype, device=o.device)
            for c, o in zip(request.cotangents, outputs, strict=True)
        ]
        found = torch.autograd.grad(
            outputs, wanted, cotangents, allow_unused=True, materialize_grads=True
        )
        devices.settle(outputs[0].device)
        arrays = [g.cpu().numpy() for g in found]
        of_inputs = iter(arrays[len(trainable) :])
        return (
            dict(zip(trainable, arrays, strict=False)),
            tuple(next(of_inputs) if x.requires_grad else None for x in inputs),
        )

    def _record(self, layers: dict[str, messages.Layer]) -> list[Any]:
        def hook_of(path: str) -> Any:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                name = contract.call_of(layers, path)
                layers[name] = messages.Layer(_array(inputs), _array(output))

            return hook

        return [
            module.register_forward_hook(hook_of(path))
            for path, module in self.native.named_modules()
            if path
        ]

    def streamed(self, request: messages.Request) -> Iterator[Array]:
        self.native.eval()
        first = next(self.native.parameters())
        inputs = [self._input(value, first.device) for value in request.inputs]
        for token in self.native.stream(*inputs, **request.settings):  # type: ignore[operator]
            yield token.cpu().numpy()

    def repeated(self, work: messages.Workload) -> Callable[[], Any]:
        return workloads.make(self, work)

    def numbers(self, outputs: Any) -> tuple[Array, ...]:
        return workloads.arrays(outputs)

    def move(self, device: str) -> None:
        devices.move(self.native, device)

    def lower(self) -> None:
        self.low = True

    def trainer(self, plan: Plan) -> Trainer:
        return Trainer(self, plan)

    def write_native(self, path: Path, values: Weights) -> None:
        """A state dict, by torch.save or as `.safetensors`."""
        state = {k: torch.tensor(v) for k, v in values.items()}
        for name in values:
            norm, _, leaf = name.rpartition(".")
            if leaf == "running_mean":  # also under a public original's names
                state[f"{norm}.num_batches_tracked"] = torch.tensor(0)
        if path.suffix in PICKLED:
            content = io.BytesIO()
            torch.save(state, content)
            write_bytes(path, content.getvalue())
        elif path.suffix == ".safetensors":
            weights.write(path, {k: v.numpy() for k, v in state.items()}, {})
        else:
            allowed = ", ".join(PICKLED)
            raise UsageError(f"{path}: PyTorch writes .safetensors, {allowed} files")

    def read_native(self, path: Path) -> dict[str, Array]:
        pickled = path.suffix in PICKLED
        found = _read_pickled(path) if pickled else weights.read(path)[0]
        return {
            name: value
            for name, value in found.items()
            if not name.endswith("num_batches_tracked")
        }


def _read_pickled(path: Path) -> dict[str, Array]:
    reading.refuse_altered(path)  # torch does not look
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        why = "it is damaged, or holds more than tensors"
        raise UsageError(f"{path}: not a plain state dict ({why})") from None
    except Exception as error:
        why = brief(error)
        raise UsageError(f"{path}: not a plain state dict ({why})") from None
    if not isinstance(state, dict):
        raise UsageError(f"{path}: not a state dict but a {type(state).__name__}")
    return {str(name): _plain(path, name, value) for name, value in state.items()}


def _plain(path: Path, name: object, value: object) -> Array:
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise UsageError(f"{path}: {name!r} is no tensor but a {kind}")
    try:
        return value.detach().numpy()
    except TypeError as error:
        raise UsageError(f"{path}: {name!r}: {brief(error)}") from None


def _array(value: Any) -> Any:
    """The first tensor's values, if there is one."""
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return (
        full(value.detach()).cpu().numpy().copy() if isinstance(value, Tensor) else None
    )
