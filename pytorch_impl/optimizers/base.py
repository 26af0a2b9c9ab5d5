"""The optimizers in PyTorch. Definitions, papers: shared/definitions/optimizers.py.

One file to lift: it needs nothing of this suite. Every update runs over all tensors of
a group at once (torch._foreach_*), in place.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

Tensors = list[Tensor] | tuple[Tensor, ...]
Ready = tuple[dict[str, Any], list[Tensor], Any, list[list[Any]]]

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
    "beta3": (0.0, 1.0),
    "coefficient": (0.0, math.inf),
    "power": (0.0, math.inf),
    "eps1": (5e-324, math.inf),
    "eps2": (0.0, math.inf),
    "limit": (5e-324, math.inf),
    "gamma": (0.0, math.inf),
    "every": (1, math.inf),
    "batch_size": (1, math.inf),
    "steps": (1, math.inf),
    "d0": (5e-324, math.inf),
    "radius": (0.0, math.inf),
}


def _check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


class _Optimizer(torch.optim.Optimizer):
    """What all have in common. A parameter's state is `keeps`, each like it where
    `start` says nothing else; the number of updates is its group's, and so is what else
    is kept `once`."""

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
        ready = list(self.ready())
        for group, *_ in ready:
            group["t"] += 1
        self.update_all(ready)
        return loss

    def ready(self) -> Iterator[Ready]:
        """Each group with its parameters that have gradients, these, and the state."""
        for group in self.param_groups:
            ps = [p for p in group["params"] if p.grad is not None]
            if not ps:
                continue
            needed = self.needs(group)
            for p in ps:
                if needed and not self.state[p]:
                    started = self.start_in(group, p)
                    self.state[p] = {k: v for k, v in started.items() if k in needed}
            kept = [[self.state[p].get(name) for p in ps] for name in needed]
            yield group, ps, [p.grad for p in ps], kept

    def update_all(self, ready: list[Ready]) -> None:
        """Where a step depends on all groups, this is what to override."""
        for group, ps, gs, kept in ready:
            self.update(group, ps, gs, *kept)

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


def _norms(xs: Tensors) -> Tensor:
    return torch.stack(torch._foreach_norm(xs))


def _adam(group: dict[str, Any], gs: Tensors, ms: Tensors, vs: Tensors) -> Tensors:
    """Adam's steps, before the learning rate."""
    beta1, beta2, t = group["beta1"], group["beta2"], group["t"]
    torch._foreach_lerp_(ms, gs, 1 - beta1)
    torch._foreach_mul_(vs, beta2)
    torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
    roots = torch._foreach_sqrt(vs)
    torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
    torch._foreach_add_(roots, group["eps"])
    us = torch._foreach_div(ms, roots)
    torch._foreach_div_(us, 1 - beta1**t)
    return us


