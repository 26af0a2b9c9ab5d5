"""Training in Keras: `compile`, `fit`, and a callback.

To train in another way, override `compute_loss`, `train_step`, `test_step` or
`predict_step` of Learner, as of any keras.Model, and name it in `Trainer.learner_kind`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from keras_impl import backends, definitions, distributed, optimizers
from keras_impl.weights import named_layers
from shared import contract
from shared.arrays import Array
from shared.contract import Seen, flat
from shared.data.batches import Samples
from shared.definitions.optimizers import excluded
from shared.objectives.plan import Plan
from shared.randomness import Draws


class Learner(keras.Model):
    """A model of any number of inputs, with the loss of the plan."""

    def __init__(self, inner: keras.Model, plan: Plan):
        super().__init__()
        self.inner, self.plan, self.objective = inner, plan, definitions.loss(plan.loss)
        # fit tells a callback the mean over the epoch so far, not the batch's loss.
        self.last = self.add_weight(
            (), "zeros", trainable=False, name="last", aggregation="sum"
        )
        self.built = True

    def call(
        self, inputs: tuple[KerasTensor, ...], training: bool | None = None
    ) -> Any:
        return flat(self.inner(*inputs, training=training))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> KerasTensor:
        outputs = tuple(ops.cast(output, self.last.dtype) for output in y_pred)

        def objective(*values: KerasTensor) -> KerasTensor:
            count = len(values) - len(y)
            return self.objective(
                definitions.one_or_all(list(values[count:])),
                definitions.one_or_all(list(values[:count])),
            )

        loss = self.plan.objective(objective, outputs, y)
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
        self.run.after_batch(float(ops.convert_to_numpy(self.model.last)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.run.after_epoch()
        self.model.stop_training = self.run.stopped


class Trainer(contract.Trainer):
    learner_kind = Learner

    def __init__(self, model: Any, plan: Plan):
        self.model, self.plan, self.dtype = model, plan, model.dtype
        self.place = distributed.place()
        self.native: keras.Model = model.native
        distributed.synchronized(self.native)
        found = {k: s for k, s in model.slots().items() if s.trainable}
        self.variables = {name: slot.place for name, slot in found.items()}
        shapes = {name: slot.shape for name, slot in found.items()}
        if plan.precision == "bfloat16":
            for _, layer in named_layers(self.native):
                layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
        options: dict[str, Any] = definitions.clipping(plan.clip)
        if plan.accumulate > 1:
            options["gradient_accumulation_steps"] = plan.accumulate
        if plan.ema is not None:
            options |= {"use_ema": True, "ema_momentum": plan.ema.decay}
        # A rate that a plateau will lower is a variable, a schedule is compiled in.
        scheduled = None if plan.plateau else plan.schedule
        self.optimizer = definitions.optimizer(
            plan.optimizer, self.variables, excluded(shapes), scheduled, **options
        )
        distributed.replicated(self.optimizer)
        for number, generator in enumerate(self._generators()):
            seed = self.place.seed(plan.seed)
            generator.assign(np.array([seed, number], "uint32"))
        self.learner = self.learner_kind(self.native, plan)
        self.learner.compile(self.optimizer, jit_compile=False)
        # XLA decomposes Shampoo's matrices in a way that is right to 1e-5 only.
        shampoo = isinstance(self.optimizer, optimizers.Shampoo)
        self.to_fuse = self.place.size == 1 and not shampoo

    def fuse(self) -> None:
        """For a loop; a few updates are not worth the compilation."""
        if self.to_fuse:
            backends.fuse_update(self.optimizer)
            self.to_fuse = False

    # The loop

    def fit(self, run: Any) -> None:
        """`fit`, from where the run stands; an epoch begun before by itself."""
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

    def predict(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        found = self.learner.predict_on_batch(self._inputs(inputs))
        # DIFF(replica-predict): Keras gives every process what all put out.
        own = tuple(output[self.place.rows(len(output))] for output in found)
        return self.model.outward(own, False)

    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        for path, layer in named_layers(self.native):
            if hasattr(layer, "draws"):
                layer.draws = Draws(seed, path, step, self.place.cut(len(batch)))
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
        own = self.model.slots()
        named = zip(self.variables, seen, strict=True)
        gradients = {name: own[name].layout.canonical(g) for name, g in named}
        loss = float(ops.convert_to_numpy(self.learner.last))
        return Seen(loss, gradients, self.weights())

    # What a checkpoint holds

    def weights(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self.model.dump().items()}

    def set_weights(self, values: dict[str, Array]) -> None:
        self.model.load(values)

    def scale(self, factor: float) -> None:
        self.optimizer.learning_rate = self.plan.optimizer.lr * factor

    def optimizer_state(self) -> dict[str, Array]:
        found = definitions.state(self.optimizer, self.variables)
        if self.plan.ema:
            averages = zip(self.variables, self._averages(), strict=True)
            found |= definitions.copies({f"ema/{name}": a for name, a in averages})
        return found

    def set_optimizer_state(self, state: dict[str, Array]) -> None:
        definitions.set_state(self.optimizer, self.variables, state)
        if self.plan.ema:
            for name, average in zip(self.variables, self._averages(), strict=True):
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
        switched = isinstance(self.optimizer, optimizers.ScheduleFreeAdamW)
        if switched:
            self.optimizer.eval()
        elif self.plan.ema:
            for variable, average in zip(variables, self._averages(), strict=True):
                variable.assign(average)
        try:
            yield
        finally:
            if switched:
                self.optimizer.train()
            for variable, value in zip(variables, own, strict=True):
                variable.assign(value)

    def _averages(self) -> list[keras.Variable]:
        return self.optimizer._model_variables_moving_average

    def _generators(self) -> list[keras.Variable]:
        """The states of the layers' own random generators."""
        return [
            layer.seed_generator.state
            for _, layer in named_layers(self.native)
            if getattr(layer, "seed_generator", None) is not None
        ]

    # Among several processes

    def gather(self, value: Array) -> Array:
        return distributed.gather(value)

    # Arrays in

    def _inputs(self, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return self._real(self.model.inward(arrays))

    def _arrays(self, batch: Samples) -> tuple[Any, ...]:
        """The rows that are this process's, and what its loss weighs in the batch's."""
        if self.place.size == 1:
            return self._inputs(batch.inputs), self._real(batch.targets)
        part = self.place.part(batch)
        share = np.array(self.plan.share(part, batch))
        return self._inputs(part.inputs), self._real(part.targets), share

    def _real(self, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(a.astype(self.dtype) if a.dtype.kind == "f" else a for a in arrays)
