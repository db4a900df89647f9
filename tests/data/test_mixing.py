import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from dawn_tf.data.mixing import BalancedMixUp, CutMix, MixUp, Remix, beta_quantiles, draw
from dawn_tf.data.sampling import ClassAwareSampler

RNG = np.random.default_rng(0)
N, C, VOID = 6, 3, 255
NUMBERS = tf.range(N, dtype=tf.int64)
IMAGES = RNG.integers(0, 256, (2, N, 8, 10, 3)).astype("uint8")
ROWS = RNG.normal(size=(2, N, 4)).astype("float32")
LABELS = RNG.integers(0, C, (2, N)).astype("int32")
MASKS = RNG.choice([0, 1, 2, VOID], (2, N, 8, 10)).astype("uint8")
SAMPLER = ClassAwareSampler(LABELS[0], "balanced")
ONE_HOT = np.eye(C, dtype="float32")


def mix(mixing, x, y, numbers=NUMBERS):
    """`mixing` of the first half with the second, in numpy."""
    y, partner_y = (
        {k: v[i] for k, v in y.items()} if isinstance(y, dict) else y[i] for i in (0, 1)
    )
    args = tf.nest.map_structure(tf.constant, (x[0], y, x[1], partner_y))
    return tf.nest.map_structure(np.asarray, mixing(*args, numbers))


@pytest.mark.parametrize("a, b", [(0.2, 0.2), (1, 1), (2, 2), (0.2, 1)])
def test_draws_follow_the_beta_distribution(a, b):
    n, beta = 20_000, scipy.stats.beta(a, b)
    numbers = tf.range(n, dtype=tf.int64)
    share = draw(beta_quantiles(a, b), 3, numbers).numpy()
    for x in (0.001, 0.1, 0.4, 0.8, 0.99):
        p = beta.cdf(x)
        assert abs(np.mean(share <= x) - p) < 4 * np.sqrt(p * (1 - p) / n) + 1e-9
    assert abs(share.mean() - a / (a + b)) < 4 * beta.std() / np.sqrt(n)
    np.testing.assert_array_equal(draw(beta_quantiles(a, b), 3, numbers[70:80]), share[70:80])


@pytest.mark.parametrize("x", [IMAGES, ROWS], ids=["images", "rows"])
@pytest.mark.parametrize(
    "mixing", [MixUp(C, alpha=1.0), BalancedMixUp(SAMPLER, C, alpha=0.5)], ids=["MixUp", "balanced"]
)
def test_mixup_by_hand(mixing, x):
    mixed, y = mix(mixing, x, LABELS)
    own, partner = x.astype("float64")
    axes = tuple(range(1, own.ndim))
    share = ((mixed - partner) * (own - partner)).sum(axes) / ((own - partner) ** 2).sum(axes)
    share = share.reshape(N, *(1,) * len(axes))
    assert np.all((share >= -1e-6) & (share <= 1 + 1e-6)) and share.std() > 0.1
    np.testing.assert_allclose(mixed, share * own + (1 - share) * partner, atol=1e-3)
    share = share.reshape(N, 1)
    np.testing.assert_allclose(
        y, share * ONE_HOT[LABELS[0]] + (1 - share) * ONE_HOT[LABELS[1]], atol=1e-5
    )
    assert y.dtype == mixed.dtype == np.float32


def test_balanced_mixup_keeps_most_of_an_example():
    # Own share 1 - lambda, lambda of Beta(0.25, 1), whose mean is 0.25 / 1.25.
    numbers = tf.range(20_000, dtype=tf.int64)
    zero = tf.zeros(20_000, tf.int32)
    _, y = BalancedMixUp(SAMPLER, C, alpha=0.25)(
        zero[:, None], zero, zero[:, None], zero + 1, numbers
    )
    share = y.numpy()[:, 0]
    assert abs(share.mean() - 0.8) < 0.01 and np.mean(share > 0.5) > 0.8
    np.testing.assert_allclose(
        BalancedMixUp(SAMPLER, C, alpha=0.25).prior([0.8, 0.15, 0.05], [0.2, 0.4, 0.4]),
        [0.68, 0.2, 0.12],
    )


def test_masks_mix_to_distributions_without_void():
    _, labels = mix(MixUp(C, alpha=1.0, ignore_class=VOID), IMAGES, LABELS)
    both = {"mask": MASKS, "label": LABELS}
    mixing = MixUp({"mask": C, "label": C}, alpha=1.0, ignore_class=VOID)
    _, y = mix(mixing, IMAGES, both)
    np.testing.assert_array_equal(y["label"], labels)
    void = (MASKS == VOID).any(axis=0)
    assert y["mask"].shape == (N, 8, 10, C)
    np.testing.assert_array_equal(y["mask"][void], 0)
    np.testing.assert_allclose(y["mask"][~void].sum(-1), 1, atol=1e-6)
    equal = ~void & (MASKS[0] == MASKS[1])
    np.testing.assert_allclose(y["mask"][equal], ONE_HOT[MASKS[0][equal]], atol=1e-6)
    # A void label that is a number of a class as well.
    _, y = mix(MixUp(C, ignore_class=1), IMAGES, MASKS)
    np.testing.assert_array_equal(y[(MASKS == 1).any(axis=0)], 0)


