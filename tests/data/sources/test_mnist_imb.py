import gzip
import struct

import numpy as np
import pytest

from dawn_tf.data import DataError, load
from dawn_tf.data.long_tail import exponential_counts

FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@pytest.fixture
def arrays():
    """12 to 21 training images of each digit."""
    rng = np.random.default_rng(0)
    y_train = rng.permutation(np.repeat(np.arange(10), np.arange(12, 22))).astype("uint8")
    y_test = rng.permutation(np.repeat(np.arange(10), 3)).astype("uint8")
    x_train, x_test = (rng.integers(0, 256, (len(y), 28, 28), "uint8") for y in (y_train, y_test))
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def idx(array):
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write(folder, arrays, dotted=False, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for key, name in FILES.items():
        name = name.replace("-idx", ".idx") if dotted else name
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(arrays[key])))
        else:
            (folder / name).write_bytes(idx(arrays[key]))
    return folder


def check_against(data, arrays):
    counts = exponential_counts(12, 10, 4)
    ids = np.concatenate([data.parts[part].ids for part in ("train", "val")])
    index = [int(name[6:]) for name in ids]
    assert np.bincount(arrays["y_train"][index]).tolist() == counts.tolist()
    images = np.concatenate([data.parts[part].x for part in ("train", "val")])
    np.testing.assert_array_equal(images[..., 0], arrays["x_train"][index])
    np.testing.assert_array_equal(data.parts["test"].x[..., 0], arrays["x_test"])
    np.testing.assert_array_equal(data.parts["test"].y, arrays["y_test"])


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("dotted", [True, False], ids=["dotted", "official"])
def test_official_files(tmp_path, arrays, dotted, packed):
    write(tmp_path / "MNIST" / "raw", arrays, dotted, packed)
    data = load("mnist_imb", tmp_path, rho=4)
    check_against(data, arrays)
    assert data.input_shape == (28, 28, 1) and data.class_names == list("0123456789")


def test_keras_layout(tmp_path, arrays):
    np.savez(tmp_path / "mnist.npz", **arrays)
    check_against(load("mnist_imb", tmp_path, rho=4), arrays)


def test_paper_protocol(tmp_path, arrays):
    data = load("mnist_imb", write(tmp_path, arrays), protocol="paper", rho=2)
    sizes = [np.bincount(part.y, minlength=10) for part in data.parts.values()]
    assert sum(sizes).tolist() == exponential_counts(12, 10, 2).tolist()
    assert [int(size.sum()) for size in sizes] == [len(part) for part in data.parts.values()]
    assert all(name.startswith("train_") for part in data.parts.values() for name in part.ids)


@pytest.mark.parametrize(
    "content, text",
    [
        (b"", "is no whole file in the IDX format"),
        (b"\0\0\x09\x01\0\0\0\0", "is no whole file in the IDX format"),
        (idx(np.zeros((9, 28, 28), "uint8"))[:-1], "is no whole file in the IDX format"),
    ],
    ids=["empty", "type", "cut"],
)
def test_a_damaged_file_is_named(tmp_path, arrays, content, text):
    write(tmp_path, arrays, packed=False)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=rf"t10k-images-idx3-ubyte', which {text}"):
        load("mnist_imb", tmp_path)


def test_a_damaged_packed_file_is_named(tmp_path, arrays):
    path = write(tmp_path, arrays) / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz', which cannot be read"):
        load("mnist_imb", tmp_path)


def test_labels_of_other_images_are_named(tmp_path, arrays):
    arrays["y_test"] = arrays["y_test"][:-1]
    with pytest.raises(DataError, match=r"test images of shape \(30, 28, 28, 1\) .*shape \(29,\)"):
        load("mnist_imb", write(tmp_path, arrays))


def test_missing_files_are_named_with_their_source(tmp_path, arrays):
    write(tmp_path, arrays)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    text = r"mnist\.npz, or train-images-idx3-ubyte\.gz, .*ossci-datasets.*DAWN_DATA_DIR"
    with pytest.raises(DataError, match=text):
        load("mnist_imb", tmp_path)


def test_real_counts(data_dir):
    data = load("mnist_imb", data_dir)
    total = [np.bincount(data.parts[part].y) for part in ("train", "val")]
    counts = sum(total).tolist()
    assert counts == exponential_counts(5421, 10, 100).tolist()
    assert (counts[0], counts[9], sum(counts)) == (5421, 54, 13_449)
    assert [round(0.1 * n) for n in counts] == total[1].tolist()
    assert np.bincount(data.parts["test"].y).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # fmt: skip
