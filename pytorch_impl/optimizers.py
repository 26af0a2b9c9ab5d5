"""The optimizers in PyTorch. Definitions, papers: shared/optimizers.py.

One file to lift: it needs nothing of this suite. Every update runs over all tensors of
a group at once (torch._foreach_*), in place.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

Tensors = list[Tensor] | tuple[Tensor, ...]

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "lr": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "momentum_decay": (0.0, math.inf),
    "decay": (0.0, 1.0),
    "rho": (0.0, 1.0),
    "delta_0": (0.0, math.inf),
    "delta_min": (0.0, math.inf),
    "delta_max": (0.0, math.inf),
    "eta_minus": (0.0, 1.0),
    "eta_plus": (1.0, math.inf),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
}


def _check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


class _Optimizer(torch.optim.Optimizer):
    """What all have in common. A parameter's state is `keeps`, each like it; the
    number of updates is its group's, and so is what else is kept `once`."""

    keeps: tuple[str, ...] = ()
    once: dict[str, float] = {}

    def __init__(self, parameters: Iterable[Any], settings: dict[str, Any]):
        for name in ("self", "parameters", "__class__"):
            settings.pop(name, None)
        super().__init__(parameters, {**settings, "t": 0, **self.once})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        _check(type(self).__name__, {**self.defaults, **param_group})
        super().add_param_group(param_group)

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        """What of `keeps` a group's settings need."""
        return self.keeps

    def start(self, p: Tensor) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name in self.keeps}

    def start_in(self, group: dict[str, Any], p: Tensor) -> dict[str, Tensor]:
        """The start of a parameter whose group's settings say what it is."""
        return self.start(p)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            ps = [p for p in group["params"] if p.grad is not None]
            if not ps:
                continue
            needed = self.needs(group)
            for p in ps:
                if not self.state[p].keys() >= set(needed):
                    started = self.start_in(group, p)
                    started = {k: v for k, v in started.items() if k in needed}
                    self.state[p] = {**started, **self.state[p]}
            group["t"] += 1
            kept = [[self.state[p][name] for p in ps] for name in needed]
            self.update(group, ps, [p.grad for p in ps], *kept)
        return loss

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        raise NotImplementedError


# Gradient descent and its momenta


