"""AdamW as every run uses it: schedule, clipping, moving average, on any number of devices."""

import keras
import tensorflow as tf
from keras import ops


def make_optimizer(config, steps):
    """AdamW with a tenth of warm-up, cosine to zero, and a moving average of the weights.

    Args:
        config: Resolved `TrainConfig`. With `accumulate=N`, N batches make one update, that of
            the batch they make together: its rate, its decay, one step of the average.
        steps: Batches in all.
    """
    updates = max(1, steps // config.accumulate)
    warmup = max(1, updates // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, updates - warmup), warmup_target=config.learning_rate, warmup_steps=warmup
    )
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    kwargs = {
        "weight_decay": config.weight_decay,
        # Of the sum over the replicas, each of which holds an equal part.
        "global_clipnorm": 1.0 / replicas,
        "use_ema": bool(config.ema),
        "ema_momentum": config.ema or 0.99,
    }
    if config.accumulate > 1:
        schedule = PerUpdate(schedule, config.accumulate)
        return AccumulatedAdamW(schedule, gradient_accumulation_steps=config.accumulate, **kwargs)
    return (MirroredAdamW if replicas > 1 else keras.optimizers.AdamW)(schedule, **kwargs)


class MirroredAdamW(keras.optimizers.AdamW):
    """AdamW under `tf.distribute.MirroredStrategy` whose clipping is that of one device.

    Keras 3.15 clips the gradient of each replica, then sums. Here each replica gets the mean of
    all, so that a `global_clipnorm` of 1 / replicas clips their sum at 1.
    """

    def apply(self, grads, trainable_variables=None):
        mean = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, grads)
        super().apply(mean, trainable_variables)


@keras.saving.register_keras_serializable("dawn_tf")
class PerUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """`schedule` over updates, of which each takes `batches` steps.

    Keras 3.15 hands a schedule the number of batches.
    """

    def __init__(self, schedule, batches):
        self.schedule = schedule
        self.batches = batches

    def __call__(self, step):
        return self.schedule(step // self.batches)

    def get_config(self):
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "batches": self.batches}

    @classmethod
    def from_config(cls, config):
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["batches"])


class AccumulatedAdamW(keras.optimizers.AdamW):
    """AdamW with accumulated gradients, whose moving average takes one step an update.

    Keras 3.15 lets it take one a batch.
    """

    def _update_model_variables_moving_average(self, trainable_variables):
        done = ops.equal((self._iterations + 1) % self.gradient_accumulation_steps, 0)
        first = ops.equal(self.iterations, 0)
        momentum = ops.where(first, 0.0, self.ema_momentum)
        momentum = ops.where(done, momentum, 1.0)
        for weight, average in zip(
            trainable_variables, self._model_variables_moving_average, strict=True
        ):
            if average is not None:
                kept = ops.cast(momentum, weight.dtype)
                average.assign(kept * average + (1 - kept) * weight)
