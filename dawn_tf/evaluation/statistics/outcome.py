"""What a test and an interval give back."""

import dataclasses
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A value and the two ends of its confidence interval; arrays for a score of several values."""

    value: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a two-sided test.

    `floor` is the smallest p-value that `n` observations can give in this test, whatever they
    are; 0 if there is none. `dataclasses.asdict` makes a plain dict of it.
    """

    test: str
    statistic: float
    p_value: float
    n: int
    floor: float = 0.0

    def significant(self, alpha=0.05):
        """Whether p < alpha; never, if the floor is not below alpha, and not for p = NaN."""
        return bool(self.p_value < alpha)

    def __str__(self):
        text = f"{self.test}: n = {self.n}, p = {self.p_value:.3g}"
        if self.floor:
            text += f" (floor {self.floor:.3g})"
        return text