class SGD(_Optimizer):
    keeps = ("v",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        return self.keeps if group["momentum"] else ()

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        mu, lr, decay = group["momentum"], group["lr"], group["weight_decay"]
        if not mu:
            gs = _coupled(gs, ps, decay)
            torch._foreach_add_(ps, gs, alpha=-lr)
            return
        (vs,) = s
        if _fusable(ps, gs):
            torch._fused_sgd_(
                ps,
                gs,
                vs,
                weight_decay=decay,
                momentum=mu,
                lr=lr,
                dampening=0.0,
                nesterov=group["nesterov"],
                maximize=False,
                is_first_step=False,
            )
            return
        gs = _coupled(gs, ps, decay)
        torch._foreach_mul_(vs, mu)
        torch._foreach_add_(vs, gs)
        ahead = torch._foreach_add(gs, vs, alpha=mu) if group["nesterov"] else vs
        torch._foreach_add_(ps, ahead, alpha=-lr)


# Adaptive


class Adagrad(_Optimizer):
    keeps = ("G",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        (Gs,) = s
        gs = _coupled(gs, ps, group["weight_decay"])
        torch._foreach_addcmul_(Gs, gs, gs)
        roots = torch._foreach_sqrt(Gs)
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, gs, roots, -group["lr"])


class Adadelta(_Optimizer):
    keeps = ("E_g", "E_d")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        rho: float = 0.95,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        E_gs, E_ds = s
        rho, eps = group["rho"], group["eps"]
        gs = _coupled(gs, ps, group["weight_decay"])
        torch._foreach_mul_(E_gs, rho)
        torch._foreach_addcmul_(E_gs, gs, gs, 1 - rho)
        ds = torch._foreach_add(E_ds, eps)
        torch._foreach_div_(ds, torch._foreach_add(E_gs, eps))
        torch._foreach_sqrt_(ds)
        torch._foreach_mul_(ds, gs)
        torch._foreach_mul_(E_ds, rho)
        torch._foreach_addcmul_(E_ds, ds, ds, 1 - rho)
        torch._foreach_add_(ps, ds, alpha=-group["lr"])


class RMSprop(_Optimizer):
    keeps = ("n", "m", "d")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        rho: float = 0.9,
        eps: float = 1e-8,
        centred: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        needed = {"n": True, "m": group["centred"], "d": group["momentum"] > 0}
        return tuple(name for name in self.keeps if needed[name])

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ns, *others = s
        rho = group["rho"]
        gs = _coupled(gs, ps, group["weight_decay"])
        torch._foreach_mul_(ns, rho)
        torch._foreach_addcmul_(ns, gs, gs, 1 - rho)
        spreads = ns
        if group["centred"]:
            ms = others[0]
            torch._foreach_lerp_(ms, gs, 1 - rho)
            spreads = torch._foreach_addcmul(ns, ms, ms, -1)
        roots = torch._foreach_add(spreads, group["eps"])
        torch._foreach_sqrt_(roots)
        if group["momentum"]:
            ds = others[-1]
            torch._foreach_mul_(ds, group["momentum"])
            torch._foreach_addcdiv_(ds, gs, roots)
            torch._foreach_add_(ps, ds, alpha=-group["lr"])
        else:
            torch._foreach_addcdiv_(ps, gs, roots, -group["lr"])


class Rprop(_Optimizer):
    keeps = ("delta", "g")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        delta_0: float = 0.1,
        delta_min: float = 1e-6,
        delta_max: float = 50.0,
        eta_minus: float = 0.5,
        eta_plus: float = 1.2,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def start_in(self, group: dict[str, Any], p: Tensor) -> dict[str, Tensor]:
        return {
            "delta": torch.full_like(p, group["delta_0"]),
            "g": torch.zeros_like(p),
        }

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        deltas, befores = s
        gs = _coupled(gs, ps, group["weight_decay"])
        signs = torch._foreach_sign(gs)
        flips = torch._foreach_mul(signs, torch._foreach_sign(befores))
        kept, turned = (
            torch._foreach_clamp_min(flips, 0.0),
            torch._foreach_clamp_max(flips, 0.0),
        )
        steps = torch._foreach_add(turned, 1.0)  # 0 where the sign turned
        torch._foreach_mul_(kept, group["eta_plus"] - 1)
        torch._foreach_add_(kept, turned, alpha=1 - group["eta_minus"])
        torch._foreach_add_(kept, 1.0)
        torch._foreach_mul_(deltas, kept)
        torch._foreach_clamp_min_(deltas, group["delta_min"])
        torch._foreach_clamp_max_(deltas, group["delta_max"])
        torch._foreach_copy_(befores, torch._foreach_mul(gs, steps))
        torch._foreach_mul_(steps, signs)
        torch._foreach_addcmul_(ps, steps, deltas, -group["lr"])


class Adam(_Optimizer):
    keeps = ("m", "v", "v_max")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        return self.keeps if group["amsgrad"] else self.keeps[:2]

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        decay = group["weight_decay"]
        if _fusable(ps, gs):
            _fused_adam(torch._fused_adam_, group, decay, ps, gs, *s)
        else:
            self.adapt(group, ps, _coupled(gs, ps, decay), *s)

    def adapt(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs, *largest = s
        beta1, beta2, t = group["beta1"], group["beta2"], group["t"]
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
        if largest:
            torch._foreach_maximum_(largest[0], vs)
            vs = largest[0]
        roots = torch._foreach_sqrt(vs)
        torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, -group["lr"] / (1 - beta1**t))


class AdamW(Adam):
    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 1e-2,
    ):
        super().__init__(
            parameters,
            lr=lr,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            amsgrad=amsgrad,
            weight_decay=weight_decay,
        )

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        decay = group["weight_decay"]
        if _fusable(ps, gs):
            _fused_adam(torch._fused_adamw_, group, decay, ps, gs, *s)
        else:
            torch._foreach_mul_(ps, 1 - group["lr"] * decay)
            self.adapt(group, ps, gs, *s)


class Adamax(_Optimizer):
    keeps = ("m", "u")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, us = s
        beta1, t = group["beta1"], group["t"]
        gs = _coupled(gs, ps, group["weight_decay"])
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(us, group["beta2"])
        torch._foreach_maximum_(us, torch._foreach_abs(gs))
        below = torch._foreach_add(us, group["eps"])
        torch._foreach_addcdiv_(ps, ms, below, -group["lr"] / (1 - beta1**t))


