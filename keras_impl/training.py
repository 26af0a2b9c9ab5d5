"""Training in Keras: `compile`, `fit`, and a callback.

To train in another way, override `compute_loss`, `train_step`, `test_step` or
`predict_step` of Learner, as of any keras.Model, and name it in `Trainer.learner_kind`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from keras_impl import backends, definitions, distributed, optimizers
from keras_impl.precision import full
from keras_impl.updates import Update
from keras_impl.weights import named_layers
from shared import contract
from shared.arrays import Array
from shared.contract import flat
from shared.data.batches import Samples
from shared.messages import Seen
from shared.objectives.base import Copy, Step
from shared.objectives.plan import Plan
from shared.objectives.supervised import Supervised
from shared.randomness import Cut, Draws


class Learner(keras.Model):
    """A model of any number of inputs, with the loss of a supervised plan."""

    def __init__(self, inner: keras.Model, objective: Supervised):
        super().__init__()
        self.inner, self.objective = inner, objective
        self.criterion = definitions.loss(objective.loss)
        # fit tells a callback the mean over the epoch so far, not the batch's loss.
        self.last = self.add_weight(
            (), "zeros", trainable=False, name="last", aggregation="sum"
        )
        self.built = True

    def call(
        self, inputs: tuple[KerasTensor, ...], training: bool | None = None
    ) -> Any:
        return tuple(map(full, flat(self.inner(*inputs, training=training))))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> KerasTensor:
        outputs = tuple(ops.cast(output, self.last.dtype) for output in y_pred)
        loss = self.objective.of(definitions.called(self.criterion, len(y)), outputs, y)
        if sample_weight is not None:  # this process's share of the batch
            loss = loss * ops.cast(sample_weight, loss.dtype)
        self.last.assign(loss)
        return loss

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """DIFF(replica-build): to see shapes, Keras on TensorFlow would average a batch
        over the processes, and fails; here all is built."""

    def compute_metrics(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """DIFF(replica-metrics): Keras averages those of several processes along their
        first axis, which a number does not have."""
        found = super().compute_metrics(*args, **kwargs)
        if distributed.place().size == 1:
            return found
        return {name: ops.reshape(value, (1,)) for name, value in found.items()}


class Follow(keras.callbacks.Callback):
    """Tells the run of each batch and each epoch."""

    def __init__(self, run: Any):
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.run.trainer.batches += 1
        self.run.after_batch({"loss": float(ops.convert_to_numpy(self.model.last))})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.run.after_epoch()
        self.model.stop_training = self.run.stopped


class Trainer(contract.Trainer):
    """One supervised step that moves all parameters is trained by `fit`; for other
    objectives the loop is written out, and on TensorFlow each step is compiled."""

    learner_kind = Learner

    def __init__(self, model: Any, plan: Plan):
        self.model, self.plan, self.dtype = model, plan, model.dtype
        self.place = distributed.place()
        self.native: keras.Model = model.native
        distributed.synchronized(self.native)
        slots = model.slots()
        found = {k: s for k, s in slots.items() if s.trainable}
        self.variables = {name: slot.place for name, slot in found.items()}
        fixed = [slot.place for slot in slots.values() if not slot.trainable]
        shapes = {name: slot.shape for name, slot in found.items()}
        if plan.precision == "bfloat16":
            model.lower()
        self.updates = [Update(s, plan, self.variables, shapes) for s in self.steps]
        # The generator of noise is the last of all.
        self.seed = keras.random.SeedGenerator(0)
        for number, generator in enumerate(self._generators()):
            seed = self.place.seed(plan.seed)
            generator.assign(np.array([seed, number], "uint32"))
        self.fixed = [*fixed, *self._generators()]
        self.learner: Any = None
        if self.fits:
            assert isinstance(plan.objective, Supervised)
            self.learner = self.learner_kind(self.native, plan.objective)
            self.learner.compile(self.optimizer, jit_compile=False)
        # XLA decomposes Shampoo's matrices in a way that is right to 1e-5 only.
        shampoo = isinstance(self.optimizer, optimizers.Shampoo)
        self.to_fuse = self.place.size == 1 and not shampoo
        self.run_eagerly = False
        self._compiled: dict[str, Any] = {}
        self._predict: dict[str, Any] = {}

    @property
    def fits(self) -> bool:
        """Whether Keras's own loop does it all."""
        update = self.updates[0]
        return (
            isinstance(self.plan.objective, Supervised)
            and update.whole
            and len(update.parts) == 1
            and not update.step.noise
            and not self.plan.objective.copies
        )

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the first step."""
        return self.updates[0].optimizers[0]

    def fuse(self) -> None:
        """Compile the updates, for a loop; for a few it is not worth while."""
        if self.to_fuse:
            for update in self.updates:
                for optimizer in update.optimizers:
                    backends.fuse_update(optimizer)
            self.to_fuse = False

    # The loop

    def fit(self, run: Any) -> None:
        """`fit`, from where the run stands; an epoch begun before by itself."""
        if not self.fits:
            self._loop(run)
            return
        begun = run.at.batch > 0
        self.fuse()
        while not run.stopped:
            self.learner.fit(
                distributed.sharded(lambda: self._forever(run)),
                initial_epoch=run.at.epoch,
                epochs=run.at.epoch + 1 if begun else self.plan.epochs,
                steps_per_epoch=run.per_epoch - run.at.batch,
                callbacks=[Follow(run)],
                verbose=0,
            )
            begun = False

    def _forever(self, run: Any) -> Iterator[Any]:
        """Keras reads ahead, so the run's own position cannot say which is next."""
        for batch in run.ahead():
            yield self._arrays(batch)

    def _loop(self, run: Any) -> None:
        for _ in run.epochs():
            for batch in run.batches():
                run.after_batch(self.advance(*self._arrays(batch)))
            run.after_epoch()

    def advance(self, inputs: Any, targets: Any, share: Any = 1.0) -> dict[str, Any]:
        """Take all steps that are due at a batch; give their losses by name."""
        found: dict[str, Any] = {}
        self.begin()
        for update in self.updates:
            if update.step.due(self.batches + 1):
                losses = self._advanced(update)(inputs, targets, share)
                found |= self.named(update.step, losses)
        self.end()
        return found

    def _advanced(self, update: Update) -> Any:
        """A step, compiled where the back end has graphs."""
        name = update.step.name
        if name not in self._compiled:

            def step(inputs: Any, targets: Any, share: Any) -> Any:
                noise = update.noise(len(inputs[0]), self.seed)
                losses, gradients = update.differentiate(
                    self.native, self.fixed, inputs, targets, noise, share
                )
                update.apply(gradients)
                return distributed.summed(losses)

            run = distributed.in_replica(step)
            self._compiled[name] = run if self.run_eagerly else backends.graph(run)
        return self._compiled[name]

    def begin(self) -> None:
        """Make what follows others equal to them, before the first batch."""
        if self.batches == 0:
            for copy in self.plan.objective.copies:
                self._copy(copy, 0.0)

    def end(self) -> None:
        """Count the batch, and move what follows others, after all its steps."""
        self.batches += 1
        for copy in self.plan.objective.copies:
            if self.batches % copy.every == 0:
                self._copy(copy, copy.keep)

    def _copy(self, copy: Copy, keep: float) -> None:
        for source, target in copy.pairs(self.variables):
            moved = keep * self.variables[target] + (1 - keep) * self.variables[source]
            self.variables[target].assign(moved)

    def predict(self, inputs: tuple[Array, ...], program: str = "") -> Any:
        if self.learner is not None and not program:
            found = self.learner.predict_on_batch(self._inputs(inputs))
            # DIFF(replica-predict): Keras gives every process what all put out.
            found = tuple(output[self.place.rows(len(output))] for output in found)
            return self.model.outward(found, False)
        if program not in self._predict:
            run = self.model.entry(program, self.native)
            run = run if program else partial(run, training=False)
            self._predict[program] = backends.graph(
                lambda *args: tuple(map(full, flat(run(*args))))
            )
        moved = self._real(self.model.inward(inputs, program))
        tensors = list(map(ops.convert_to_tensor, moved))
        variables = self.native.variables
        found = backends.forward(
            lambda args: self._predict[program](*args), tensors, variables, (), True
        )
        outputs = tuple(ops.convert_to_numpy(output) for output in found)
        return self.model.outward(outputs, False, program)

    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        # On the other back ends the gradients that `fit` takes cannot be seen.
        if self.fits and backends.BACKEND == "tensorflow":
            return self._observe_fit(batch, seed, step)
        part, cut = self.place.part(batch), self.place.cut(len(batch))
        arrays = self._arrays(batch)
        losses: dict[str, float] = {}
        gradients: dict[str, Array] = {}
        self.begin()
        for update in self.updates:
            if not update.step.due(self.batches + 1):
                continue
            self._draw(seed, step, cut, update.step)
            drawn = contract.drawn(
                update.step, len(part), seed, step, cut, channels_last=True
            )
            noise = tuple(map(ops.convert_to_tensor, self._real(drawn)))
            found, grads = self._observed(update, arrays, noise)
            losses |= self.named(update.step, found)
            gradients |= self.named(update.step, self._canonical(grads))
        self.end()
        return Seen(losses, gradients, self.weights())

    def _observed(self, update: Update, arrays: Any, noise: Any) -> Any:
        inputs, targets, *rest = arrays
        share = rest[0] if rest else 1.0
        inputs, targets = (
            tuple(map(ops.convert_to_tensor, part)) for part in (inputs, targets)
        )

        def step() -> Any:
            losses, gradients = update.differentiate(
                self.native, self.fixed, inputs, targets, noise, share
            )
            whole = distributed.total(list(gradients.values()))
            told = distributed.summed(losses)
            update.apply(gradients)
            return told, whole

        losses, whole = distributed.in_replica(step)()
        told = {name: float(ops.convert_to_numpy(v)) for name, v in losses.items()}
        arrays = [np.array(ops.convert_to_numpy(g)) for g in whole]
        return told, dict(zip(update.variables, arrays, strict=True))

    def _observe_fit(self, batch: Samples, seed: int, step: int) -> Seen:
        self._draw(seed, step, self.place.cut(len(batch)), self.updates[0].step)
        seen: list[Any] = []
        apply = self.optimizer.apply

        def record(grads: Any, *rest: Any) -> Any:
            whole = distributed.total(grads)
            seen[:] = [np.array(ops.convert_to_numpy(g)) for g in whole]
            return apply(grads, *rest)

        self.learner.run_eagerly = True
        self.optimizer.apply = record
        try:
            self.learner.train_on_batch(*self._arrays(batch))
        finally:
            self.optimizer.apply = apply
        self.batches += 1
        gradients = self._canonical(dict(zip(self.variables, seen, strict=True)))
        loss = float(ops.convert_to_numpy(self.learner.last))
        return Seen({"loss": loss}, gradients, self.weights())

    def _canonical(self, gradients: dict[str, Array]) -> dict[str, Array]:
        own = self.model.slots()
        return {n: own[n].layout.canonical(g) for n, g in gradients.items()}

    def _draw(self, seed: int, number: int, cut: Cut | None, step: Step) -> None:
        """Give every layer the suite's own draws."""
        for path, layer in named_layers(self.native):
            if hasattr(layer, "draws"):
                layer.draws = Draws(seed, self.label(step, path), number, cut)

    # What a checkpoint holds

    def weights(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self.model.dump().items()}

    def set_weights(self, values: dict[str, Array]) -> None:
        self.model.load(values)

    def scale(self, factor: float) -> None:
        for update in self.updates:
            update.scale(factor)

    def optimizer_state(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for update in self.updates:
            found |= self.prefixed(update.step, update.state())
            averages = {f"ema/{n}": a for n, a in update.averages().items()}
            found |= definitions.copies(averages)
        return found

    def set_optimizer_state(self, state: dict[str, Array]) -> None:
        for update in self.updates:
            update.set_state(self.own(update.step, state))
            for name, average in update.averages().items():
                average.assign(state[f"ema/{name}"])

    def random_state(self) -> dict[str, Array]:
        return {
            str(i): np.array(ops.convert_to_numpy(g)).astype("int64")
            for i, g in enumerate(self._generators())
        }

    def set_random_state(self, state: dict[str, Array]) -> None:
        for i, generator in enumerate(self._generators()):
            generator.assign(state[str(i)].astype("uint32"))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Back to the very bits, so that to evaluate does not change a run."""
        variables = list(self.variables.values())
        own = [np.array(ops.convert_to_numpy(v)) for v in variables]
        native = [one for update in self.updates for one in update.optimizers]
        switched = [o for o in native if isinstance(o, optimizers.ScheduleFreeAdamW)]
        for optimizer in switched:
            optimizer.eval()
        for update in self.updates:
            for name, average in update.averages().items():
                self.variables[name].assign(average)
        try:
            yield
        finally:
            for optimizer in switched:
                optimizer.train()
            for variable, value in zip(variables, own, strict=True):
                variable.assign(value)

    def _generators(self) -> list[keras.Variable]:
        """Give the states of the layers' own random generators, and of the noise's."""
        own = [
            layer.seed_generator.state
            for _, layer in named_layers(self.native)
            if getattr(layer, "seed_generator", None) is not None
        ]
        drawn = any(update.step.noise for update in self.updates)
        return [*own, self.seed.state] if drawn else own

    # Among several processes

    def gather(self, value: Array) -> Array:
        return distributed.gather(value)

    # Arrays in

    def _inputs(self, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return self._real(self.model.inward(arrays))

    def _arrays(self, batch: Samples) -> tuple[Any, ...]:
        """The rows that are this process's, and what its loss weighs in the batch's."""
        part = self.place.part(batch)
        inputs, targets = part.arrays
        if self.place.size == 1:
            return self._inputs(inputs), self._real(targets)
        share = np.array(self.plan.objective.share(part, batch))
        return self._inputs(inputs), self._real(targets), share

    def _real(self, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(a.astype(self.dtype) if a.dtype.kind == "f" else a for a in arrays)
