"""Two examples in one, with the share of each in the label.

Keras's MixUp and CutMix draw from a state that can't be saved with the iterator, fail under XLA,
and turn masks into images; here every draw is a function of the seed and the example's number.
"""

import numpy as np
import scipy.special
import tensorflow as tf

from dawn_tf.data.stateless import uniform

_TABLE = 4096
# Keys of the draws of an example, negative: an `Augmenter` of the same seed counts its own from 0.
_SHARE, _ROWS, _COLUMNS = -1, -2, -3


class MixUp:
    """`lambda * x + (1 - lambda) * partner`, and the same of the one-hot labels.

    Lambda is drawn from Beta(alpha, alpha) for each example; the partner is another example of
    the batch. After [Zhang et al., 2018](https://arxiv.org/abs/1710.09412).

    Of masks every pixel gets the mixture of its two labels; a pixel that is void in either is
    void: all zeros.

    Args:
        num_classes: Number of classes; for task "both" a dict with the keys of the labels.
        alpha: Of the Beta distribution, above 0: the larger, the more alike the two shares.
        ignore_class: Label of void pixels, or `None`.
        seed: Integer.

    Call arguments:
        x: Images or rows, `(batch, ...)`.
        y: Integer labels, `(batch,)` or `(batch, height, width)`, or a dict of both.
        partner_x, partner_y: What to mix with, of the same shapes.
        example_numbers: int64 `(batch,)`, one number per example and draw of it.

    Returns: x, float32, and y as class distributions, float32 `(..., num_classes)`.
    """

    #: `ClassAwareSampler` of the partners; `None` takes them from the same batch.
    sampler = None

    def __init__(self, num_classes, alpha=0.2, ignore_class=None, seed=0):
        self.num_classes = num_classes
        self.alpha = alpha
        self.ignore_class = ignore_class
        self.seed = seed
        self._quantiles = beta_quantiles(alpha, alpha)

    def __call__(self, x, y, partner_x, partner_y, example_numbers):
        share = draw(self._quantiles, self.seed, example_numbers)
        x = _mix(tf.cast(x, tf.float32), tf.cast(partner_x, tf.float32), share)
        return x, tf.nest.map_structure(
            lambda own, partner, n: self._mix_labels(own, partner, n, share),
            y,
            partner_y,
            self.num_classes,
        )

    def prior(self, prior, partner_prior=None):
        """Share of each class in the labels after mixing, float64 `(C,)`.

        Args:
            prior: Share of each class in the stream.
            partner_prior: The same in the stream of the partners, if that is another one.
        """
        return np.asarray(prior, "float64")

    def _mix_labels(self, own, partner, num_classes, share):
        own, partner = (one_hot(v, num_classes, self.ignore_class) for v in (own, partner))
        both = tf.reduce_sum(own, -1, keepdims=True) * tf.reduce_sum(partner, -1, keepdims=True)
        return _mix(own, partner, share) * both


class BalancedMixUp(MixUp):
    """`(1 - lambda) * x + lambda * partner`, the partner from a class-balanced stream.

    Lambda is drawn from Beta(alpha, 1), so that most of an example is its own, and what is mixed
    in is more often of a rare class than by chance.
    After [Galdran et al., 2021](https://arxiv.org/abs/2109.09850).

    Args:
        sampler: `ClassAwareSampler` of the partners, with the replica of the first one.
        num_classes, ignore_class, seed: See `MixUp`.
        alpha: Of the Beta distribution, above 0; the mean share of the partner is
            `alpha / (alpha + 1)`.
    """

    def __init__(self, sampler, num_classes, alpha=0.2, ignore_class=None, seed=0):
        super().__init__(num_classes, alpha, ignore_class, seed)
        self.sampler = sampler
        self._quantiles = 1 - beta_quantiles(alpha, 1)

    def prior(self, prior, partner_prior=None):
        """See `MixUp`: `(1 - E[lambda]) * prior + E[lambda] * partner_prior`."""
        share = self.alpha / (self.alpha + 1)
        return (1 - share) * np.asarray(prior) + share * np.asarray(partner_prior)


class Remix(MixUp):
    """MixUp of x whose label leans to the rarer class.

    With `n` and `m` the counts of the two classes, the own label's share is
    - 0 if `n / m >= kappa` and `lambda < tau`: the own class is far commoner and in the minority;
    - 1 if `n / m <= 1 / kappa` and `1 - lambda < tau`;
    - lambda otherwise, as with MixUp.
    After [Chou et al., 2020](https://arxiv.org/abs/2007.03943). For labels without space.

    Args:
        class_counts: Examples per class of the training part, `(C,)`.
        alpha, seed: See `MixUp`.
        kappa: How many times commoner counts as far commoner, above 1.
        tau: The share below which a label may be dropped, 0..1; 0 is MixUp.

    Raises: `ValueError` for kappa or tau out of range, and for masks.
    """

    def __init__(self, class_counts, alpha=1.0, kappa=3.0, tau=0.5, seed=0):
        super().__init__(len(class_counts), alpha, seed=seed)
        if kappa <= 1 or not 0 <= tau <= 1:
            raise ValueError(
                f"Expected kappa > 1 and tau in 0..1. Received: kappa={kappa}, tau={tau}. "
                "The paper has 3 and 0.5."
            )
        self.kappa = kappa
        self.tau = tau
        counts = np.maximum(np.asarray(class_counts, "float64"), 1)
        ratio = counts[:, None] / counts
        # By own and partner's class: the share below which the own label becomes 0, and from
        # which it becomes 1.
        self._lowest = np.where(ratio >= kappa, tau, 0.0)
        self._highest = np.where(ratio <= 1 / kappa, 1 - tau, 1.0)

    def __call__(self, x, y, partner_x, partner_y, example_numbers):
        if isinstance(y, dict) or len(y.shape) != 1:
            raise ValueError(
                "Expected labels of shape (batch,). Received: labels with masks. Use MixUp."
            )
        share = draw(self._quantiles, self.seed, example_numbers)
        x = _mix(tf.cast(x, tf.float32), tf.cast(partner_x, tf.float32), share)
        pair = tf.stack([y, partner_y], axis=-1)
        lowest, highest = (
            tf.gather_nd(tf.constant(table, tf.float32), pair)
            for table in (self._lowest, self._highest)
        )
        share = tf.where(share < lowest, 0.0, tf.where(share > highest, 1.0, share))
        return x, self._mix_labels(y, partner_y, self.num_classes, share)

    def prior(self, prior, partner_prior=None):
        """See `MixUp`; the expected label over all pairs of classes."""
        a = self.alpha

        def below(share):
            """Probability of a lambda below, and its expectation where it is."""
            return (
                scipy.special.betainc(a, a, share),
                scipy.special.betainc(a + 1, a, share) / 2,
            )

        kept = below(self._highest)[1] - below(self._lowest)[1]
        own = kept + 1 - below(self._highest)[0]
        prior = np.asarray(prior, "float64")
        pairs = prior[:, None] * prior
        return (pairs * own).sum(axis=1) + (pairs * (1 - own)).sum(axis=0)


