"""The recorder of PyTorch models."""

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from triptych.recorders.common import Itself, Tape, run
from triptych.recorders.modules import module_of, quiet
from triptych.recorders.training import Plan, Step
from triptych.recorders.values import Refused, arguments_of, picked, weights_of

FRAMEWORK, LAST, KIND = "pytorch", False, "torch.nn.Module"


def seed() -> None:
    torch.manual_seed(0)


def prepare(dtype: str) -> None:
    torch.set_default_dtype(getattr(torch, dtype))
    with contextlib.suppress(AttributeError):
        torch.backends.mha.set_fastpath_enabled(False)


def release() -> None:
    """Does nothing: PyTorch keeps nothing of models that are gone."""


@contextlib.contextmanager
def held(model: nn.Module, dtype: str, program: str, given: Any) -> Iterator[nn.Module]:
    """Lends a person's model, and puts back what is changed of it and of torch."""
    usual, fast = torch.get_default_dtype(), torch.backends.mha.get_fastpath_enabled()
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices), torch.inference_mode(False), _kept(model):
        try:
            prepare(dtype)
            yield model
        finally:
            torch.set_default_dtype(usual)
            torch.backends.mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def _kept(model: nn.Module) -> Iterator[None]:
    """Has a model work on copies of its tensors, and puts back all that it had.

    A parameter stays the one that optimizers know: its memory and its gradient change.
    A buffer is replaced, as its layer counts in it and a graph that waits may need it.
    """
    plain = [m for m in model.modules() if not _is_script(m)]
    saved: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for module in plain:
        places = vars(module), module._parameters, module._buffers, module._modules
        saved += [(place, dict(place)) for place in places]
    own = [(tensor, tensor.data, tensor.grad) for tensor in model.parameters()]
    copies = {id(buffer): buffer.clone() for buffer in model.buffers()}
    try:
        for tensor, data, _ in own:
            tensor.grad = None
            tensor.data = data.clone()
        for module in plain:
            for name, buffer in module._buffers.items():
                module._buffers[name] = copies.get(id(buffer), buffer)
        yield
    finally:
        for place, values in saved:
            place.clear()
            place.update(values)
        for tensor, data, grad in own:
            tensor.grad = None
            tensor.data = data
            tensor.grad = grad


def is_model(value: Any) -> bool:
    return isinstance(value, nn.Module)


def uncompiled(model: nn.Module) -> nn.Module:
    """What torch.compile was given, here and further in: its layers can be seen."""
    if type(model).__name__ == "OptimizedModule" and "_orig_mod" in model._modules:
        model = model._modules["_orig_mod"] or model
    if vars(model).get("_compiled_call_impl") is not None:
        vars(model)["_compiled_call_impl"] = None
    for name, child in model._modules.items():
        if child is not None and not _is_script(child):
            model._modules[name] = uncompiled(child)
    return model


def environment() -> dict[str, Any]:
    return {"torch": torch.__version__}


def _is_script(model: nn.Module) -> bool:
    return isinstance(model, torch.jit.ScriptModule)


def is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def array(value: torch.Tensor) -> Any:
    value = value.detach().cpu()
    if value.dtype == torch.bfloat16:
        value = value.float()
    return value.numpy().copy()


