"""Regions of rare classes from one image onto another, for masks."""

import numpy as np
import tensorflow as tf

from dawn_tf.data.augmentation import probabilities
from dawn_tf.data.stateless import uniform

# Key of the draws of an example and class; see `mixing`.
_PASTE = -4


class CopyPaste:
    """Pastes the regions of rare classes of another image, and their labels, where they were.

    With the rarity `r_c = log(n_max / n_c) / log(n_max / n_min)`, a class of `r_c >= 0.5` is pasted
    with probability `p_tail * r_c`, each on its own; commoner classes and void never are. Every
    pixel pasted is one of the other image's, so no value or label arises that was not there.
    After [Ghiasi et al., 2021](https://arxiv.org/abs/2012.07177), with the regions of a class in
    the place of objects. Both images have been through the `Augmenter`, which flips, scales and
    shifts them apart; borders are not smoothed, which made no difference there.

    Args:
        sampler: `ClassAwareSampler` of the images to paste from, such as one with target
            "balanced" over `records.sampling_labels` (the rarest class in each image).
        class_counts: Pixels per class of the training part, `(C,)`.
        p_tail: Probability for the rarest class.
        ignore_class: Label of void pixels, or `None`.
        seed: Integer.

    Call arguments:
        x: Images, `(batch, height, width, channels)`.
        y: Masks, `(batch, height, width)`.
        partner_x, partner_y: What to paste from, of the same shapes.
        example_numbers: int64 `(batch,)`, one number per example and draw of it.

    Returns: x and y of the types given.

    Raises: `ValueError` for labels that are not masks.
    """

    def __init__(self, sampler, class_counts, p_tail=0.5, ignore_class=None, seed=0):
        self.sampler = sampler
        self.seed = seed
        rarity = probabilities(class_counts, 0.0, 1.0)
        self.probabilities = np.where(rarity >= 0.5, p_tail * rarity, 0.0)
        if ignore_class is not None:
            # Labels beyond the classes are void anyway.
            self.probabilities[ignore_class : ignore_class + 1] = 0

    def __call__(self, x, y, partner_x, partner_y, example_numbers):
        if isinstance(y, dict) or len(y.shape) != 3:
            raise ValueError(
                "Expected masks, the only labels that say where a class is. Received: "
                "labels of other kinds. Use BalancedMixUp for classification."
            )
        classes = tf.range(len(self.probabilities), dtype=tf.int64)
        draws = uniform(self.seed, example_numbers[:, None], _PASTE, classes)
        chosen = tf.pad(draws < self.probabilities, ((0, 0), (0, 256 - len(self.probabilities))))
        pasted = tf.gather(chosen, tf.cast(partner_y, tf.int32), batch_dims=1)
        x = tf.where(pasted[..., None], partner_x, x)
        return x, tf.where(pasted, partner_y, y)

    def prior(self, prior, partner_prior):
        """Share of each class in the labels after pasting, float64 `(C,)`.

        It takes what is covered to be mixed like the whole image.

        Args:
            prior: Share of each class in the pixels of the stream.
            partner_prior: The same in the stream that is pasted from.
        """
        pasted = self.probabilities * np.asarray(partner_prior)
        return (1 - pasted.sum()) * np.asarray(prior) + pasted
