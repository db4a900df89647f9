import io
import json
import pickle
import shutil
import struct
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from dawn_tf.data import DataError, load
from dawn_tf.data.archives import open_tree
from dawn_tf.data.errors import MissingData
from dawn_tf.data.long_tail import exponential_counts
from dawn_tf.evaluation.shots import shot_groups

NAMES = {
    "cifar10_lt": [f"thing_{c}" for c in range(10)],
    "cifar100_lt": [f"t{c}" for c in range(100)],
}
STEM = {"cifar10_lt": "cifar-10", "cifar100_lt": "cifar-100"}


@pytest.fixture(scope="module")
def arrays():
    """Both data sets, 20 and 4 training images a class: x_train, y_train, x_test, y_test."""
    rng = np.random.default_rng(0)
    made = {}
    for name, classes in NAMES.items():
        y_train = rng.permutation(
            np.repeat(np.arange(len(classes)), 20 if len(classes) == 10 else 4)
        )
        y_test = rng.permutation(np.repeat(np.arange(len(classes)), 2))
        x_train, x_test = (
            rng.integers(0, 256, (len(y), 32, 32, 3), "uint8") for y in (y_train, y_test)
        )
        made[name] = x_train, y_train, x_test, y_test
    return made


def python_2_pickle(value):
    """The opcodes that Python 2 wrote into the official files."""
    if isinstance(value, dict):
        items = b"".join(python_2_pickle(k) + python_2_pickle(v) for k, v in value.items())
        return b"}(" + items + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(python_2_pickle, value)) + b"e"
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode()
    if isinstance(value, int):
        return b"K" + bytes([value])
    rows, columns = (b"M" + struct.pack("<H", n) for n in value.shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + rows
        + columns
        + b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff"
        + b"\xffK\x00tb\x89T"
        + struct.pack("<i", value.size)
        + value.tobytes()
        + b"tb"
    )