class Model:
    """A module in the precision that is asked for, without dropout."""

    def __init__(self, native: nn.Module, dtype: str, program: str, given: Any):
        native = native if _is_script(native) else uncompiled(native)
        self.native, self.program = native.to(getattr(torch, dtype)), program
        tensors = itertools.chain(native.parameters(), native.buffers())
        self.device = next((t.device for t in tensors), torch.device("cpu"))
        self.rates: dict[str, float] = {}
        self.wanted: tuple[str, ...] = ()
        self.paths = dict(native.named_modules())
        for path, module in self.paths.items():
            self._quieten(path, module)

    def _quieten(self, path: str, module: nn.Module) -> None:
        known = "Drop" in type(module).__name__
        for name, value in list(vars(module).items()):
            rate = isinstance(value, float) and 0 < value < 1
            if rate and ("drop" in name or (known and name == "p")):
                setattr(module, name, quiet(value, f"{path}:{name}", self.rates))

    def modules(self) -> list[dict[str, Any]]:
        return [
            module_of(
                path, module, [f"{path}.{n}" if path else n for n in module._modules]
            )
            for path, module in self.paths.items()
        ]

    def _slots(self) -> dict[str, tuple[str, str, Any, bool, list[str]]]:
        found: dict[int, tuple[str, str, Any, bool, list[str]]] = {}
        for path, module in self.native.named_modules(remove_duplicate=False):
            hidden = module._non_persistent_buffers_set
            own = {**module._parameters, **module._buffers}
            for leaf, value in own.items():
                if value is None or not value.is_floating_point() or leaf in hidden:
                    continue
                name = f"{path}.{leaf}" if path else leaf
                if id(value) in found:
                    found[id(value)][4].append(name)
                else:
                    trained = isinstance(value, nn.Parameter) and value.requires_grad
                    found[id(value)] = path, leaf, value, trained, [name]
        return {slot[4][0]: slot for slot in found.values()}

    def weights(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for name, (path, leaf, value, trained, names) in self._slots().items():
            entry = {"name": name, "module": path, "leaf": leaf}
            yield entry | {"trainable": trained, "also": names[1:]}, array(value)

    def load(self, values: Mapping[str, Any]) -> None:
        slots = self._slots()
        for name, value in values.items():
            if name not in slots:
                raise Refused(f"no parameter or buffer {name!r} in the model")
            # Beside autograd, for which a person's parameter has not changed.
            slots[name][2].data.copy_(torch.tensor(value))

    def calls(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls of one run, with the tensors themselves."""
        self.native.eval()
        tape = Tape(is_tensor, Itself)
        with self._hooked(tape):
            self._run(given, None)
        return tape.calls

    def run(
        self,
        given: Mapping[str, Any],
        training: bool,
        last: bool | None,
        forced: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Runs the model; with gradients unless `last` is None."""
        buffers = dict(self.native.named_buffers())
        own = {name: buffer.clone() for name, buffer in buffers.items()}
        self.native.train(training)
        swaps = {k: self._tensor(v) for k, v in forced.items()}
        tape = Tape(is_tensor, array, swaps)
        try:
            with self._hooked(tape):
                found = self._run(given, last)
        finally:
            slots = self._slots()
            after = {n: array(slot[2]) for n, slot in slots.items() if n in own}
            with torch.no_grad():
                for name, buffer in self.native.named_buffers():
                    if name in own and own[name].shape == buffer.shape:
                        buffer.copy_(own[name])
            self.native.eval()
        return {**found, "calls": tape.calls, "buffers": after}

    def _tensor(self, value: Any) -> torch.Tensor:
        return torch.tensor(value, device=self.device)

    def _run(self, given: Mapping[str, Any], last: bool | None) -> dict[str, Any]:
        inputs = {k: self._tensor(v) for k, v in given.items()}
        real = {k: x for k, x in inputs.items() if x.is_floating_point()}
        for x in real.values():
            x.requires_grad_(last is not None)
        # Copies: a layer that works in place may not do so on a leaf.
        args, kwargs = arguments_of({k: x.clone() for k, x in inputs.items()})
        with torch.set_grad_enabled(last is not None):
            outputs = self._called(args, kwargs)
        found = {"outputs": {k: array(o) for k, o in outputs.items()}}
        if last is None:
            return found | {"gradients": {}, "input_gradients": {}}
        trained = {n: s[2] for n, s in self._slots().items() if s[3]}
        wanted = {f"w{n}": v for n, v in trained.items()}
        wanted |= {f"i{n}": v for n, v in real.items()}
        total = [
            (o * torch.tensor(weights_of(i, tuple(o.shape), last)).to(o)).sum()
            for i, o in enumerate(outputs.values())
            if o.requires_grad
        ]
        if not total or not wanted:
            return found | {"gradients": {}, "input_gradients": {}}
        grads = torch.autograd.grad(
            sum(total[1:], total[0]),
            list(wanted.values()),
            allow_unused=True,
            materialize_grads=True,
        )
        arrays = dict(zip(wanted, map(array, grads), strict=True))
        return found | {
            "gradients": {k[1:]: g for k, g in arrays.items() if k[0] == "w"},
            "input_gradients": {k[1:]: g for k, g in arrays.items() if k[0] == "i"},
        }

    def _called(self, args: Any, kwargs: Any) -> dict[str, torch.Tensor]:
        entry = getattr(self.native, self.program) if self.program else self.native
        found: dict[str, torch.Tensor] = picked(
            entry(*args, **kwargs), is_tensor, self.wanted
        )
        return found

    def steps(self, given: Mapping[str, Any], plan: Plan, last: bool) -> list[Step]:
        """Trains the model by its framework's optimizer, and puts back what it was."""
        slots = self._slots()
        own = {name: slot[2].detach().clone() for name, slot in slots.items()}
        counts = {n: b.clone() for n, b in self.native.named_buffers()}
        trained = {n: slot[2] for n, slot in slots.items() if slot[3]}
        rule = _optimizer(plan, list(trained.values()))
        found = []
        self.native.train()
        try:
            with torch.enable_grad():
                for _ in range(plan.steps):
                    loss = self._update(given, trained, rule, last)
                    found.append(self._step(loss, trained, rule))
        finally:
            with torch.no_grad():
                for name, buffer in self.native.named_buffers():
                    if name in counts and counts[name].shape == buffer.shape:
                        buffer.copy_(counts[name])
                for name, (_, _, value, _, _) in slots.items():
                    value.data.copy_(own[name])
            for value in trained.values():
                value.grad = None
            self.native.eval()
        return found

    def _update(
        self, given: Any, trained: Mapping[str, Any], rule: Any, last: bool
    ) -> float:
        args, kwargs = arguments_of({k: self._tensor(v) for k, v in given.items()})
        for value in trained.values():
            value.grad = torch.zeros_like(value)
        total = [
            (o - torch.tensor(weights_of(i, tuple(o.shape), last)).to(o))
            .square()
            .mean()
            for i, o in enumerate(self._called(args, kwargs).values())
            if o.is_floating_point()
        ]
        loss = torch.stack(total).sum()
        torch.autograd.backward(loss)
        rule.step()
        return float(loss.detach())

    def _step(self, loss: float, trained: Mapping[str, Any], rule: Any) -> Step:
        buffers = {n: s[2] for n, s in self._slots().items() if n not in trained}
        state: dict[str, dict[str, Any]] = {}
        for name, value in trained.items():
            for slot, kept in rule.state[value].items():
                if slot in SLOTS and kept is not None:
                    state.setdefault(SLOTS[slot], {})[name] = array(kept)
        return Step(
            loss,
            {n: array(v) for n, v in trained.items()},
            {n: array(v) for n, v in buffers.items()},
            state,
        )

    @contextlib.contextmanager
    def _hooked(self, tape: Tape) -> Iterator[None]:
        waiting: list[Any] = []

        def before(path: str) -> Any:
            def hook(module: nn.Module, args: Any, kwargs: Any) -> Any:
                call, args, kwargs = tape.enter(path, args, kwargs)
                waiting.append(call)
                return args, kwargs

            return hook

        def after(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
            return tape.leave(waiting.pop(), output)

        hooks = []
        for path, module in self.paths.items():
            if _is_script(module):
                continue
            hook = module.register_forward_pre_hook
            hooks.append(hook(before(path), with_kwargs=True))
            hooks.append(module.register_forward_hook(after, with_kwargs=True))
        try:
            yield
        finally:
            for handle in hooks:
                handle.remove()


SLOTS = {"exp_avg": "first", "exp_avg_sq": "second", "momentum_buffer": "first"}


def _optimizer(plan: Plan, values: list[Any]) -> torch.optim.Optimizer:
    own = plan.settings
    if plan.name == "sgd":
        nesterov = bool(own["nesterov"])
        return torch.optim.SGD(values, own["lr"], own["momentum"], nesterov=nesterov)
    betas = own["beta1"], own["beta2"]
    if plan.name == "adam":
        return torch.optim.Adam(values, own["lr"], betas, own["eps"])
    decay = own["weight_decay"]
    return torch.optim.AdamW(values, own["lr"], betas, own["eps"], decay)


def main() -> None:
    # A function that is compiled within a model runs as it is written.
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    sys.exit(run(sys.modules[__name__]))
