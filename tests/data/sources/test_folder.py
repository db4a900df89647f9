import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data import DataError, load
from dawn_tf.data.lazy import is_lazy

SIZE = (6, 8)
RNG = np.random.default_rng(0)


def png(array):
    return tf.io.encode_png(np.asarray(array, "uint8")).numpy()


def picture():
    return RNG.integers(0, 256, (*SIZE, 3))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_classes(root, **sizes):
    """`<class>/img<i>.png`, as many as said."""
    for name, size in sizes.items():
        for i in range(size):
            write(root / name / f"img{i}.png", png(picture()))
    return root


def write_masks(root, masks, ending=""):
    for i, mask in enumerate(masks):
        write(root / "images" / f"p{i % 2}" / f"i{i}.png", png(picture()))
        write(root / "masks" / f"p{i % 2}" / f"i{i}{ending}.png", png(mask[..., None]))
    return root


def pack(folder, archive, top=""):
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                packed.write(path, top + path.relative_to(folder).as_posix())
    return archive


def load_folder(path, task="classification", **arguments):
    return load("folder", path, task=task, image_size=SIZE, **arguments)


def sizes(data):
    return [len(data.parts[part]) for part in ("train", "val", "test")]


def ids(data, part):
    return data.parts[part].ids.tolist()


def test_a_folder_a_class(tmp_path):
    write_classes(tmp_path, zebra=40, ape=20)
    write(
        tmp_path / "ape" / "deep" / "er" / "x.JPG",
        tf.io.encode_jpeg(picture().astype("uint8")).numpy(),
    )
    write(tmp_path / "zebra" / "notes.txt", "no image")
    write(tmp_path / "ape" / ".hidden.png", "no image")
    write(tmp_path / ".git" / "a.png", "no image")
    data = load_folder(tmp_path)
    assert data.class_names == ["ape", "zebra"] and data.input_shape == (*SIZE, 3)
    assert sizes(data) == [43, 9, 9]
    assert data.class_counts.tolist() == [15, 28]
    for part in data.parts.values():
        of_folder = [int(name.startswith("zebra/")) for name in part.ids]
        assert part.y.tolist() == of_folder
        for name, image in zip(part.ids, part.x, strict=True):
            if name.endswith("png"):
                file = tf.io.decode_png((tmp_path / name).read_bytes())
                np.testing.assert_array_equal(image, file)
    assert "ape/deep/er/x.JPG" in sum((ids(data, part) for part in data.parts), [])


@pytest.mark.parametrize("top", ["", "pictures/"])
def test_a_zip_reads_like_its_folder(tmp_path, top):
    folder = write_classes(tmp_path / "all", cat=7, dog=8)
    archive = pack(folder, tmp_path / "x.zip", top)
    left, right = load_folder(folder), load_folder(archive, in_memory=False)
    assert is_lazy(right.parts["train"].x) and not is_lazy(left.parts["train"].x)
    for part in left.parts:
        assert ids(left, part) == ids(right, part)
        np.testing.assert_array_equal(left.parts[part].x, right.parts[part].x[:])


def test_one_channel(tmp_path):
    data = load_folder(write_classes(tmp_path, a=4, b=4), channels=1)
    assert data.input_shape == (*SIZE, 1)


@pytest.mark.parametrize(
    "given, expected",
    [
        (("train", "val", "test"), [40, 6, 4]),
        (("train", "valid", "test"), [40, 6, 4]),
        (("train", "test"), [34, 6, 4]),
        (("train", "validation"), [34, 6, 6]),
        (("train",), [28, 6, 6]),
    ],
    ids=["all", "alias", "no_val", "no_test", "train_only"],
)
def test_parts_as_given(tmp_path, given, expected):
    for part in given:
        size = {"train": 20, "test": 2}.get(part, 3)
        write_classes(tmp_path / part, a=size, b=size)
    data = load_folder(tmp_path)
    assert data.class_names == ["a", "b"] and sizes(data) == expected
    if "test" in given:
        assert all(name.startswith("test/") for name in ids(data, "test"))
    assert all(name.startswith("train/") for name in ids(data, "train"))
    everything = load_folder(tmp_path, protocol="stratified")
    assert sum(sizes(everything)) == sum(sizes(data))
    assert sizes(everything)[0] == pytest.approx(0.7 * sum(sizes(data)), abs=2)


