import dataclasses
import threading

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data.augmentation import Augmenter
from dawn_tf.data.errors import DataError
from dawn_tf.data.images import BINARY, read_images, read_masks
from dawn_tf.data.lazy import chunks, is_lazy
from dawn_tf.data.pipeline import evaluation_batches, training_batches
from dawn_tf.data.records import Records, with_pixel_counts
from dawn_tf.data.sampling import ClassAwareSampler

RNG = np.random.default_rng(0)
N = 30
SIZE = (8, 10)
NAMES = [f"{i}.png" for i in range(N)]
IMAGES = {
    name: tf.io.encode_jpeg(RNG.integers(0, 256, (13, 17, 3)).astype("uint8")).numpy()
    for name in NAMES
}
MASKS = {
    name: tf.io.encode_png(RNG.integers(0, 3, (13, 17, 1)).astype("uint8")).numpy()
    for name in NAMES
}


def images(in_memory):
    return read_images(NAMES, IMAGES.__getitem__, SIZE, in_memory=in_memory)


def masks(in_memory):
    return read_masks(NAMES, MASKS.__getitem__, SIZE, in_memory=in_memory)


def records(in_memory, **fields):
    labels = np.repeat([0, 1], [25, 5]).astype("int32")
    mask_names = ["a", "b", "c"]
    return Records(
        x=images(in_memory),
        y={"mask": masks(in_memory), "label": labels},
        ids=np.array(NAMES),
        sampling_labels=labels,
        class_names={"mask": mask_names, "label": ["no", "yes"]},
        task="both",
        **fields,
    )


def test_looks_like_the_array_it_stands_for():
    array, lazy = images(True), images(False)
    assert isinstance(array, np.ndarray) and is_lazy(lazy) and not is_lazy(array)
    assert (lazy.shape, lazy.dtype, lazy.ndim, len(lazy), lazy.nbytes) == (
        array.shape,
        array.dtype,
        array.ndim,
        len(array),
        array.nbytes,
    )
    np.testing.assert_array_equal(np.asarray(lazy), array)


@pytest.mark.parametrize(
    "index",
    [3, -1, slice(2, 9, 3), slice(0, 0), [4, 4, 1], np.arange(N) % 7 == 0, np.array([], int)],
    ids=["one", "last", "slice", "nothing", "list", "bool", "empty"],
)
def test_indexing_is_that_of_the_array(index):
    for array, lazy in ((images(True), images(False)), (masks(True), masks(False))):
        np.testing.assert_array_equal(lazy[index], array[index])


def test_a_view_reads_nothing():
    def refuse(name):
        raise AssertionError(name)

    lazy = read_images(NAMES, refuse, SIZE, in_memory=False)
    part = lazy.view(np.arange(N) > 3).view([5, 0])
    assert (
        is_lazy(part)
        and part.shape == (2, *SIZE, 3)
        and part.names.tolist()
        == [
            "9.png",
            "4.png",
        ]
    )


def test_decodes_in_several_threads_and_keeps_the_order():
    at_once = threading.Barrier(2, timeout=20)

    def read(name):
        at_once.wait()  # Passes only if two threads are here at the same time.
        return IMAGES[name]

    lazy = read_images(NAMES, read, SIZE, in_memory=False)
    np.testing.assert_array_equal(lazy[:], images(True))


def test_chunks_cover_the_array_once():
    array, lazy = images(True), images(False)
    pieces = list(chunks(lazy, num_bytes=7 * array[0].nbytes + 1))
    assert [len(piece) for piece in pieces] == [7, 7, 7, 7, 2]
    np.testing.assert_array_equal(np.concatenate(pieces), array)
    np.testing.assert_array_equal(np.concatenate(list(chunks(array, 1))), array)


def test_lookup_gives_class_numbers():
    white = {"a.png": tf.io.encode_png(np.array([[[0], [255], [128], [3]]], "uint8")).numpy()}
    for in_memory in (True, False):
        read = read_masks(["a.png"], white.__getitem__, (1, 4), in_memory, lookup=BINARY)
        assert read[:].tolist() == [[[0, 1, 1, 0]]] and read[:].dtype == "uint8"


@pytest.mark.parametrize("augment", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_training_batches_are_those_in_memory(augment):
    streams = []
    for in_memory in (True, False):
        part = records(in_memory)
        sampler = ClassAwareSampler(part.sampling_labels, "balanced", seed=2)
        augmenter = Augmenter([25, 5], seed=4) if augment else None
        batches = training_batches(part, sampler, 4, augmenter, start_step=3)
        streams.append((batches.element_spec, list(batches.take(12).as_numpy_iterator())))
    assert streams[0][0] == streams[1][0]
    tf.nest.map_structure(np.testing.assert_array_equal, streams[0][1], streams[1][1])


def test_evaluation_batches_are_those_in_memory():
    chosen = np.array([29, 3, 4, 11, 0])
    in_memory, lazy = (
        evaluation_batches(records(value).subset(chosen), 2) for value in (True, False)
    )
    assert in_memory.element_spec == lazy.element_spec and len(lazy) == 3
    pairs = zip(in_memory.as_numpy_iterator(), lazy.as_numpy_iterator(), strict=True)
    for left, right in pairs:
        tf.nest.map_structure(np.testing.assert_array_equal, left, right)


def test_a_subset_stays_lazy():
    part = records(False).subset([2, 0])
    assert is_lazy(part.x) and is_lazy(part.y["mask"]) and part.ids.tolist() == ["2.png", "0.png"]


def test_pixels_are_counted_as_in_memory():
    by_hand = [[(mask == c).sum() for c in range(3)] for mask in masks(True)]
    for in_memory in (True, False):
        assert with_pixel_counts(records(in_memory)).pixel_counts.tolist() == by_hand


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, IMAGES["0.png"][:90]])
def test_a_corrupt_image_is_named_when_it_is_read(content):
    files = {**IMAGES, "7.png": content}
    lazy = read_images(NAMES, files.__getitem__, SIZE, in_memory=False)
    assert lazy[:7].shape == (7, *SIZE, 3)
    with pytest.raises(DataError, match=r"'7\.png', which cannot be decoded"):
        lazy[5:9]
    part = dataclasses.replace(records(True), x=lazy)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"'7\.png', which cannot be decoded"):
        list(evaluation_batches(part, 4))
