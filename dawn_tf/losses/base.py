import keras
from keras import ops

from dawn_tf.backend.compile import call_compiled
from dawn_tf.losses.inputs import check_label_smoothing


class PerExampleLoss(keras.losses.Loss):
    """Base of the losses: one float32 value per example, void labels left out.

    `dtype` is taken as Keras passes it, but logits, labels and value are float32 whatever it is:
    in half precision the sums over an image overflow and labels above 256 are rounded.

    Args:
        ignore_class: Label of unannotated ("void") pixels or examples, or `None`. Void soft
            labels are all 0.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        name, reduction, dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If `label_smoothing` is out of range, or `sample_weight` is not one weight per
            example.
    """

    def __init__(
        self,
        ignore_class=None,
        label_smoothing=0.0,
        name=None,
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.ignore_class = ignore_class
        self.label_smoothing = check_label_smoothing(label_smoothing)

    # Whether the values depend on their own example only; a loss may have the argument.
    per_image = True

    @property
    def dtype(self):
        return "float32"

    def values(self, y_true, y_pred):
        """The loss of each example, float32 `(batch,)`; what a loss has to give."""
        raise NotImplementedError

    def sort_keys(self, y_true, y_pred):
        """Keys of the `order` that `values` takes, or `None` for a loss without a sort."""
        return None

    def call(self, y_true, y_pred):
        return call_compiled(self.values, y_true, y_pred, self.per_image, self.sort_keys)

    def __call__(self, y_true, y_pred, sample_weight=None):
        shape = () if sample_weight is None else ops.convert_to_tensor(sample_weight).shape
        # Keras would broadcast a map of weights against the values, at worst without an error.
        if len(shape) > 2 or (len(shape) == 2 and shape[1] not in (1, None)):
            raise ValueError(
                "Expected one sample weight per example, of shape (batch,). Received: "
                f"sample_weight.shape={tuple(shape)}. To leave out pixels, give them the label "
                "`ignore_class`."
            )
        return super().__call__(y_true, y_pred, sample_weight)

    def get_config(self):
        return {
            **super().get_config(),
            "ignore_class": self.ignore_class,
            "label_smoothing": self.label_smoothing,
        }