def test_classes_txt_gives_names_and_order(tmp_path):
    write_classes(tmp_path, cat=5, dog=5)
    write(tmp_path / "classes.txt", "\ufeffdog\n\ncat\n")
    assert load_folder(tmp_path).class_names == ["dog", "cat"]


def test_groups_stay_whole(tmp_path):
    write_classes(tmp_path, a=60, b=30)
    rows = [f"a/img{i}.png,p{i // 3}" for i in range(60)]
    rows += [f"b/img{i}.png,p{i // 2}" for i in range(30)]  # Patients have both classes.
    write(tmp_path / "groups.csv", "file,group\n" + "\n".join(rows))
    data = load_folder(tmp_path)
    groups = [set(part.groups.tolist()) for part in data.parts.values()]
    assert sum(len(group) for group in groups) == len(set.union(*groups)) == 20
    assert sizes(data) == pytest.approx([63, 13.5, 13.5], abs=9)
    write(tmp_path / "groups.csv", "file,group\n" + "\n".join(rows[1:]))
    with pytest.raises(DataError, match=r"no group of 'a/img0\.png' and 0 more"):
        load_folder(tmp_path)


MASKS = RNG.integers(0, 3, (12, *SIZE))


@pytest.mark.parametrize("ending", ["", "_mask", "_segmentation"])
def test_masks_of_class_numbers(tmp_path, ending):
    masks = MASKS.copy()
    masks[:, 0, 0] = 255
    write_masks(tmp_path, masks, ending)
    in_memory, lazy = (
        load_folder(tmp_path, "segmentation", in_memory=value) for value in (True, False)
    )
    assert in_memory.class_names == ["0", "1", "2"] and in_memory.ignore_class == 255
    train = masks[[int(name.split("/i")[1][:-4]) for name in ids(in_memory, "train")]]
    assert in_memory.class_counts.tolist() == [(train == c).sum() for c in range(3)]
    for part, records in in_memory.parts.items():
        other = lazy.parts[part]
        assert is_lazy(other.y) and is_lazy(other.x)
        np.testing.assert_array_equal(records.y, other.y[:])
        np.testing.assert_array_equal(records.sampling_labels, other.sampling_labels)
        for name, mask in zip(records.ids, records.y, strict=True):
            np.testing.assert_array_equal(mask, masks[int(name.split("/i")[1][:-4])])


def test_masks_in_black_and_white(tmp_path):
    masks = (MASKS > 1) * 255
    masks[0] = 0
    data = load_folder(write_masks(tmp_path, masks), "segmentation")
    assert data.class_names == ["background", "foreground"] and data.ignore_class is None
    assert set(np.unique(data.parts["train"].y)) == {0, 1}


def test_void_of_another_number_and_names(tmp_path):
    write_masks(tmp_path, np.where(MASKS == 2, 9, MASKS))
    write(tmp_path / "classes.txt", "skin\nlesion\n")
    data = load_folder(tmp_path, "segmentation", ignore_class=9)
    assert data.class_names == ["skin", "lesion"] and data.ignore_class == 9
    with pytest.raises(DataError, match=r"0\.\.1, the 2 names.*Received: 9 in .*ignore_class=9"):
        load_folder(tmp_path, "segmentation")


def test_masks_with_given_parts(tmp_path):
    write_masks(tmp_path / "train", MASKS)
    write_masks(tmp_path / "test", MASKS[:4])
    data = load_folder(tmp_path, "segmentation")
    assert sizes(data)[2] == 4 and sum(sizes(data)) == 16
    assert all(name.startswith("test/images/") for name in ids(data, "test"))


def test_sampling_follows_the_rarest_class(tmp_path):
    masks = np.zeros((30, *SIZE))
    masks[:6, 0, 0] = 1
    data = load_folder(write_masks(tmp_path, masks), "segmentation")
    assert [int(part.sampling_labels.sum()) for part in data.parts.values()] == [4, 1, 1]


def stray(root):
    write(root / "loose.png", png(picture()))


def broken(root):
    write(root / "a" / "bad.png", b"\x89PNG nothing")


def twice(root):
    shutil.copy(root / "a" / "img0.png", root / "a" / "img0.jpg")


