import keras
import numpy as np
from keras import ops

from dawn_tf.losses import DiverseExperts, effective_number_weights


class DeferredReweighting(keras.callbacks.Callback):
    """Weighs examples by their class, from some epoch on (DRW).

    Until epoch `start` all weights are 1, then the effective-number weights of `counts`, whose
    mean over the classes is 1. `follow` puts the weights into a loss as a variable, which this
    callback sets before each epoch: nothing is compiled anew.
    After [Cao et al., 2019](https://arxiv.org/abs/1906.07413), Algorithm 1, with the weights of
    [Cui et al., 2019](https://arxiv.org/abs/1901.05555).

    ```python
    drw = DeferredReweighting(counts, start=160)
    model.compile("sgd", loss=drw.follow(LDAM(counts)))
    model.fit(images, labels, epochs=200, callbacks=[drw])
    ```

    Args:
        counts: Examples of each class in the training part, all above 0.
        start: The first epoch, counted from 0, with weights.
        beta: Of `effective_number_weights`.
    """

    def __init__(self, counts, start, beta=0.9999):
        super().__init__()
        self.start = start
        self.late = effective_number_weights(counts, beta).astype("float32")
        self.weights = keras.Variable(self._of(0), trainable=False, name="class_weights")

    def follow(self, loss):
        """`loss` with the weights, for labels `(batch,)`; a dict of losses too."""
        if isinstance(loss, dict):
            return {name: self.follow(one) for name, one in loss.items()}
        if isinstance(loss, DiverseExperts):
            return loss.on(self.follow(loss.base))  # The divergence has its own weights.
        return _Reweighted(loss, self.weights)

    def on_epoch_begin(self, epoch, logs=None):
        self.weights.assign(self._of(epoch))

    def _of(self, epoch):
        return self.late if epoch >= self.start else np.ones_like(self.late)


class _Reweighted(keras.losses.Loss):
    """`loss` of each example times the weight of its class; of a soft label, the mean weight."""

    def __init__(self, loss, weights):
        super().__init__(name=loss.name, reduction=loss.reduction)
        self.loss = loss
        self.weights = weights

    def call(self, y_true, y_pred):
        if len(y_pred.shape) != 2:
            raise ValueError(
                "Expected one label per example for deferred reweighting. Received: "
                f"y_pred.shape={tuple(y_pred.shape)}. For masks give the loss class_weights."
            )
        y_true = ops.convert_to_tensor(y_true)
        if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1]:
            weight = ops.sum(ops.cast(y_true, "float32") * self.weights, axis=-1)
        else:
            labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
            weight = ops.take(ops.convert_to_tensor(self.weights), labels)
        return self.loss.call(y_true, y_pred) * weight
