"""How sure a score or a difference is: intervals, tests, effect sizes, ranks.

Numpy and scipy on arrays of scores, labels or confusion matrices. `docs/statistics.md` says which
question each function answers.
"""

from dawn_tf.evaluation.statistics.bootstrap import (
    difference_interval,
    example_interval,
    score_interval,
    seeds_interval,
    seeds_test,
)
from dawn_tf.evaluation.statistics.comparison import compare
from dawn_tf.evaluation.statistics.confusion_sample import ConfusionSample
from dawn_tf.evaluation.statistics.effect_size import cohens_d, hedges_correction
from dawn_tf.evaluation.statistics.holm import holm
from dawn_tf.evaluation.statistics.matrix_scores import SCORES, mean_recall
from dawn_tf.evaluation.statistics.mcnemar import mcnemar
from dawn_tf.evaluation.statistics.outcome import Interval, Outcome
from dawn_tf.evaluation.statistics.paired import paired_t_test, sign_flip_test
from dawn_tf.evaluation.statistics.published import (
    independent_p_value,
    pair_correlation,
    paired_effect_size,
    paired_p_value,
)
from dawn_tf.evaluation.statistics.ranks import critical_difference, friedman, rank_groups
from dawn_tf.evaluation.statistics.signed_rank import wilcoxon
from dawn_tf.evaluation.statistics.summary import summarize

__all__ = [
    "SCORES",
    "ConfusionSample",
    "Interval",
    "Outcome",
    "cohens_d",
    "compare",
    "critical_difference",
    "difference_interval",
    "example_interval",
    "friedman",
    "hedges_correction",
    "holm",
    "independent_p_value",
    "mcnemar",
    "mean_recall",
    "pair_correlation",
    "paired_effect_size",
    "paired_p_value",
    "paired_t_test",
    "rank_groups",
    "score_interval",
    "seeds_interval",
    "seeds_test",
    "sign_flip_test",
    "summarize",
    "wilcoxon",
]
