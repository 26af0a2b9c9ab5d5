"""Training in JAX: one compiled step that owns its arguments, and the loop.

To train in another way, override `training_step`, `validation_step`, `test_step` or
`predict_step`; they are traced, so they must be pure.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jax_impl import definitions, distributed, optimizers
from jax_impl.weights import named_modules
from shared import contract
from shared.arrays import Array
from shared.contract import Seen, flat
from shared.data.batches import Samples
from shared.definitions.optimizers import excluded
from shared.objectives.plan import Plan
from shared.randomness import Draws

Arrays = tuple[jax.Array, ...]


def _clipped(
    clip: optax.GradientTransformation, optimizer: optax.GradientTransformation
) -> optax.GradientTransformation:
    """The optimizer's state stays its own; a clip has none."""

    def update(grads: Any, kept: Any, params: Any) -> Any:
        grads, _ = clip.update(grads, clip.init(params), params)
        return optimizer.update(grads, kept, params)

    return optax.GradientTransformation(optimizer.init, update)


def _own(kept: Any) -> Any:
    """The optimizer's own state, also where batches are accumulated for it."""
    return kept.inner_opt_state if isinstance(kept, optax.MultiStepsState) else kept


class StepDraws:
    """The suite's own draws of one layer at a step that is known when the compiled
    program runs (shared/randomness.py)."""

    def __init__(self, seed: int, path: str, step: jax.Array):
        self.seed, self.path, self.step = seed, path, step

    def keep(self, shape: tuple[int, ...], rate: float) -> jax.Array:
        def draw(step: Array) -> Array:
            return Draws(self.seed, self.path, int(step)).keep(shape, rate)

        return jax.pure_callback(draw, jax.ShapeDtypeStruct(shape, bool), self.step)


class State(NamedTuple):
    """All that a step takes and gives back; what went in is gone.

    kept: by the optimizer. average: of the parameters, where the plan has one.
    rest: buffers, and the random generators.
    """

    params: Any
    kept: Any
    average: Any
    rest: Any


