import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.class_weights import effective_number_weights, prior_from_counts
from dawn_tf.losses.focal import check_gamma, focal_term
from dawn_tf.losses.inputs import pixel_axes, prepare
from dawn_tf.losses.logit_adjustment import adjust, check_prior, check_tau
from dawn_tf.losses.lovasz_softmax import check_options, lovasz_keys, lovasz_term
from dawn_tf.losses.sobel_edge import check_norm, sobel_edge_term
from dawn_tf.losses.soft_dice import soft_dice_term


@keras.saving.register_keras_serializable("dawn_tf")
class DAWNLoss(PerExampleLoss):
    """The hybrid loss of DAWN: region, overlap and edges.

    `w_region * (focal + dice_weight * dice) + w_lovasz * lovasz + w_edge * edge`, the terms being
    `Focal`, `SoftDice`, `LovaszSoftmax` and `SobelEdge`, on one softmax. The paper's total
    also has `lambda_2 * ||theta||**2`: that is the model's, as kernel regularizers
    (`DAWN(l2=...)`) or as the optimizer's weight decay.

    For labels without space, `(batch,)`, the batch takes the place of the pixels, the edge term
    is absent, and the other two weights are rescaled to sum 1.

    With a prior every term works on `logits + tau * log(prior)`; see `LogitAdjusted`.

    Args:
        w_region, w_lovasz, w_edge: Weights in `[0, 1]` of sum 1, the paper's alpha, beta and
            gamma. A term of weight 0 is not computed.
        dice_weight: The paper's lambda_1, at least 0.
        focal_gamma, focal_alpha: `gamma` and `alpha` of `Focal`.
        class_weights: One weight per class for Dice, Lovász and edges, or `None`.
        prior, tau: As in `LogitAdjusted`.
        ignore_class: Label of void pixels, or `None`.
        per_image: As in `SoftDice` and `LovaszSoftmax`.
        edge_norm: `norm` of `SobelEdge`.
        lovasz_classes, lovasz_method, lovasz_bins: `classes`, `method` and `bins` of
            `LovaszSoftmax`.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, height, width)` or `(batch,)`, or distributions,
            `(batch, height, width, num_classes)` or `(batch, num_classes)`.
        y_pred: Logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.

    Raises:
        ValueError: If the weights do not sum to 1, or an argument is none of the above.
    """

    def __init__(
        self,
        w_region=0.48,
        dice_weight=1.0,
        w_lovasz=0.32,
        w_edge=0.20,
        focal_gamma=2.0,
        focal_alpha=None,
        class_weights=None,
        prior=None,
        tau=1.0,
        ignore_class=None,
        per_image=True,
        edge_norm="l1",
        lovasz_classes="present",
        lovasz_method="exact",
        lovasz_bins=1024,
        label_smoothing=0.0,
        **kwargs,
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        check_term_weights(w_region, w_lovasz, w_edge, dice_weight)
        check_norm(edge_norm)
        check_options(lovasz_classes, lovasz_method, lovasz_bins)
        self.w_region = w_region
        self.dice_weight = dice_weight
        self.w_lovasz = w_lovasz
        self.w_edge = w_edge
        self.focal_gamma = check_gamma(focal_gamma, "focal_gamma")
        self.focal_alpha = per_class.to_list(focal_alpha, "focal_alpha")
        self.class_weights = per_class.to_list(class_weights, "class_weights")
        self.prior = check_prior(prior)
        self.tau = check_tau(tau)
        self.per_image = per_image
        self.edge_norm = edge_norm
        self.lovasz_classes = lovasz_classes
        self.lovasz_method = lovasz_method
        self.lovasz_bins = lovasz_bins

    @classmethod
    def from_class_counts(cls, counts, cb_beta=0.9999, **kwargs):
        """A `DAWNLoss` with class weights and prior from the training set.

        Args:
            counts: Examples (or pixels) of each class in the training set, as it is sampled.
            cb_beta: `beta` of `effective_number_weights`.
            **kwargs: The other arguments of `DAWNLoss`; `class_weights` or `prior` among them
                replace those from the counts, `prior=None` being no adjustment.
        """
        if "class_weights" not in kwargs:
            kwargs["class_weights"] = effective_number_weights(counts, cb_beta)
        if "prior" not in kwargs:
            kwargs["prior"] = prior_from_counts(counts)
        return cls(**kwargs)

    def prepare(self, y_true, y_pred):
        logits = adjust(y_pred, self.prior, self.tau)
        return prepare(y_true, logits, self.ignore_class, self.label_smoothing)

    def sort_keys(self, y_true, y_pred):
        if self.lovasz_method == "binned" or not self.w_lovasz:
            return None
        return lovasz_keys(self.prepare(y_true, y_pred), self.per_image)

    def values(self, y_true, y_pred, order=None):
        inputs = self.prepare(y_true, y_pred)
        p = ops.exp(inputs.log_p)
        w_region, w_lovasz, w_edge = self.w_region, self.w_lovasz, self.w_edge
        if not pixel_axes(inputs.valid):
            w_region, w_lovasz, w_edge = rescale_without_edge(w_region, w_lovasz)

        loss = inputs.poison
        if w_region:
            loss += w_region * focal_term(inputs, self.focal_gamma, self.focal_alpha)
        if w_region and self.dice_weight:
            dice = soft_dice_term(p, inputs, self.class_weights, self.per_image)
            loss += w_region * self.dice_weight * dice
        if w_lovasz:
            loss += w_lovasz * lovasz_term(
                p,
                inputs,
                self.lovasz_classes,
                self.class_weights,
                self.per_image,
                self.lovasz_method,
                self.lovasz_bins,
                order,
            )
        if w_edge:
            loss += w_edge * sobel_edge_term(p, inputs, self.edge_norm, self.class_weights)
        return loss

    def get_config(self):
        return {
            **super().get_config(),
            "w_region": self.w_region,
            "dice_weight": self.dice_weight,
            "w_lovasz": self.w_lovasz,
            "w_edge": self.w_edge,
            "focal_gamma": self.focal_gamma,
            "focal_alpha": self.focal_alpha,
            "class_weights": self.class_weights,
            "prior": self.prior,
            "tau": self.tau,
            "per_image": self.per_image,
            "edge_norm": self.edge_norm,
            "lovasz_classes": self.lovasz_classes,
            "lovasz_method": self.lovasz_method,
            "lovasz_bins": self.lovasz_bins,
        }


def check_term_weights(w_region, w_lovasz, w_edge, dice_weight):
    weights = (w_region, w_lovasz, w_edge)
    if not (all(0.0 <= w <= 1.0 for w in weights) and abs(sum(weights) - 1.0) <= 1e-6):
        raise ValueError(
            "Expected w_region, w_lovasz and w_edge in [0, 1] with sum 1. Received: "
            f"w_region={w_region}, w_lovasz={w_lovasz}, w_edge={w_edge}, of sum {sum(weights)}. "
            "Divide each by their sum."
        )
    if not 0.0 <= dice_weight < float("inf"):
        raise ValueError(
            f"Expected dice_weight >= 0. Received: dice_weight={dice_weight}. "
            "Use 0 for focal alone."
        )


def rescale_without_edge(w_region, w_lovasz):
    """The weights for labels without space: region and Lovász with sum 1, no edge."""
    if w_region + w_lovasz == 0:
        raise ValueError(
            "Expected w_region or w_lovasz above 0 for labels of shape (batch,), which have no "
            "edges. Received: w_region=0, w_lovasz=0. Use w_region=0.6, w_lovasz=0.4, w_edge=0."
        )
    return w_region / (w_region + w_lovasz), w_lovasz / (w_region + w_lovasz), 0.0