def rows(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def python_files(name, arrays):
    x_train, y_train, x_test, y_test = arrays
    classes = NAMES[name]

    def batch(x, y):
        labels = [int(c) for c in y]
        keys = {"labels": labels} if name == "cifar10_lt" else {"fine_labels": labels}
        return {"batch_label": "a batch", "data": rows(x), **keys}

    if name == "cifar10_lt":
        parts = zip(np.split(x_train, 5), np.split(y_train, 5), strict=True)
        files = {f"data_batch_{i}": batch(x, y) for i, (x, y) in enumerate(parts, 1)}
        files |= {"test_batch": batch(x_test, y_test), "batches.meta": {"label_names": classes}}
    else:
        files = {"train": batch(x_train, y_train), "test": batch(x_test, y_test)}
        files |= {"meta": {"fine_label_names": classes, "coarse_label_names": ["x"]}}
    return {k: b"\x80\x02" + python_2_pickle(v) + b"." for k, v in files.items()}


def binary_files(name, arrays):
    x_train, y_train, x_test, y_test = arrays

    def content(x, y):
        coarse = [] if name == "cifar10_lt" else [np.full((len(y), 1), 7, "uint8")]
        return np.hstack([*coarse, y[:, None].astype("uint8"), rows(x)]).tobytes()

    names = ("\n".join(NAMES[name]) + "\n\n").encode()
    if name == "cifar10_lt":
        parts = zip(np.split(x_train, 5), np.split(y_train, 5), strict=True)
        files = {f"data_batch_{i}.bin": content(x, y) for i, (x, y) in enumerate(parts, 1)}
        return files | {"test_batch.bin": content(x_test, y_test), "batches.meta.txt": names}
    files = {"train.bin": content(x_train, y_train), "test.bin": content(x_test, y_test)}
    return files | {"fine_label_names.txt": names, "coarse_label_names.txt": b"x"}


LAYOUTS = {
    "python": (
        python_files,
        {"cifar10_lt": "cifar-10-batches-py", "cifar100_lt": "cifar-100-python"},
    ),
    "binary": (
        binary_files,
        {"cifar10_lt": "cifar-10-batches-bin", "cifar100_lt": "cifar-100-binary"},
    ),
}


def write(folder, version, name, arrays, packed=True):
    files, inside = LAYOUTS[version][0](name, arrays), LAYOUTS[version][1][name]
    if packed:
        with tarfile.open(folder / f"{STEM[name]}-{version}.tar.gz", "w:gz") as archive:
            for file, content in files.items():
                info = tarfile.TarInfo(f"{inside}/{file}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    else:
        (folder / inside).mkdir(parents=True)
        for file, content in files.items():
            (folder / inside / file).write_bytes(content)
    return folder


def write_npz(folder, name, arrays, **more):
    x_train, y_train, x_test, y_test = arrays
    file = f"{STEM[name].replace('-', '')}.npz"
    y = {"y_train": y_train[:, None], "y_test": y_test[:, None]}
    np.savez(folder / file, x_train=x_train, x_test=x_test, **y, **more)
    return folder


def write_small(folder, arrays, kept):
    """The packed copy: a sheet of 2x3 images, lossless WebP."""
    x_train, y_train, x_test, y_test = arrays
    with zipfile.ZipFile(folder / "cifar10_lt50.zip", "w") as archive:
        for part, images in (("train", x_train[kept]), ("test", x_test)):
            images = np.concatenate([images, np.zeros((-len(images) % 6, 32, 32, 3), "uint8")])
            sheets = images.reshape(-1, 2, 3, 32, 32, 3).transpose(0, 1, 3, 2, 4, 5)
            for i, sheet in enumerate(sheets.reshape(-1, 64, 96, 3)):
                content = io.BytesIO()
                Image.fromarray(sheet).save(content, "webp", lossless=True)
                archive.writestr(f"{part}_{i:03d}.webp", content.getvalue())
        labels = io.BytesIO()
        y = {"y_train": y_train[kept], "y_test": y_test}
        np.savez(labels, train_index=kept, y_train_full=y_train, **y)
        archive.writestr("labels.npz", labels.getvalue())
        archive.writestr("label_names.json", json.dumps(NAMES["cifar10_lt"]))
    return folder


def reference_indices(labels, counts, seed=0):
    """The steps of Cao et al.'s generator."""
    np.random.seed(seed)
    chosen = []
    for c, count in enumerate(counts):
        members = np.where(labels == c)[0]
        np.random.shuffle(members)
        chosen.extend(members[:count].tolist())
    return sorted(chosen)


def numbers(data, *parts):
    """Numbers in the published training part of the images in these parts."""
    ids = np.concatenate([data.parts[part].ids for part in parts])
    return [int(name[6:]) for name in ids if name.startswith("train_")]


def check_against(data, arrays, rho):
    """That a literature load holds these images, picked as the reference generator picks them."""
    x_train, y_train, x_test, y_test = arrays
    counts = exponential_counts(np.bincount(y_train).min(), y_train.max() + 1, rho)
    assert sorted(numbers(data, "train", "val")) == reference_indices(y_train, counts)
    for part in ("train", "val"):
        index = numbers(data, part)
        np.testing.assert_array_equal(data.parts[part].x, x_train[index])
        np.testing.assert_array_equal(data.parts[part].y, y_train[index])
    np.testing.assert_array_equal(data.parts["test"].x, x_test)
    np.testing.assert_array_equal(data.parts["test"].y, y_test)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", LAYOUTS)
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
def test_official_versions(tmp_path, arrays, name, version, packed):
    folder = write(tmp_path, version, name, arrays[name], packed)
    data = load(name, folder, rho=2)
    assert data.class_names == NAMES[name] and data.protocol == "literature"
    check_against(data, arrays[name], rho=2)


def test_the_pickles_here_are_like_python_2s(arrays):
    """Python's own reader agrees with the opcodes written by hand."""
    x_train, y_train, _, _ = arrays["cifar100_lt"]
    content = python_files("cifar100_lt", arrays["cifar100_lt"])["train"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy 2.4 warns of Python 2's way to name a dtype.
        batch = pickle.loads(content, encoding="latin1")
    np.testing.assert_array_equal(batch["data"], rows(x_train))
    assert batch["fine_labels"] == y_train.tolist()


def test_folders_that_users_have(tmp_path, arrays):
    name = "cifar10_lt"
    keras = write(tmp_path / "cifar-10-batches-py-target", "python", name, arrays[name], False)
    inside = keras / "cifar-10-batches-py"
    above = tmp_path / "data" / "cifar10"
    above.mkdir(parents=True)
    shutil.copytree(inside, above / "cifar-10-batches-py")
    for folder in (tmp_path, keras, inside, tmp_path / "data"):
        check_against(load(name, folder, rho=2), arrays[name], rho=2)


@pytest.mark.parametrize("names", [True, False], ids=["names", "numbers"])
def test_keras_layout(tmp_path, arrays, names):
    name = "cifar10_lt"
    more = {"label_names": np.array(NAMES[name])} if names else {}
    data = load(name, write_npz(tmp_path, name, arrays[name], **more), rho=2)
    check_against(data, arrays[name], rho=2)
    assert data.class_names == (NAMES[name] if names else [str(c) for c in range(10)])


def smaller_copies(folder, arrays):
    x_train, y_train, x_test, y_test = arrays
    kept = np.array(reference_indices(y_train, exponential_counts(20, 10, 2)))
    (folder / "npz").mkdir()
    more = {"train_index": kept, "y_train_full": y_train}
    write_npz(folder / "npz", "cifar10_lt", (x_train[kept], y_train[kept], x_test, y_test), **more)
    (folder / "packed").mkdir()
    return folder / "npz", write_small(folder / "packed", arrays, kept)


def test_smaller_copies_give_what_they_hold(tmp_path, arrays):
    for folder in smaller_copies(tmp_path, arrays["cifar10_lt"]):
        for rho in (2, 4):
            data = load("cifar10_lt", folder, rho=rho)
            check_against(data, arrays["cifar10_lt"], rho)
        # `MissingData`, so that `download=True` fetches the rest.
        with pytest.raises(MissingData, match=r"rho=1, .*copy with 140 of the 200, which lacks 60"):
            load("cifar10_lt", folder, rho=1)
        for option in ({"subset_seed": 1}, {"profile": "step"}):
            text = r"lacks \d+ of them. Put cifar-10-python.tar.gz or .*subset_seed .*larger rho"
            with pytest.raises(DataError, match=text):
                load("cifar10_lt", folder, rho=2, **option)


def test_the_whole_data_set_wins_over_a_smaller_copy(tmp_path, arrays):
    _, folder = smaller_copies(tmp_path, arrays["cifar10_lt"])
    write(folder, "binary", "cifar10_lt", arrays["cifar10_lt"])
    data = load("cifar10_lt", folder, rho=1, profile="step")
    assert len(data.parts["train"]) + len(data.parts["val"]) == 200


def test_options_and_seeds(tmp_path, arrays):
    folder = write_npz(tmp_path, "cifar10_lt", arrays["cifar10_lt"])
    y_train = arrays["cifar10_lt"][1]
    step = load("cifar10_lt", folder, rho=10, profile="step", subset_seed=3)
    expected = reference_indices(y_train, [20] * 5 + [2] * 5, seed=3)
    assert sorted(numbers(step, "train", "val")) == expected
    assert step.notes == [
        "110 of 200 training images picked with rho=10, profile=step, subset_seed=3."
    ]
    first, other = (load("cifar10_lt", folder, rho=2, seed=seed) for seed in (0, 1))
    assert numbers(first, "val") != numbers(other, "val")
    assert sorted(numbers(first, "train", "val")) == sorted(numbers(other, "train", "val"))
    with pytest.raises(ValueError, match="rho=0.5"):
        load("cifar10_lt", folder, rho=0.5)


def test_literature_protocol_holds_out_a_tenth(tmp_path, arrays):
    data = load("cifar10_lt", write_npz(tmp_path, "cifar10_lt", arrays["cifar10_lt"]), rho=20)
    assert exponential_counts(20, 10, 20).tolist() == [20, 14, 10, 7, 5, 3, 2, 1, 1, 1]
    held = np.bincount(data.parts["val"].y, minlength=10)
    assert held.tolist() == [2, 1, 1, 1, 1, 1, 1, 0, 0, 0]


def test_paper_protocol_divides_the_long_tail_alone(tmp_path, arrays):
    folder = write_npz(tmp_path, "cifar10_lt", arrays["cifar10_lt"])
    data = load("cifar10_lt", folder, protocol="paper", rho=2)
    total = exponential_counts(20, 10, 2)
    for part, fraction in zip(data.parts.values(), (0.7, 0.15, 0.15), strict=True):
        assert all(name.startswith("train_") for name in part.ids)
        assert np.all(np.abs(np.bincount(part.y, minlength=10) - fraction * total) < 1)
    assert len(set(numbers(data, *data.parts))) == total.sum()


def test_image_size_in_memory_and_streamed(tmp_path, arrays):
    folder = write_npz(tmp_path, "cifar10_lt", arrays["cifar10_lt"])
    now, later = (
        load("cifar10_lt", folder, rho=2, image_size=(48, 40), in_memory=in_memory).parts["val"].x
        for in_memory in (True, False)
    )
    assert isinstance(now, np.ndarray) and not isinstance(later, np.ndarray)
    assert now.shape == later.shape and now.shape[1:] == (48, 40, 3)
    np.testing.assert_array_equal(later[:], now)


def test_a_harmful_pickle_is_not_run(tmp_path, arrays, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path, "python", "cifar10_lt", arrays["cifar10_lt"], packed=False)
    harmful = b"\x80\x02cos\nmkdir\nU\x06harmed\x85R."
    (folder / "cifar-10-batches-py" / "data_batch_3").write_bytes(harmful)
    with pytest.raises(DataError, match=r"'data_batch_3', .*it wants to run os\.mkdir"):
        load("cifar10_lt", folder)
    assert not (tmp_path / "harmed").exists()


def other_pickle(folder):
    (folder / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps({"data": 1}, 4))


def fewer_columns(folder):
    content = {"data": np.zeros((4, 3000), "uint8"), "labels": [0] * 4}
    (folder / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(content, 4))


def another_class(folder):
    content = {"data": np.zeros((2, 3072), "uint8"), "labels": [0, 10]}
    (folder / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(content, 4))


@pytest.mark.parametrize(
    "damage, text",
    [
        (lambda f: (f / "cifar-10-batches-py" / "data_batch_4").unlink(), "lacks data_batch_4"),
        (other_pickle, "holds other pickles"),
        (fewer_columns, "holds other pickles .*cannot reshape"),
        (another_class, r"has labels 0\.\.10 for 10 classes"),
    ],
    ids=["lost", "pickle", "shape", "label"],
)
def test_a_damaged_folder_is_named(tmp_path, arrays, damage, text):
    folder = write(tmp_path, "python", "cifar10_lt", arrays["cifar10_lt"], packed=False)
    damage(folder)
    with pytest.raises(DataError, match=rf"cifar-10-batches-py', which {text}.*Fetch it again"):
        load("cifar10_lt", folder, rho=2)


def test_a_damaged_binary_file_is_named(tmp_path, arrays):
    folder = write(tmp_path, "binary", "cifar100_lt", arrays["cifar100_lt"], packed=False)
    path = folder / "cifar-100-binary" / "test.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"has 614799 bytes in test\.bin, no multiple of 3074"):
        load("cifar100_lt", folder, rho=2)


def test_a_damaged_npz_is_named(tmp_path, arrays):
    name = "cifar10_lt"
    x_train, y_train, x_test, y_test = arrays[name]
    index = {"train_index": np.arange(200), "y_train_full": (y_train + 1) % 10}
    write_npz(tmp_path, name, arrays[name], **index)
    with pytest.raises(DataError, match=r"cifar10\.npz', which has a train_index that"):
        load(name, tmp_path, rho=2)
    write_npz(tmp_path, name, (x_train[:, :, :, 0], y_train[:9], x_test, y_test))
    with pytest.raises(DataError, match=r"train images of shape \(200, 32, 32\) .*shape \(9,\)"):
        load(name, tmp_path, rho=2)
    np.savez(tmp_path / "cifar10.npz", x_train=x_train)
    with pytest.raises(DataError, match="lacks y_train, x_test, y_test"):
        load(name, tmp_path, rho=2)
    np.savez(tmp_path / "cifar10.npz", x_train=np.array([None]))
    with pytest.raises(DataError, match=r"cannot be read \(Object arrays"):
        load(name, tmp_path, rho=2)


def test_a_damaged_small_copy_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "cifar10_lt50.zip", "w") as archive:
        archive.writestr("label_names.json", "[]")
    with pytest.raises(DataError, match=r"holds other files \('labels\.npz'\)"):
        load("cifar10_lt", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_missing_files_are_named_with_their_source(tmp_path, name):
    text = rf"{STEM[name]}-python\.tar\.gz .*cs\.toronto\.edu.*DAWN_DATA_DIR"
    with pytest.raises(DataError, match=text):
        load(name, tmp_path)


@pytest.fixture(scope="module", params=[("cifar10_lt", 10), ("cifar100_lt", 100)], ids=NAMES)
def real(request, data_dir):
    """Name, labels of the packed copy, and loads with rho 50 and 100."""
    name, num_classes = request.param
    packed = open_tree([data_dir / f"cifar{num_classes}_lt50.zip"])
    labels = dict(np.load(io.BytesIO(packed["labels.npz"])))
    return name, labels, {rho: load(name, data_dir, rho=rho) for rho in (50, 100)}


TOTALS = {
    ("cifar10_lt", 100): 12_406,
    ("cifar10_lt", 50): 13_996,
    ("cifar100_lt", 100): 10_847,
    ("cifar100_lt", 50): 12_608,
}


def test_published_totals_and_picks(real):
    name, labels, data = real
    picked = {rho: sorted(numbers(d, "train", "val")) for rho, d in data.items()}
    assert picked[50] == labels["train_index"].tolist()
    assert set(picked[100]) < set(picked[50])
    num_classes = data[50].num_classes
    for rho, index in picked.items():
        assert len(index) == len(set(index)) == TOTALS[name, rho]
        counts = exponential_counts(50_000 // num_classes, num_classes, rho)
        assert index == reference_indices(labels["y_train_full"], counts)


def test_real_images_keep_their_labels(real):
    _, labels, data = real
    for part in ("train", "val"):
        index = numbers(data[100], part)
        assert data[100].parts[part].y.tolist() == labels["y_train_full"][index].tolist()
    test = data[100].parts["test"]
    assert test.y.tolist() == labels["y_test"].tolist()
    assert np.all(np.bincount(test.y) == 10_000 // data[100].num_classes)
    # One image, whatever rho it was loaded with.
    images = {}
    for rho, d in data.items():
        order = np.argsort(numbers(d, "train", "val"))
        images[rho] = np.concatenate([d.parts["train"].x, d.parts["val"].x])[order]
    rows = np.searchsorted(labels["train_index"], sorted(numbers(data[100], "train", "val")))
    np.testing.assert_array_equal(images[50][rows], images[100])


def test_published_groups_of_the_training_images(real):
    name, _, data = real
    if name == "cifar100_lt":
        for rho, sizes in ((100, [35, 35, 30]), (50, [41, 41, 18])):
            parts = data[rho].parts
            counts = np.bincount(np.concatenate([parts["train"].y, parts["val"].y]))
            assert [len(group) for group in shot_groups(counts).values()] == sizes
