import keras
from keras import ops


class PerExampleLoss(keras.losses.Loss):
    """Base of the losses: one float32 value per example, void labels left out.

    `dtype` is taken as Keras passes it, but logits, labels and value are float32 whatever it is:
    in half precision the sums over an image overflow and labels above 256 are rounded.

    Args:
        ignore_class: Label of unannotated ("void") pixels or examples, or `None`.
        name, reduction, dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If `sample_weight` is not one weight per example.
    """

    def __init__(self, ignore_class=None, name=None, reduction="sum_over_batch_size", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.ignore_class = ignore_class

    @property
    def dtype(self):
        return "float32"

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
        return {**super().get_config(), "ignore_class": self.ignore_class}