class CutMix:
    """A box of the partner pasted over the image, and the labels mixed by area.

    The box has `sqrt(1 - lambda)` of the height and width, lambda from Beta(alpha, alpha), and
    lies anywhere within the image, as in Keras; in [Yun et al., 2019](
    https://arxiv.org/abs/1905.04899) it can stick out. It holds the pixels whose middle is in it;
    Keras's, which go by their upper left corner, never hold the first row or column. A label's
    share is that of its pixels. Masks are pasted like images and stay integers.

    Args:
        num_classes, seed: See `MixUp`.
        alpha: Of the Beta distribution, above 0; 1 makes every lambda as likely.

    Call arguments: See `MixUp`; x are images.

    Returns: x as it came; labels `(batch,)` as class distributions, masks as they came.

    Raises: `ValueError` for rows.
    """

    sampler = None

    def __init__(self, num_classes, alpha=1.0, seed=0):
        self.num_classes = num_classes
        self.alpha = alpha
        self.seed = seed
        self._quantiles = beta_quantiles(alpha, alpha)

    def __call__(self, x, y, partner_x, partner_y, example_numbers):
        if len(x.shape) != 4:
            raise ValueError(
                f"Expected images. Received: x.shape={tuple(x.shape)}. Mix rows with MixUp."
            )
        own = tf.logical_not(self._boxes(*x.shape[1:3], example_numbers))
        share = tf.reduce_mean(tf.cast(own, tf.float32), axis=(1, 2))

        def paste(mine, partner, num_classes):
            if len(mine.shape) == 1:
                mine, partner = one_hot(mine, num_classes), one_hot(partner, num_classes)
                return _mix(mine, partner, share)
            return tf.where(own, mine, partner)

        x = tf.where(own[..., None], x, partner_x)
        return x, tf.nest.map_structure(paste, y, partner_y, self.num_classes)

    def prior(self, prior, partner_prior=None):
        """See `MixUp`."""
        return np.asarray(prior, "float64")

    def _boxes(self, height, width, example_numbers):
        """Where the partner is pasted, `(batch, height, width)`."""
        side = tf.sqrt(1 - tf.cast(draw(self._quantiles, self.seed, example_numbers), tf.float64))

        def along(size, key):
            length = side * size
            start = uniform(self.seed, example_numbers, key) * (size - length)
            place = tf.range(size, dtype=tf.float64) + 0.5
            return (place >= start[:, None]) & (place < (start + length)[:, None])

        return along(height, _ROWS)[:, :, None] & along(width, _COLUMNS)[:, None, :]


def one_hot(labels, num_classes, ignore_class=None):
    """Float32 `(..., num_classes)`; all zeros for void and for labels beyond the classes."""
    labels = tf.cast(labels, tf.int32)
    if ignore_class is not None:
        labels = tf.where(labels == ignore_class, -1, labels)
    return tf.one_hot(labels, num_classes)


def beta_quantiles(a, b):
    """Quantiles of Beta(a, b) at 0, 1 / 4096, ..., 1, float32.

    Between them `draw` is linear: a draw that needs no rejection, so that it is a function of
    one number. Its mean is that of the distribution to 1e-6 (alpha 0.1 to 5).

    Raises: `ValueError` unless a and b are above 0.
    """
    if min(a, b) <= 0:
        raise ValueError(
            f"Expected alpha > 0. Received: alpha={min(a, b)}. Leave mixing out to switch it off."
        )
    return scipy.special.betaincinv(a, b, np.linspace(0, 1, _TABLE + 1)).astype("float32")


def draw(quantiles, seed, example_numbers):
    """One draw per example, float32 `(batch,)`, from a distribution given by its quantiles."""
    place = uniform(seed, example_numbers, _SHARE) * _TABLE
    below = tf.cast(place, tf.int32)
    low, high = tf.gather(quantiles, below), tf.gather(quantiles, below + 1)
    return low + tf.cast(place - tf.floor(place), tf.float32) * (high - low)


def _mix(own, partner, share):
    share = tf.reshape(share, (-1, *(1,) * (len(own.shape) - 1)))
    return share * own + (1 - share) * partner