class LARS(_Optimizer):
    """trust: False in a parameter group leaves the ratio out, as the authors do where
    they leave out the decay (norms and biases)."""

    keeps = ("v",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        momentum: float = 0.9,
        coefficient: float = 1e-3,
        trust: bool = True,
        weight_decay: float = 5e-4,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        (vs,) = s
        decay = group["weight_decay"]
        us = torch._foreach_add(gs, ps, alpha=decay)
        if group["trust"]:
            lengths = _norms(ps)
            wholes = _norms(gs) + decay * lengths
            ratios = group["coefficient"] * lengths / wholes
            ratios = torch.where(lengths * wholes > 0, ratios, 1.0)
            torch._foreach_mul_(us, list(ratios))
        torch._foreach_mul_(vs, group["momentum"])
        torch._foreach_add_(vs, us, alpha=group["lr"])
        torch._foreach_sub_(ps, vs)


class LAMB(_Optimizer):
    """trust: as in LARS."""

    keeps = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        trust: bool = True,
        weight_decay: float = 1e-2,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        us = _adam(group, gs, *s)
        if group["weight_decay"]:
            torch._foreach_add_(us, ps, alpha=group["weight_decay"])
        if group["trust"]:
            lengths, steps = _norms(ps), _norms(us)
            ratios = torch.where(lengths * steps > 0, lengths / steps, 1.0)
            torch._foreach_mul_(us, list(ratios))
        torch._foreach_add_(ps, us, alpha=-group["lr"])


class Adafactor(_Optimizer):
    keeps = ("r", "c", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        power: float = 0.8,
        eps1: float = 1e-30,
        eps2: float = 1e-3,
        limit: float = 1.0,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def start(self, p: Tensor) -> dict[str, Tensor]:
        if p.ndim != 2:
            return {"v": torch.zeros_like(p)}
        return {"r": torch.zeros_like(p[:, 0]), "c": torch.zeros_like(p[0])}

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        lr, t = group["lr"], group["t"]
        keep = 1 - t ** -group["power"]
        squares = torch._foreach_mul(gs, gs)
        torch._foreach_add_(squares, group["eps1"])
        kept = zip(squares, *s, strict=True)
        us = torch._foreach_sqrt([self.squares(keep, *one) for one in kept])
        us = torch._foreach_div(gs, us)
        roots = torch.tensor([p.numel() ** 0.5 for p in ps]).to(us[0])
        alphas = (_norms(ps) / roots).clamp(min=group["eps2"]) * min(lr, t**-0.5)
        limits = (_norms(us) / roots / group["limit"]).clamp(min=1.0)
        torch._foreach_mul_(us, list(-alphas / limits))
        if group["weight_decay"]:
            torch._foreach_mul_(ps, 1 - lr * group["weight_decay"])
        torch._foreach_add_(ps, us)

    def squares(self, keep: float, square: Tensor, r: Any, c: Any, v: Any) -> Tensor:
        """The average of one tensor's squares, factored where it is a matrix."""
        if v is not None:
            return v.mul_(keep).add_(square, alpha=1 - keep)
        r.mul_(keep).add_(square.sum(1), alpha=1 - keep)
        c.mul_(keep).add_(square.sum(0), alpha=1 - keep)
        return torch.outer(r, c) / r.sum()


class Adan(_Optimizer):
    keeps = ("m", "v", "n", "g")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.98,
        beta2: float = 0.92,
        beta3: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 2e-2,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs, ns, before = s
        beta1, beta2, beta3 = group["beta1"], group["beta2"], group["beta3"]
        lr, t = group["lr"], group["t"]
        if t == 1:
            torch._foreach_copy_(before, gs)
        ds = torch._foreach_sub(gs, before)
        ahead = torch._foreach_add(gs, ds, alpha=beta2)
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_lerp_(vs, ds, 1 - beta2)
        torch._foreach_mul_(ns, beta3)
        torch._foreach_addcmul_(ns, ahead, ahead, 1 - beta3)
        torch._foreach_copy_(before, gs)
        roots = torch._foreach_sqrt(ns)
        torch._foreach_div_(roots, math.sqrt(1 - beta3**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, -lr / (1 - beta1**t))
        torch._foreach_addcdiv_(ps, vs, roots, -lr * beta2 / (1 - beta2**t))
        torch._foreach_div_(ps, 1 + lr * group["weight_decay"])


class SophiaG(_Optimizer):
    """When `due`, before `step`: take the gradient of the mean loss over `batch_size`
    examples (tokens, in a language model) with labels drawn from the model's own
    outputs, and call `estimate`."""

    keeps = ("m", "h")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-4,
        beta1: float = 0.96,
        beta2: float = 0.99,
        gamma: float = 0.05,
        eps: float = 1e-12,
        every: int = 10,
        batch_size: int = 1,
        weight_decay: float = 0.1,
    ):
        super().__init__(parameters, locals())

    @property
    def due(self) -> bool:
        group = self.param_groups[0]
        return group["t"] % group["every"] == 0

    @torch.no_grad()
    def estimate(self) -> None:
        """Takes the curvature from the gradients that the parameters hold."""
        for group, _, gs, (_, hs) in self.ready():
            beta2 = group["beta2"]
            torch._foreach_mul_(hs, beta2)
            torch._foreach_addcmul_(hs, gs, gs, (1 - beta2) * group["batch_size"])

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, hs = s
        torch._foreach_lerp_(ms, gs, 1 - group["beta1"])
        bounds = torch._foreach_mul(hs, group["gamma"])
        torch._foreach_clamp_min_(bounds, group["eps"])
        us = torch._foreach_div(ms, bounds)
        torch._foreach_clamp_min_(us, -1.0)
        torch._foreach_clamp_max_(us, 1.0)
        torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(ps, us, alpha=-group["lr"])


class Muon(_Optimizer):
    """Tensors that are no matrices are AdamW's. So should be, in a second optimizer, an
    embedding and the last layer, as the authors have it."""

    keeps = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        momentum: float = 0.95,
        nesterov: bool = True,
        steps: int = 5,
        beta1: float = 0.9,
        beta2: float = 0.95,
        eps: float = 1e-8,
        weight_decay: float = 0.1,
    ):
        super().__init__(parameters, locals())

    def start(self, p: Tensor) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name in ("m" if p.ndim == 2 else "mv")}

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        rows = list(zip(ps, gs, *s, strict=True))
        matrices = [row[:3] for row in rows if row[0].ndim == 2]
        others = [row for row in rows if row[0].ndim != 2]
        if matrices:
            self.turn(group, *zip(*matrices, strict=True))
        if others:
            ps, gs, ms, vs = zip(*others, strict=True)
            us = _adam(group, gs, ms, vs)
            torch._foreach_add_(ps, us, alpha=-group["lr"])

    def turn(self, group: dict[str, Any], *s: Any) -> None:
        """All matrices' update."""
        ps, gs, ms = s
        torch._foreach_mul_(ms, group["momentum"])
        torch._foreach_add_(ms, gs)
        us = ms
        if group["nesterov"]:
            us = torch._foreach_add(gs, ms, alpha=group["momentum"])
        for p, u in zip(ps, us, strict=True):
            o = orthogonal(u, group["steps"], group["eps"])
            p.add_(o, alpha=-group["lr"] * 0.2 * math.sqrt(max(p.shape)))


