import numpy as np
from sklearn.datasets import load_digits

from dawn_tf.data import load


def test_training_part_is_long_tailed_and_the_others_are_not():
    data = load("digits")
    counts = data.class_counts
    expected = [int(counts[0] * (1 / 20) ** (i / 9)) for i in range(10)]
    assert counts.tolist() == expected and counts[0] // counts[9] == 20
    for part in ("val", "test"):
        sizes = np.bincount(data.parts[part].y)
        assert sizes.min() >= 25 and sizes.max() <= 28
    assert data.class_names == [str(i) for i in range(10)]
    assert data.input_shape == (8, 8, 1) and data.num_classes == 10


def test_images_are_scikit_learns_in_0_to_255():
    data, published = load("digits"), load_digits()
    for part in data.parts.values():
        number = [int(name[6:]) for name in part.ids]
        np.testing.assert_allclose(part.x[..., 0], published.images[number] * 255 / 16, atol=0.5)
        np.testing.assert_array_equal(part.y, published.target[number])


def test_parts_are_disjoint_and_the_seed_decides():
    first, again, other = (load("digits", seed=seed).parts for seed in (0, 0, 1))
    ids = [set(part.ids) for part in first.values()]
    assert not (ids[0] & ids[1] or ids[0] & ids[2] or ids[1] & ids[2])
    assert first["train"].ids.tolist() == again["train"].ids.tolist()
    assert set(first["train"].ids) != set(other["train"].ids)


def test_image_size():
    assert load("digits", image_size=(16, 12)).input_shape == (16, 12, 1)
