import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data import DataError, load
from dawn_tf.data.bad_inputs import Substitutes
from dawn_tf.data.pipeline import evaluation_batches, reading_errors, training_batches
from dawn_tf.data.sampling import ClassAwareSampler

SIZE = (6, 6)
NAMES = [f"{'ab'[i % 3 == 0]}/{i:02}.png" for i in range(60)]


def write(folder, name):
    i = NAMES.index(name)
    pixels = np.random.default_rng(i).integers(0, 256, (*SIZE, 3)).astype("uint8")
    (folder / name).write_bytes(tf.io.encode_png(pixels).numpy())


@pytest.fixture
def folder(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    for name in NAMES:
        write(tmp_path, name)
    return tmp_path


def damage(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])


def read(folder, **options):
    return load("folder", folder, image_size=SIZE, **options)


@pytest.mark.parametrize("in_memory", [None, False])
def test_skipped_images_are_listed_and_the_others_stay_where_they_were(folder, in_memory):
    whole = read(folder)
    bad = {part: records.ids[:2].tolist() for part, records in whole.parts.items()}
    for name in sum(bad.values(), []):
        damage(folder, name)
    data = read(folder, on_bad_input="skip", in_memory=in_memory)
    for part, records in whole.parts.items():
        left = data.parts[part]
        assert list(data.bad_inputs[part]) == bad[part]
        assert all("cannot be decoded" in reason for reason in data.bad_inputs[part].values())
        np.testing.assert_array_equal(left.ids, records.ids[2:])
        np.testing.assert_array_equal(left.y, records.y[2:])
        np.testing.assert_array_equal(left.x[:], records.x[2:])
        assert isinstance(left.x, np.ndarray) == (in_memory is None)
    np.testing.assert_array_equal(data.class_counts, np.bincount(whole.parts["train"].y[2:]))


def test_without_skipping_the_error_names_the_file(folder):
    data = read(folder, in_memory=False)
    name = data.parts["val"].ids[5]
    damage(folder, name)
    with pytest.raises(DataError, match=f"'{name}', which cannot be decoded"):
        read(folder)
    with pytest.raises(DataError, match=f"'{name}', which cannot.*convert it to PNG.$"):
        with reading_errors():
            list(evaluation_batches(data.parts["val"], 4))
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"'{name}' .No such file"), reading_errors():
        list(evaluation_batches(data.parts["val"], 4))


def test_other_errors_of_a_pipeline_stay_what_they_are():
    too_far = tf.data.Dataset.range(2).map(lambda i: tf.gather(tf.range(1), i))
    with pytest.raises(tf.errors.InvalidArgumentError), reading_errors():
        list(too_far)


def test_nothing_left_of_a_part_is_an_error(folder):
    for name in read(folder).parts["val"].ids:
        damage(folder, name)
    with pytest.raises(DataError, match="Expected images in the val part. Received: 9, none"):
        read(folder, on_bad_input="skip")


def test_what_goes_bad_in_training_gives_way_to_the_next_of_its_class(folder):
    data = read(folder, on_bad_input="skip", in_memory=False)
    train = data.parts["train"]
    x, of_b = train.x[:], np.flatnonzero(train.y == 1)
    # The last of its class, whose next is the first; then two in a row.
    gone = [of_b[-1], of_b[3], of_b[4]]
    instead = dict(zip(gone, [of_b[0], of_b[5], of_b[5]], strict=True))
    for i in gone:
        damage(folder, train.ids[i])
    sampler = ClassAwareSampler(train.sampling_labels, "balanced", seed=3)
    substitutes = Substitutes(train, data.bad_inputs["train"])
    batches = training_batches(train, sampler, 8, substitutes=substitutes)
    draws = iter(sampler.batches(8))
    for images, labels in batches.take(12):
        used = [instead.get(i, i) for i in next(draws).numpy()]
        np.testing.assert_array_equal(images, x[used])
        np.testing.assert_array_equal(labels, train.y[used])
    assert set(data.bad_inputs["train"]) == set(train.ids[gone])


def test_a_class_of_which_nothing_is_left_is_an_error(folder):
    train = read(folder, in_memory=False).parts["train"]
    of_b = np.flatnonzero(train.y == 1)
    for name in train.ids[of_b]:
        damage(folder, name)
    with pytest.raises(DataError, match="Expected an image of every class"):
        Substitutes(train, {}).read(of_b[:2])


def test_the_mask_follows_the_image(tmp_path):
    rng = np.random.default_rng(0)
    for kind, depth, top in (("images", 3, 256), ("masks", 1, 2)):
        (tmp_path / kind).mkdir()
        for i in range(20):
            pixels = rng.integers(0, top, (*SIZE, depth)).astype("uint8")
            (tmp_path / kind / f"{i:02}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    options = {"task": "segmentation", "on_bad_input": "skip", "in_memory": False}
    data = read(tmp_path, **options)
    train = data.parts["train"]
    x, y = train.x[:], train.y[:]
    damage(tmp_path, train.ids[0])
    images, used = Substitutes(train, {}).read(np.arange(4))
    assert used[0] != 0 and used.tolist()[1:] == [1, 2, 3]
    np.testing.assert_array_equal(images, x[used])
    sampler = ClassAwareSampler(train.sampling_labels, seed=0)
    batches = training_batches(train, sampler, len(train), substitutes=Substitutes(train, {}))
    images, masks = next(iter(batches))
    expected = {x[i].tobytes(): y[i] for i in range(1, len(train))}
    for image, mask in zip(images.numpy().astype("uint8"), masks, strict=True):
        np.testing.assert_array_equal(mask, expected[image.tobytes()])