class NAdam(_Optimizer):
    keeps = ("m", "n")
    once = {"mu": 1.0}

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, ns = s
        lr, beta1, beta2, t = group["lr"], group["beta1"], group["beta2"], group["t"]
        now, then = (
            beta1 * (1 - 0.5 * 0.96 ** (i * group["momentum_decay"]))
            for i in (t, t + 1)
        )
        group["mu"] *= now
        gs = _coupled(gs, ps, group["weight_decay"])
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(ns, beta2)
        torch._foreach_addcmul_(ns, gs, gs, 1 - beta2)
        roots = torch._foreach_sqrt(ns)
        torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, -lr * then / (1 - group["mu"] * then))
        torch._foreach_addcdiv_(ps, gs, roots, -lr * (1 - now) / (1 - group["mu"]))


class RAdam(_Optimizer):
    keeps = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs = s
        beta1, beta2, t = group["beta1"], group["beta2"], group["t"]
        gs = _coupled(gs, ps, group["weight_decay"])
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
        rate = -group["lr"] / (1 - beta1**t)
        whole = 2 / (1 - beta2) - 1
        rho = whole - 2 * t * beta2**t / (1 - beta2**t)
        if rho <= 4:
            torch._foreach_add_(ps, ms, alpha=rate)
            return
        r = math.sqrt((rho - 4) * (rho - 2) * whole / ((whole - 4) * (whole - 2) * rho))
        roots = torch._foreach_sqrt(vs)
        torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, rate * r)


class Lion(_Optimizer):
    keeps = ("m",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        (ms,) = s
        lr = group["lr"]
        if group["weight_decay"]:
            torch._foreach_mul_(ps, 1 - lr * group["weight_decay"])
        signs = torch._foreach_lerp(ms, gs, 1 - group["beta1"])
        torch._foreach_sign_(signs)
        torch._foreach_add_(ps, signs, alpha=-lr)
        torch._foreach_lerp_(ms, gs, 1 - group["beta2"])


def _coupled(gs: Tensors, ps: Tensors, decay: float) -> Tensors:
    return torch._foreach_add(gs, ps, alpha=decay) if decay else gs


def _fusable(ps: Tensors, gs: Tensors) -> bool:
    """Whether torch has the whole update as one kernel for these."""
    first = ps[0]
    return first.device.type in ("cpu", "cuda") and all(
        x.dtype == first.dtype
        and x.device == first.device
        and x.is_floating_point()
        and x.is_contiguous()
        for x in (*ps, *gs)
    )


def _fused_adam(
    kernel: Callable[..., None],
    group: dict[str, Any],
    decay: float,
    ps: Tensors,
    gs: Tensors,
    *s: Any,
) -> None:
    ms, vs, *largest = s
    t = torch.tensor(float(group["t"]), dtype=torch.float32, device=ps[0].device)
    kernel(
        ps,
        gs,
        ms,
        vs,
        largest[0] if largest else [],
        [t] * len(ps),
        lr=group["lr"],
        beta1=group["beta1"],
        beta2=group["beta2"],
        weight_decay=decay,
        eps=group["eps"],
        amsgrad=bool(largest),
        maximize=False,
    )


# Modern


# What bounds the gradients before an update; in place, as torch's own clip_grad_*


def clip_by_value(gs: Tensors, limit: float) -> None:
    torch._foreach_clamp_min_(gs, -limit)
    torch._foreach_clamp_max_(gs, limit)


def clip_by_norm(gs: Tensors, limit: float) -> None:
    for g, norm in zip(gs, torch._foreach_norm(gs), strict=True):
        g.mul_(_shrink(norm, limit))


def clip_by_global_norm(gs: Tensors, limit: float) -> None:
    # DIFF(clip-norm): torch's clip_grad_norm_ adds 1e-6 to the norm.
    norm = torch.stack(torch._foreach_norm(gs)).norm()
    torch._foreach_mul_(gs, _shrink(norm, limit))


class Ema:
    """The moving average of parameters, from their values now on; `update` after each
    step. `averages` are in the parameters' order."""

    def __init__(self, parameters: Iterable[Tensor], *, decay: float):
        _check("Ema", {"decay": decay})
        self.parameters, self.decay = list(parameters), decay
        self.averages = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        torch._foreach_lerp_(self.averages, self.parameters, 1 - self.decay)

    def state_dict(self) -> dict[str, Any]:
        return {"decay": self.decay, "averages": self.averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.decay = state["decay"]
        torch._foreach_copy_(self.averages, state["averages"])


def _shrink(norm: Tensor, limit: float) -> Tensor:
    return torch.where(norm > limit, limit / norm.clamp(min=limit), 1.0)
