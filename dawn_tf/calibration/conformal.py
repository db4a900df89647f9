import numpy as np


class ClassConditionalConformal:
    """Sets of classes that hold the truth with a stated probability, class by class.

    A set holds the classes c with `1 - p_c <= q_c`, where `q_c` is the
    `ceil((n_c + 1) (1 - alpha))`-th smallest `1 - p_c` among the `n_c` calibration examples of
    class c. If those and the new examples of a class are exchangeable, a set misses a true
    class c with probability at most alpha, for rare classes as for common ones. A class with
    fewer than `1 / alpha - 1` calibration examples is in every set: nothing less could be promised.
    After [Vovk, 2012](https://arxiv.org/abs/1209.2673), label-conditional, and
    [Sadinle et al., 2019](https://arxiv.org/abs/1609.00451).

    Args:
        alpha: Largest probability of a miss, between 0 and 1.
    """

    def __init__(self, alpha=0.1):
        if not 0 < alpha < 1:
            raise ValueError(
                f"Expected 0 < alpha < 1. Received: alpha={alpha}. 0.1 gives 90 % coverage."
            )
        self.alpha = alpha
        self.quantiles = None

    def fit(self, probabilities, y_true):
        """Takes the quantiles from held-out labels `(n,)` and probabilities `(n, C)`."""
        p, y = np.asarray(probabilities, "float64"), np.asarray(y_true)
        self.quantiles = np.full(p.shape[1], np.inf)
        for c in range(p.shape[1]):
            scores = np.sort(1.0 - p[y == c, c])
            rank = int(np.ceil((len(scores) + 1) * (1 - self.alpha) - 1e-9))
            if rank <= len(scores):
                self.quantiles[c] = scores[rank - 1]
        return self

    def predict(self, probabilities):
        """Membership of each class, bool `(..., C)`."""
        return 1.0 - np.asarray(probabilities, "float64") <= self.quantiles

    def get_config(self):
        """JSON-able state, for `from_config`."""
        finite = np.where(np.isfinite(self.quantiles), self.quantiles, -1.0)
        return {"alpha": self.alpha, "quantiles": [q if q >= 0 else None for q in finite.tolist()]}

    @classmethod
    def from_config(cls, config):
        made = cls(config["alpha"])
        made.quantiles = np.array([np.inf if q is None else q for q in config["quantiles"]])
        return made


def coverage(sets, y_true):
    """Share of examples whose set holds the truth, by true class, `(C,)`; NaN for absent ones."""
    sets, y = np.asarray(sets), np.asarray(y_true)
    held = sets[np.arange(len(y)), y]
    count = np.bincount(y, minlength=sets.shape[1])
    total = np.bincount(y, held, minlength=sets.shape[1])
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
