"""From a model's probabilities to an answer: the same on numpy arrays and in a served graph."""

import dataclasses

import numpy as np
import tensorflow as tf

from dawn_tf.calibration import FLOOR, check_decision, correct_prior, decide


@dataclasses.dataclass(frozen=True, eq=False)
class PostProcessing:
    """Calibration, correction for other class shares, decision; in this order.

    Attributes:
        class_names: In the order of the classes.
        calibrator: A fitted map of `dawn_tf.calibration.SCALINGS`, or `None`.
        prior: Class shares that the (calibrated) probabilities are right for, `(C,)`, or `None`
            if they are not known: those of validation after a calibration with an offset for each
            class, those of training for plain cross-entropy on examples as they come.
        class_shares: Class shares at work, `(C,)`: probabilities are corrected for them, as of
            `correct_prior`. `None` leaves them as they are.
        decision: `None`, a threshold or weights, as of `dawn_tf.calibration.decide`. Weights stand
            for what an error costs, so other shares do not change them.

    Raises:
        ValueError: for a decision or shares that are not of so many classes, or shares without
            a prior.
    """

    class_names: list
    calibrator: object = None
    prior: object = None
    class_shares: object = None
    decision: object = None

    def __post_init__(self):
        num_classes = len(self.class_names)
        check_decision(self.decision, num_classes)
        if self.class_shares is not None and self.prior is None:
            raise ValueError(
                "Expected probabilities that are right for a known prior, to correct them for "
                "class_shares. Received: prior=None. Train with --calibration bias_corrected, or "
                "leave class_shares out."
            )
        for name in ("prior", "class_shares"):
            shares = getattr(self, name)
            if shares is not None and np.shape(shares) != (num_classes,):
                raise ValueError(
                    f"Expected {name} of {num_classes} classes. Received: {name}={shares}. Give "
                    f"one share for each of {', '.join(self.class_names)}."
                )

    def apply(self, probabilities, class_shares=None):
        """`(probabilities, classes)` on numpy arrays, float64 and int64; what the graph computes.

        Args:
            probabilities: The model's, `(..., C)`.
            class_shares: In place of the attribute.
        """
        p = np.asarray(probabilities, "float64")
        if self.calibrator is not None:
            p = self.calibrator.transform(p)
        shares = self.class_shares if class_shares is None else class_shares
        if shares is not None:
            p = correct_prior(p, self.prior, shares)
        return p, decide(p, self.decision)

    def graph(self, probabilities, class_shares=None):
        """The served outputs as tensors: `probabilities` and `class`, `class_name`, or `mask`.

        Args:
            probabilities: The model's, `(batch, ..., C)`, float32.
            class_shares: In place of the attribute, one row for each example, `(batch, C)`.

        Raises: `tf.errors.InvalidArgumentError` where the graph runs, for shares that are not one
            row each, below 0 or without a sum, and for probabilities that come out NaN or infinite.
        """
        p = self._corrected(probabilities, class_shares)
        message = "Expected inputs and class_shares that give finite probabilities. Received: some"
        answer = self._answer(tf.debugging.check_numerics(p, message))
        if "class" in answer:
            names = tf.constant(list(self.class_names))
            answer["class_name"] = tf.gather(names, answer["class"])
        return answer

    def portable_graph(self, probabilities):
        """`graph` without what other formats lack: strings, and checks of values."""
        return self._answer(self._corrected(probabilities))

    def _corrected(self, p, class_shares=None):
        if self.calibrator is not None:
            matrix = tf.constant(self.calibrator.matrix.T, p.dtype)
            scores = tf.tensordot(tf.math.log(tf.maximum(p, FLOOR)), matrix, 1)
            p = tf.nn.softmax(scores + tf.constant(self.calibrator.bias, p.dtype))
        ratio = self._ratio(p, class_shares)
        if ratio is not None:
            p = p * ratio
            p = p / tf.reduce_sum(p, -1, keepdims=True)
        return p

    def _answer(self, p):
        if self.decision is not None and np.ndim(self.decision) == 0:
            chosen = tf.cast(p[..., 1] >= self.decision, tf.int32)
        else:
            weights = 1.0 if self.decision is None else tf.constant(self.decision, p.dtype)
            chosen = tf.argmax(p * weights, -1, output_type=tf.int32)
        return {"probabilities": p, "mask" if p.shape.rank == 4 else "class": chosen}

    def _ratio(self, p, class_shares):
        if class_shares is None:
            if self.class_shares is None:
                return None
            shares = np.asarray(self.class_shares, "float64")
            return tf.constant(shares / self.prior, p.dtype)
        shape = tf.shape(p)
        one_each = tf.reduce_all(tf.shape(class_shares) == tf.stack([shape[0], shape[-1]]))
        usable = tf.reduce_all(class_shares >= 0) & tf.reduce_all(
            tf.reduce_sum(class_shares, -1) > 0
        )
        message = (
            "Expected a row of class_shares for each example, at least 0 and with a sum above 0. "
            "Received:"
        )
        check = tf.debugging.Assert(one_each & usable, [message, class_shares])
        with tf.control_dependencies([check]):
            ratio = class_shares / tf.constant(self.prior, p.dtype)
        for _ in range(p.shape.rank - 2):
            ratio = ratio[:, None]
        return ratio