class Trainer(contract.Trainer):
    """The parameters live in a flat dict of canonical names while it trains; `settle`
    writes them back into the module."""

    draws_alone = False

    def __init__(self, model: Any, plan: Plan):
        self.model, self.plan, self.dtype = model, plan, model.dtype
        self.place = distributed.place()
        self.native: nnx.Module = model.native
        self.loss = definitions.loss(plan.loss)
        shapes = {k: s.shape for k, s in model.slots().items() if s.trainable}
        self.names = list(shapes)
        self.optimizer: Any = definitions.optimizer(
            plan.optimizer, excluded(shapes), plan.schedule
        )
        if plan.clip is not None:
            self.optimizer = _clipped(definitions.clip(plan.clip), self.optimizer)
        if plan.accumulate > 1:
            # DIFF(multi-steps): optax adds up in float32 unless told otherwise.
            self.optimizer = optax.MultiSteps(
                self.optimizer, plan.accumulate, accumulator_dtype=self.dtype
            )
        for number, key in enumerate(self._random(nnx.RngKey)):
            key.set_value(jax.random.fold_in(jax.random.key(plan.seed), number))
        out = distributed.everywhere()
        self.update = jax.jit(self._update, donate_argnums=0, out_shardings=out)
        self.observed = jax.jit(self._observe, static_argnums=4, out_shardings=out)
        self.infer = jax.jit(self._infer)
        self.ema = None if plan.ema is None else optimizers.ema(decay=plan.ema.decay)
        self.draws: Any = None
        self.factor = distributed.replicated(jnp.ones((), self.dtype))
        self.state = State({}, (), (), ())
        self._take()
        params = self.state.params
        average = self.ema.init(params) if self.ema else ()
        kept = distributed.replicated(jax.jit(self.optimizer.init)(params))
        self.state = self.state._replace(kept=kept, average=average)

    # What a batch goes through

    def training_step(self, model: Any, inputs: Arrays, targets: Arrays) -> jax.Array:
        """The loss to minimise."""
        outputs = tuple(o.astype(self.dtype) for o in flat(model(*inputs)))
        return self.plan.objective(self.loss, outputs, targets)

    def validation_step(self, model: Any, inputs: Arrays) -> Arrays:
        return self.predict_step(model, inputs)

    def test_step(self, model: Any, inputs: Arrays) -> Arrays:
        return self.predict_step(model, inputs)

    def predict_step(self, model: Any, inputs: Arrays) -> Arrays:
        return flat(model(*inputs))

    # The step

    def _update(
        self, state: State, inputs: Arrays, targets: Arrays, factor: jax.Array
    ) -> tuple[State, jax.Array]:
        (loss, rest), grads = self._differentiate(state, inputs, targets)
        return self._descend(state._replace(rest=rest), grads, factor), loss

    def _differentiate(self, state: State, inputs: Arrays, targets: Arrays) -> Any:
        def function(params: Any) -> Any:
            if self.plan.precision == "bfloat16":
                params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
            model = self._merge(self.graph, params, state.rest)
            loss = self.training_step(model, inputs, targets)
            return loss, nnx.state(model, nnx.Not(nnx.Param))

        return jax.value_and_grad(function, has_aux=True)(state.params)

    def _descend(self, state: State, grads: Any, factor: Any) -> State:
        steps, kept = self.optimizer.update(grads, state.kept, state.params)
        if self.plan.plateau is not None:
            steps = jax.tree.map(lambda u: u * factor, steps)
        average = state.average
        if self.ema is not None:
            _, average = self.ema.update(steps, average, state.params)
        params = optax.apply_updates(state.params, steps)
        return state._replace(params=params, kept=kept, average=average)

    def _infer(self, params: Any, rest: Any, inputs: Arrays) -> Arrays:
        return self.predict_step(self._merge(self.still, params, rest), inputs)

    def _merge(self, graph: Any, params: Any, rest: Any) -> Any:
        named = {self.paths[name]: value for name, value in params.items()}
        model = nnx.merge(graph, nnx.State.from_flat_path(named), rest, copy=True)
        for path, module in named_modules(model):
            if self.draws is not None and hasattr(module, "draws"):
                module.draws = self.draws(path=path)
        return model

    # The loop

    def fit(self, run: Any) -> None:
        for _ in run.epochs():
            for batch in run.batches():
                inputs, targets = self._arrays(batch)
                self.state, loss = self.update(self.state, inputs, targets, self.factor)
                run.after_batch(loss)
            run.after_epoch()

    def predict(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        moved = self._inputs(self.model.inward(inputs))
        own = distributed.local((self.state.params, self.state.rest))
        found = self.infer(*own, moved)
        return self.model.outward(tuple(np.asarray(o) for o in found), False)

    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        inputs, targets = self._arrays(batch)
        self.state, loss, grads = self.observed(
            self.state, inputs, targets, self.factor, seed, step
        )
        own = self.model.slots()
        gradients = {
            name: own[name].layout.canonical(np.asarray(g)) for name, g in grads.items()
        }
        return Seen(float(loss), gradients, self.weights())

    def _observe(
        self,
        state: State,
        inputs: Arrays,
        targets: Arrays,
        factor: jax.Array,
        seed: int,
        step: jax.Array,
    ) -> tuple[State, jax.Array, Any]:
        self.draws = partial(StepDraws, seed=seed, step=step)
        try:
            (loss, rest), grads = self._differentiate(state, inputs, targets)
        finally:
            self.draws = None
        return self._descend(state._replace(rest=rest), grads, factor), loss, grads

    # What a checkpoint holds

    def weights(self) -> dict[str, Array]:
        for name, slot in self.model.slots().items():
            if slot.trainable:
                slot.place.set_value(self.state.params[name])
        nnx.update(self.native, self.state.rest)
        return self.model.dump()

    def set_weights(self, values: dict[str, Array]) -> None:
        self.model.load(values)
        self._take()

    def scale(self, factor: float) -> None:
        self.factor = distributed.replicated(jnp.asarray(factor, self.dtype))

    def optimizer_state(self) -> dict[str, Array]:
        found = definitions.state(_own(self.state.kept))
        if self.ema is not None:
            averages = self.state.average.average.items()
            found |= {f"ema/{name}": np.asarray(a) for name, a in averages}
        return found

    def set_optimizer_state(self, state: dict[str, Array]) -> None:
        kept = self.optimizer.init(self.state.params)
        own = definitions.with_state(_own(kept), state)
        if isinstance(kept, optax.MultiStepsState):
            done = jnp.asarray(state["t"], kept.gradient_step.dtype)
            own = kept._replace(inner_opt_state=own, gradient_step=done)
        self.state = self.state._replace(kept=distributed.replicated(own))
        if self.ema is not None:
            names = self.state.params
            average = distributed.replicated(
                {name: jnp.array(state[f"ema/{name}"]) for name in names}
            )
            self.state = self.state._replace(average=optimizers.EmaState(average))

    def random_state(self) -> dict[str, Array]:
        nnx.update(self.native, self.state.rest)
        counts = [np.asarray(c.get_value()) for c in self._random(nnx.RngCount)]
        return {str(i): count.astype(np.int64) for i, count in enumerate(counts)}

    def set_random_state(self, state: dict[str, Array]) -> None:
        for i, count in enumerate(self._random(nnx.RngCount)):
            count.set_value(jnp.asarray(state[str(i)], jnp.uint32))
        rest = nnx.state(self.native, nnx.Not(nnx.Param))
        self.state = self.state._replace(rest=distributed.replicated(rest))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        own = self.state
        kept = _own(own.kept)
        if isinstance(kept, optimizers.ScheduleFreeAdamWState):
            beta1 = self.plan.optimizer.beta1  # type: ignore[attr-defined]
            params = optimizers.schedule_free_evaluated(own.params, kept, beta1)
            self.state = own._replace(params=params)
        elif self.ema is not None:
            self.state = own._replace(params=own.average.average)
        try:
            yield
        finally:
            self.state = own

    def _take(self) -> None:
        """What the module holds, and how to put it together again."""
        self.native.eval()
        self.still = nnx.graphdef(self.native)
        self.native.train()
        self.graph = nnx.graphdef(self.native)
        rest = nnx.state(self.native, nnx.Not(nnx.Param))
        places = {id(s.place): k for k, s in self.model.slots().items() if s.trainable}
        self.paths = {
            places[id(node)]: path
            for path, node in nnx.iter_graph(self.native)
            if id(node) in places
        }
        own = self.model.slots()
        params = {name: jnp.array(own[name].place.get_value()) for name in self.names}
        params, rest = distributed.replicated((params, rest))
        self.state = self.state._replace(params=params, rest=rest)

    def _random(self, kind: type) -> list[Any]:
        return [
            node for _, node in nnx.iter_graph(self.native) if isinstance(node, kind)
        ]

    # Among several processes

    def gather(self, value: Array) -> Array:
        return distributed.gather(value)

    # Arrays in

    def _inputs(self, arrays: tuple[Array, ...]) -> Arrays:
        low = self.plan.precision == "bfloat16"
        real = jnp.bfloat16 if low else jnp.dtype(self.dtype)
        return tuple(
            jnp.asarray(a, real if a.dtype.kind == "f" else None) for a in arrays
        )

    def _arrays(self, batch: Samples) -> tuple[Arrays, Arrays]:
        targets = tuple(
            jnp.asarray(a, self.dtype if a.dtype.kind == "f" else None)
            for a in batch.targets
        )
        inputs = self._inputs(self.model.inward(batch.inputs))
        return distributed.sharded(inputs), distributed.sharded(targets)