def tiff(root):
    write(root / "a" / "scan.tif", b"II*")


def empty(root):
    (root / "c").mkdir()


def unnamed(root):
    write(root / "classes.txt", "a\n")


def only_one(root):
    shutil.rmtree(root / "b")


def partly(root):
    write_classes(root / "train", a=2, b=2)


def encoding(root):
    write(root / "classes.txt", "gr\xfcn".encode("latin1"))


@pytest.mark.parametrize(
    "spoil, text",
    [
        (stray, r"in the folder of its class\. Received: 'loose\.png'"),
        (broken, r"'a/bad\.png', which cannot be decoded"),
        (twice, r"once\. Received: 'a/img0\.jpg' and 'a/img0\.png'"),
        (tiff, r"'a/scan\.tif'\. Convert it"),
        (empty, r"without images: c;"),
        (unnamed, r"not in classes\.txt: b\."),
        (only_one, r"two classes or more.*Received: a;"),
        (partly, r"train, val and test, with no.*Received: a, b, train"),
        (encoding, r"'classes\.txt'.*Save it as UTF-8"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_with_classes_is_named(tmp_path, spoil, text):
    write_classes(tmp_path, a=3, b=3)
    spoil(tmp_path)
    with pytest.raises(DataError, match=text):
        load_folder(tmp_path)


def no_mask(root):
    (root / "masks/p0/i2.png").unlink()


def two_masks(root):
    write(root / "masks/p0/i2_mask.png", png(MASKS[2][..., None]))


def other_size(root):
    write(root / "masks/p0/i2.png", png(MASKS[2][:4, :, None]))


def in_colour(root):
    write(root / "masks/p0/i2.png", png(picture()))


def sixteen_bits(root):
    write(root / "masks/p0/i2.png", tf.io.encode_png(MASKS[2][..., None].astype("uint16")).numpy())


def cut_mask(root):
    path = root / "masks/p0/i2.png"
    path.write_bytes(path.read_bytes()[:40])


def no_image(root):
    write(root / "images/p0/i2.png", b"\x00" * 50)


def one_value(root):
    for path in root.glob("masks/*/*.png"):
        path.write_bytes(png(np.zeros((*SIZE, 1))))


@pytest.mark.parametrize(
    "spoil, text",
    [
        (no_mask, r"Received: 0 for 'images/p0/i2\.png'"),
        (two_masks, r"Received: 2 for 'images/p0/i2\.png'"),
        (other_size, r"i2\.png' of height and width \(4, 8\), .*i2\.png' of \(6, 8\)"),
        (in_colour, r"grey PNG files of 8 bits.*'masks/p0/i2\.png'"),
        (sixteen_bits, r"grey PNG files of 8 bits.*'masks/p0/i2\.png'"),
        (cut_mask, r"'masks/p0/i2\.png', which cannot be decoded"),
        (no_image, r"'images/p0/i2\.png', which cannot be decoded"),
        (one_value, r"two classes or more.*values \[0\]"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_with_masks_is_named(tmp_path, spoil, text):
    write_masks(tmp_path, MASKS)
    spoil(tmp_path)
    with pytest.raises(DataError, match=text):
        load_folder(tmp_path, "segmentation")


def test_the_wrong_task_is_named(tmp_path):
    write_masks(tmp_path / "m", MASKS)
    write_classes(tmp_path / "c", a=3, b=3)
    with pytest.raises(DataError, match="'classification'.* with images/ and masks/"):
        load_folder(tmp_path / "m")
    with pytest.raises(DataError, match="'segmentation'.* without images/ and masks/"):
        load_folder(tmp_path / "c", "segmentation")


def test_nothing_to_read(tmp_path):
    with pytest.raises(DataError, match="one folder of images a class"):
        load_folder(tmp_path)
    with pytest.raises(DataError, match="one folder of images a class"):
        load_folder(write(tmp_path / "a.txt", "x"))


def test_a_zip_that_points_outside_is_refused(tmp_path):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = 0o120777 << 16
    for member in ("../a/x.png", "/etc/a/x.png", link):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr("b/x.png", png(picture()))
            archive.writestr(member, png(picture()))
        with pytest.raises(DataError, match="an archive of plain files"):
            load_folder(tmp_path / "x.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]