def test_remix_leans_to_the_rarer_class():
    # 0 and 1 are alike, 2 is ten times rarer.
    remix = Remix([100, 90, 10], alpha=1.0, kappa=3, tau=0.5)
    numbers = tf.range(1000, dtype=tf.int64)
    zero = tf.zeros((1000, 1))
    own = {}
    for pair in ((0, 1), (0, 2), (2, 0)):
        labels = [tf.fill([1000], c) for c in pair]
        x, y = remix(zero + 1, labels[0], zero, labels[1], numbers)
        share, own[pair] = x.numpy()[:, 0], y.numpy()[:, pair[0]]
    np.testing.assert_allclose(own[0, 1], share, atol=1e-6)
    np.testing.assert_allclose(own[0, 2], np.where(share < 0.5, 0, share), atol=1e-6)
    np.testing.assert_allclose(own[2, 0], np.where(1 - share < 0.5, 1, share), atol=1e-6)


def test_remix_prior_is_the_mean_of_its_labels():
    prior, n = np.array([0.6, 0.3, 0.1]), 100_000
    labels = np.random.default_rng(1).choice(3, (2, n), p=prior).astype("int32")
    remix = Remix([60, 30, 10], alpha=0.7, tau=0.4)
    x = tf.zeros((n, 1))
    _, y = remix(x, labels[0], x, labels[1], tf.range(n, dtype=tf.int64))
    np.testing.assert_allclose(remix.prior(prior), y.numpy().mean(axis=0), atol=0.005)
    np.testing.assert_allclose(remix.prior(prior).sum(), 1)
    np.testing.assert_allclose(Remix([60, 30, 10], tau=0).prior(prior), prior)


def test_cutmix_pastes_one_box():
    both = {"mask": MASKS, "label": LABELS}
    numbers = NUMBERS + 20
    x, y = mix(CutMix({"mask": C, "label": C}), IMAGES, both, numbers)
    assert x.dtype == y["mask"].dtype == np.uint8
    shares = []
    for i in range(N):
        pasted = (x[i] != IMAGES[0, i]).any(-1)
        rows, columns = np.flatnonzero(pasted.any(1)), np.flatnonzero(pasted.any(0))
        box = np.zeros_like(pasted)
        if len(rows):
            box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        np.testing.assert_array_equal(x[i], np.where(box[..., None], IMAGES[1, i], IMAGES[0, i]))
        np.testing.assert_array_equal(y["mask"][i], np.where(box, MASKS[1, i], MASKS[0, i]))
        shares.append(1 - box.mean())
        expected = shares[-1] * ONE_HOT[LABELS[0, i]] + (1 - shares[-1]) * ONE_HOT[LABELS[1, i]]
        np.testing.assert_allclose(y["label"][i], expected, atol=1e-6)
    assert np.std(shares) > 0.1


def test_cutmix_boxes_have_their_sides_and_lie_anywhere():
    # Sides sqrt(1 - lambda) of the image's, anywhere within it: on average a box leaves lambda,
    # and with alpha 1 all lambdas are alike.
    numbers = tf.range(4000, dtype=tf.int64)
    boxes = CutMix(C, seed=1)._boxes(40, 60, numbers).numpy()
    share = 1 - boxes.mean(axis=(1, 2))
    lam = draw(beta_quantiles(1, 1), 1, numbers).numpy()
    assert np.abs(share - lam).max() < 1 / 40 + 1 / 60
    assert abs(share.mean() - 0.5) < 0.02
    sides = boxes.any(2).sum(1) / 40, boxes.any(1).sum(1) / 60
    np.testing.assert_allclose(sides[0], np.sqrt(1 - lam), atol=1 / 40 + 1e-6)
    np.testing.assert_allclose(sides[1], np.sqrt(1 - lam), atol=1 / 60 + 1e-6)
    # Symmetric about the middle, the first row and column too.
    where = boxes.mean(axis=0)
    np.testing.assert_allclose(where, where[::-1, ::-1], atol=0.05)
    assert where[0, 0] > 0.01


@pytest.mark.parametrize("mixing", [MixUp(C), CutMix(C), Remix([5, 2, 1])])
def test_an_example_does_not_depend_on_its_batch(mixing):
    whole = mix(mixing, IMAGES, LABELS)
    part = mix(mixing, IMAGES[:, 2:5], LABELS[:, 2:5], NUMBERS[2:5])
    for left, right in zip(whole, part, strict=True):
        np.testing.assert_array_equal(left[2:5], right)
    np.testing.assert_array_equal(mixing.prior([0.5, 0.3, 0.2]).shape, (3,))


def test_errors_say_how_to_mend():
    with pytest.raises(ValueError, match="Expected alpha > 0. Received: alpha=0"):
        MixUp(C, alpha=0)
    with pytest.raises(ValueError, match="Mix rows with MixUp"):
        mix(CutMix(C), ROWS, LABELS)
    with pytest.raises(ValueError, match="Use MixUp"):
        mix(Remix([3, 2, 1]), IMAGES, MASKS)
    with pytest.raises(ValueError, match="kappa=1.0, tau=0.5. The paper has 3 and 0.5"):
        Remix([3, 2, 1], kappa=1.0)