def orthogonal(m: Tensor, steps: int, eps: float) -> Tensor:
    """Newton and Schulz's iteration: singular values come near 1."""
    if m.shape[0] > m.shape[1]:
        return orthogonal(m.T, steps, eps).T
    o = m / (m.norm() + eps)
    for _ in range(steps):
        a = o @ o.T
        o = torch.addmm(
            o, torch.addmm(a, a, a, beta=-4.7750, alpha=2.0315), o, beta=3.4445
        )
    return o


class Shampoo(_Optimizer):
    keeps = ("m", "l", "r", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-1,
        momentum: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def start(self, p: Tensor) -> dict[str, Tensor]:
        if p.ndim != 2:
            return {"m": torch.zeros_like(p), "v": torch.zeros_like(p)}
        left, right = p.new_zeros(2 * p.shape[:1]), p.new_zeros(2 * p.shape[1:])
        return {"m": torch.zeros_like(p), "l": left, "r": right}

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms = s[0]
        torch._foreach_lerp_(ms, gs, 1 - group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        for p, g, m, left, right, v in zip(ps, gs, *s, strict=True):
            if v is None:
                left.addmm_(g, g.T)
                right.addmm_(g.T, g)
                u = self.root(left, group["eps"]) @ m @ self.root(right, group["eps"])
            else:
                v.addcmul_(g, g)
                u = m * self.power(v, -1 / 2, group["eps"])
            p.add_(u, alpha=-group["lr"])

    def root(self, a: Tensor, eps: float) -> Tensor:
        """a to the power -1/4."""
        values, vectors = torch.linalg.eigh(a)
        powers = self.power(values.clamp(min=0.0), -1 / 4, eps)
        return (vectors * powers) @ vectors.T

    def power(self, values: Tensor, exponent: float, eps: float) -> Tensor:
        """0 where there was no gradient yet."""
        ridged = values + eps * values.max()
        return torch.where(values.max() > 0, ridged**exponent, 0.0)


class Prodigy(_Optimizer):
    """d is one for all groups; a group's lr is its own factor of it."""

    keeps = ("m", "v", "s", "p")
    once = {"d": 0.0, "r": 0.0}

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        d0: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update_all(self, ready: list[Ready]) -> None:
        groups = self.param_groups
        d = max(group["d"] or group["d0"] for group in groups)
        r = max((group["r"] for group in groups), key=abs) * self.root
        for group in groups:
            group["d"] = d
        for group, _, gs, (*_, moved) in ready:
            inner = sum(x.sum() for x in torch._foreach_mul(gs, moved))
            r -= (1 - self.root) * group["lr"] * d**2 * float(inner)
        super().update_all(ready)
        sums = [total for *_, kept in ready for total in kept[2]]
        whole = float(sum(torch._foreach_norm(sums, 1)))
        for group in groups:
            group["r"], group["d"] = r, max(d, r / whole if whole else 0.0)

    @property
    def root(self) -> float:
        """How much of r and s is kept."""
        return math.sqrt(self.param_groups[0]["beta2"])

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs, totals, moved = s
        d, lr, beta2 = group["d"], group["lr"], group["beta2"]
        torch._foreach_mul_(ms, group["beta1"])
        torch._foreach_add_(ms, gs, alpha=(1 - group["beta1"]) * d)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, (1 - beta2) * d**2)
        torch._foreach_mul_(totals, self.root)
        torch._foreach_add_(totals, gs, alpha=(1 - self.root) * lr * d**2)
        roots = torch._foreach_sqrt(vs)
        torch._foreach_add_(roots, d * group["eps"])
        us = torch._foreach_div(ms, roots)
        torch._foreach_add_(us, ps, alpha=group["weight_decay"])
        torch._foreach_add_(ps, us, alpha=-lr * d)
        torch._foreach_add_(moved, us, alpha=-lr * d)


class ScheduleFreeAdamW(_Optimizer):
    """Call `eval` before the model is evaluated or saved, and `train` before it is
    trained on."""

    keeps = ("z", "v")
    once = {"largest": 0.0, "whole": 0.0}

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 2.5e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        if not beta1:
            raise ValueError(
                "ScheduleFreeAdamW: beta1 is 0.0; allowed: above 0, below 1"
            )
        super().__init__(parameters, locals())
        self.defaults["training"] = True
        for group in self.param_groups:
            group["training"] = True

    def start(self, p: Tensor) -> dict[str, Tensor]:
        return {"z": p.detach().clone(), "v": torch.zeros_like(p)}

    def eval(self) -> None:
        """The parameters become those to evaluate with."""
        self.switch(False)

    def train(self) -> None:
        """The parameters become those to train."""
        self.switch(True)

    @torch.no_grad()
    def switch(self, training: bool) -> None:
        for group in self.param_groups:
            ps = [p for p in group["params"] if "z" in self.state[p]]
            if ps and group["training"] != training:
                share = 1 - group["beta1"] if training else 1 - 1 / group["beta1"]
                torch._foreach_lerp_(ps, [self.state[p]["z"] for p in ps], share)
            group["training"] = training

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        if not group["training"]:
            raise RuntimeError("ScheduleFreeAdamW: call train() before step()")
        zs, vs = s
        beta1, beta2, lr = group["beta1"], group["beta2"], group["lr"]
        group["largest"] = max(group["largest"], lr)
        group["whole"] += group["largest"] ** 2
        c = group["largest"] ** 2 / group["whole"] if group["whole"] else 0.0
        xs = torch._foreach_lerp(ps, zs, 1 - 1 / beta1)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
        roots = torch._foreach_sqrt(vs)
        torch._foreach_div_(roots, math.sqrt(1 - beta2 ** group["t"]))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(zs, gs, roots, -lr)
        torch._foreach_add_(zs, ps, alpha=-lr * group["weight_decay"])
        torch._foreach_lerp_(xs, zs, c)
        torch._foreach_copy_(ps, torch._foreach_lerp(xs, zs, 1 - beta1))


class SAM(_Optimizer):
    """Two calls of `step` are one update: the first climbs, the second goes back and
    descends. Before each, take the gradient on the same batch; a scheduler steps once
    for both."""

    keeps = ("v", "x")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        momentum: float = 0.9,
        radius: float = 0.05,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update_all(self, ready: list[Ready]) -> None:
        norm = _norms([g for _, _, gs, _ in ready for g in gs]).norm()
        self.scale = torch.where(norm > 0, 1 / norm, 0.0)
        super().update_all(ready)

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        vs, xs = s
        if group["t"] % 2:
            torch._foreach_copy_(xs, ps)
            climb = torch._foreach_mul(gs, self.scale)
            torch._foreach_add_(ps, climb, alpha=group["radius"])
            return
        torch._foreach_mul_(vs, group["momentum"])
        torch._foreach_add_(vs, gs)
        torch._foreach_add_(vs, xs, alpha=group["weight_decay"])
        torch._foreach_copy_(ps, torch._foreach_add(xs, vs, alpha=-group["lr"]))


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
