"""Training in JAX: compiled steps that own their arguments, and the loop.

To train in another way, override `training_step`, `validation_step`, `test_step` or
`predict_step`; they are traced, so they must be pure.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jax_impl import definitions, distributed, optimizers
from jax_impl.objectives import losses_of
from jax_impl.precision import full
from jax_impl.updates import Update, own_state, restored
from jax_impl.weights import named_modules
from shared import contract
from shared.arrays import Array
from shared.contract import flat
from shared.data.batches import Samples
from shared.definitions.optimizers import ScheduleFreeAdamW
from shared.messages import Seen
from shared.objectives.base import Copy, Step
from shared.objectives.plan import Plan
from shared.randomness import Draws
from shared.tensors import NORMAL

Arrays = tuple[jax.Array, ...]


class StepDraws:
    """The suite's own draws of one layer at a step that is known when the compiled
    program runs (shared/randomness.py)."""

    def __init__(self, seed: int, path: str, step: jax.Array):
        self.seed, self.path, self.step = seed, path, step
        self.occasions = itertools.count()

    def keep(self, shape: tuple[int, ...], rate: float) -> jax.Array:
        occasion = next(self.occasions)

        def draw(step: Array) -> Array:
            draws = Draws(self.seed, self.path, int(step))
            return draws.kept(shape, rate, occasion)

        return jax.pure_callback(draw, jax.ShapeDtypeStruct(shape, bool), self.step)


class State(NamedTuple):
    """What a step takes and gives back; what went in is gone.

    kept: by the optimizers, of each step. average: of the parameters, where the plan
    has one. rest: buffers, and the random generators.
    """

    params: Any
    kept: dict[str, Any]
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
        if plan.precision == "bfloat16":
            model.lower()
        shapes = {k: s.shape for k, s in model.slots().items() if s.trainable}
        self.names = list(shapes)
        self.updates = [Update(s, plan, shapes, self.dtype) for s in self.steps]
        for number, key in enumerate(self._random(nnx.RngKey)):
            key.set_value(jax.random.fold_in(jax.random.key(plan.seed), number))
        out = distributed.everywhere()
        self.advanced = jax.jit(
            self._advance, static_argnums=0, donate_argnums=1, out_shardings=out
        )
        self.observed = jax.jit(self._observe, static_argnums=(0, 6), out_shardings=out)
        self.infer = jax.jit(self._infer, static_argnums=3)
        self.copied = jax.jit(self._copied, static_argnums=1, out_shardings=out)
        self.ema = None if plan.ema is None else optimizers.ema(decay=plan.ema.decay)
        self.told: dict[str, tuple[str, ...]] = {}
        self.draws: Any = None
        self.factor = distributed.replicated(jnp.ones((), self.dtype))
        self.state = State({}, {}, (), ())
        self._take()
        params = self.state.params
        moved = {n: params[n] for update in self.updates for n in update.names}
        average = self.ema.init(moved) if self.ema else ()
        kept = {
            update.step.name: distributed.replicated(jax.jit(update.init)(params))
            for update in self.updates
        }
        self.state = self.state._replace(kept=kept, average=average)

    # What a batch goes through

    def training_step(
        self, model: Any, inputs: Arrays, targets: Arrays, step: Step, noise: Arrays
    ) -> dict[str, jax.Array]:
        """Give the losses of one step by name; the first is minimised."""
        losses = losses_of(self.plan.objective, step)
        return losses(self.plan.objective, model, inputs, targets, noise)

    def validation_step(self, model: Any, inputs: Arrays) -> Arrays:
        return self.predict_step(model, inputs)

    def test_step(self, model: Any, inputs: Arrays) -> Arrays:
        return self.predict_step(model, inputs)

    def predict_step(self, model: Any, inputs: Arrays, program: str = "") -> Arrays:
        return tuple(map(full, flat(self.model.entry(program, model)(*inputs))))

    # The steps

    def _advance(
        self,
        number: int,
        state: State,
        inputs: Arrays,
        targets: Arrays,
        factor: jax.Array,
        batches: jax.Array,
    ) -> tuple[State, dict[str, jax.Array]]:
        """Make the step of this number, with noise that depends on the batches done."""
        update = self.updates[number]
        key = jax.random.fold_in(jax.random.key(self.plan.seed), batches)
        key = jax.random.fold_in(key, number)
        noise = self._noise(update.step, key, len(inputs[0]))
        (_, (losses, rest)), grads = self._differentiate(
            update, state, inputs, targets, noise
        )
        return self._descend(update, state._replace(rest=rest), grads, factor), losses

    def _noise(self, step: Step, key: jax.Array, rows: int) -> Arrays:
        found = []
        for number, noise in enumerate(step.noise):
            own = jax.random.fold_in(key, number)
            shape = (rows, *noise.native(channels_last=True))
            if noise.below is not None:
                drawn = jax.random.randint(own, shape, 0, noise.below)
            elif noise.drawn == NORMAL:
                drawn = jax.random.normal(own, shape, self.dtype)
            else:
                drawn = jax.random.uniform(own, shape, self.dtype)
            found.append(drawn)
        return tuple(found)

    def _differentiate(
        self,
        update: Update,
        state: State,
        inputs: Arrays,
        targets: Arrays,
        noise: Arrays,
    ) -> Any:
        def function(moved: Any) -> Any:
            params = {**state.params, **moved}
            model = self._merge(self.graph, params, state.rest)
            losses = self.training_step(model, inputs, targets, update.step, noise)
            loss = next(iter(losses.values()))
            self.told[update.step.name] = tuple(losses)
            return loss, (losses, nnx.state(model, nnx.Not(nnx.Param)))

        moved = {name: state.params[name] for name in update.names}
        return jax.value_and_grad(function, has_aux=True)(moved)

    def _descend(self, update: Update, state: State, grads: Any, factor: Any) -> State:
        name = update.step.name
        own = {n: state.params[n] for n in update.names}
        moves, kept = update(grads, state.kept[name], own)
        if self.plan.plateau is not None:
            moves = jax.tree.map(lambda u: u * factor, moves)
        average = state.average
        if self.ema is not None:
            held = optimizers.EmaState({n: average.average[n] for n in update.names})
            _, held = self.ema.update(moves, held, own)
            average = optimizers.EmaState(average.average | held.average)
        params = {**state.params, **optax.apply_updates(own, moves)}
        return state._replace(
            params=params, kept={**state.kept, name: kept}, average=average
        )

    def _infer(self, params: Any, rest: Any, inputs: Arrays, program: str) -> Arrays:
        return self.predict_step(self._merge(self.still, params, rest), inputs, program)

    def _copied(self, params: Any, keeps: tuple[tuple[Copy, float], ...]) -> Any:
        """Parameters that follow others, moved towards them."""
        params = dict(params)
        for copy, keep in keeps:
            for source, target in copy.pairs(params):
                params[target] = keep * params[target] + (1 - keep) * params[source]
        return params

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
                run.after_batch(self.advance(*self._arrays(batch)))
            run.after_epoch()

    def advance(self, inputs: Arrays, targets: Arrays) -> dict[str, jax.Array]:
        """Take all steps that are due at a batch; give their losses by name."""
        found: dict[str, jax.Array] = {}
        self.begin()
        for number, update in enumerate(self.updates):
            if update.step.due(self.batches + 1):
                self.state, losses = self.advanced(
                    number, self.state, inputs, targets, self.factor, self.batches
                )
                found |= self.named(update.step, self._in_order(update, losses))
        self.end()
        return found

    def _in_order(self, update: Update, losses: dict[str, Any]) -> dict[str, Any]:
        """Give the losses as the step told them, since a compiled function sorts a
        dict by its keys."""
        return {name: losses[name] for name in self.told[update.step.name]}

    def begin(self) -> None:
        """Make what follows others equal to them, before the first batch."""
        if self.batches == 0:
            self._copy((copy, 0.0) for copy in self.plan.objective.copies)

    def end(self) -> None:
        """Count the batch, and move what follows others, after all its steps."""
        self.batches += 1
        self._copy(
            (copy, copy.keep)
            for copy in self.plan.objective.copies
            if self.batches % copy.every == 0
        )

    def _copy(self, keeps: Iterable[tuple[Copy, float]]) -> None:
        if due := tuple(keeps):
            params = self.copied(self.state.params, due)
            self.state = self.state._replace(params=params)

    def predict(self, inputs: tuple[Array, ...], program: str = "") -> Any:
        moved = self._inputs(self.model.inward(inputs, program))
        own = distributed.local((self.state.params, self.state.rest))
        found = self.infer(*own, moved, program)
        outputs = tuple(np.asarray(o) for o in found)
        return self.model.outward(outputs, False, program)

    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        inputs, targets = self._arrays(batch)
        own = self.model.slots()
        losses: dict[str, float] = {}
        gradients: dict[str, Array] = {}
        self.begin()
        for number, update in enumerate(self.updates):
            if not update.step.due(self.batches + 1):
                continue
            drawn = contract.drawn(
                update.step, len(batch), seed, step, channels_last=True
            )
            noise = self._inputs(drawn)
            self.state, found, grads = self.observed(
                number, self.state, inputs, targets, noise, self.factor, seed, step
            )
            found = self._in_order(update, found)
            told = {name: float(loss) for name, loss in found.items()}
            losses |= self.named(update.step, told)
            arrays = {
                n: own[n].layout.canonical(np.asarray(g)) for n, g in grads.items()
            }
            gradients |= self.named(update.step, arrays)
        self.end()
        return Seen(losses, gradients, self.weights())

    def _observe(
        self,
        number: int,
        state: State,
        inputs: Arrays,
        targets: Arrays,
        noise: Arrays,
        factor: jax.Array,
        seed: int,
        step: jax.Array,
    ) -> tuple[State, Any, Any]:
        update = self.updates[number]

        def draws(path: str) -> StepDraws:
            return StepDraws(seed, self.label(update.step, path), step)

        self.draws = draws
        try:
            (_, (losses, rest)), grads = self._differentiate(
                update, state, inputs, targets, noise
            )
        finally:
            self.draws = None
        after = self._descend(update, state._replace(rest=rest), grads, factor)
        return after, losses, grads

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
        found: dict[str, Array] = {}
        for update in self.updates:
            for kept in self.state.kept[update.step.name]:
                found |= self.prefixed(update.step, definitions.state(own_state(kept)))
        if self.ema is not None:
            averages = self.state.average.average.items()
            found |= {f"ema/{name}": np.asarray(a) for name, a in averages}
        return found

    def set_optimizer_state(self, state: dict[str, Array]) -> None:
        kept = {}
        for update in self.updates:
            own = self.own(update.step, state)
            found = [restored(k, own) for k in update.init(self.state.params)]
            kept[update.step.name] = distributed.replicated(tuple(found))
        self.state = self.state._replace(kept=kept)
        if self.ema is not None:
            names = [name for update in self.updates for name in update.names]
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
        params = dict(own.params)
        for update in self.updates:
            definition = self.plan.optimizer_of(update.step)
            if isinstance(definition, ScheduleFreeAdamW):
                (kept,) = own.kept[update.step.name]
                moved = {name: params[name] for name in update.names}
                params |= optimizers.schedule_free_evaluated(
                    moved, own_state(kept), definition.beta1
                )
        if self.ema is not None:
            params |= own.average.average
        self.state = own._replace(params=params)
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
        return tuple(
            jnp.asarray(a, self.dtype if a.dtype.kind == "f" else None) for a in arrays
        )

    def _arrays(self, batch: Samples) -> tuple[Arrays, Arrays]:
        given, wanted = batch.arrays
        targets = tuple(
            jnp.asarray(a, self.dtype if a.dtype.kind == "f" else None) for a in wanted
        )
        inputs = self._inputs(self.model.inward(given))
        return distributed.sharded(inputs), distributed.sharded(targets)
