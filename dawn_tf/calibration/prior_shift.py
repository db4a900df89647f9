"""Class shares at work that differ from those the model was trained for."""

import numpy as np


def correct_prior(probabilities, trained_prior, prior):
    """Probabilities for other class shares: `p'_c ~ p_c * prior_c / trained_prior_c`.

    Exact if the classes look as they did in training and only their shares changed.
    After [Saerens et al., 2002](https://doi.org/10.1162/089976602753284446), Eq. 2.4.

    Args:
        probabilities: `(..., C)`.
        trained_prior: Class shares that the probabilities are right for, `(C,)`, all above 0: the
            shares sampled in training, or equal ones for a model with adjusted logits at tau 1.
        prior: Class shares at work, `(C,)`.

    Returns: float64 of the same shape, sum 1.
    """
    trained, new = _shares(trained_prior, "trained_prior"), _shares(prior, "prior")
    scaled = np.asarray(probabilities, "float64") * (new / trained)
    return scaled / scaled.sum(-1, keepdims=True)


def estimate_prior(probabilities, trained_prior, tolerance=1e-8, max_iterations=10_000):
    """Class shares of unlabelled data, by expectation maximisation.

    Starts from the trained prior and repeats: correct the probabilities for the current
    estimate, take their mean as the next. Each step raises the likelihood of the data.
    After [Saerens et al., 2002](https://doi.org/10.1162/089976602753284446), Eq. 2.9. The
    probabilities should be calibrated: of overconfident ones it is far off.

    Args:
        probabilities: Of the data at work, `(n, C)`.
        trained_prior: As in `correct_prior`.
        tolerance: Largest change of a share at which it stops.
        max_iterations: And the number of steps at which it stops in any case.

    Returns: float64 `(C,)`, sum 1.
    """
    prior = _shares(trained_prior, "trained_prior")
    for _ in range(max_iterations):
        new = correct_prior(probabilities, trained_prior, prior).mean(0)
        if np.abs(new - prior).max() <= tolerance:
            return new
        prior = new
    return prior


def _shares(prior, name):
    shares = np.asarray(prior, "float64")
    smallest_allowed = shares > 0 if name == "trained_prior" else shares >= 0
    if shares.ndim != 1 or not np.isfinite(shares).all() or not smallest_allowed.all():
        raise ValueError(
            f"Expected {name} as one finite share per class, above 0 for the trained one. "
            f"Received: {name}={shares.tolist()}. Use the counts of the data."
        )
    return shares / shares.sum()
