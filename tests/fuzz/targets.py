"""What is fuzzed: for each name the inputs that are sound, how they are changed, what reads them.

A reader gets the changed input and either gives a result, which it has checked as far as can be,
or raises a `ValueError` (or `OSError`) that begins with "Expected". Anything else is a finding.
"""

import bz2
import csv
import dataclasses
import gzip
import io
import json
import lzma
import pathlib
import pickle
import tarfile
import zipfile

import keras
import mutate
import numpy as np
import pyarrow
import pyarrow.parquet
import tensorflow as tf
from PIL import Image

from dawn_tf.data import load
from dawn_tf.data.archives import open_tree
from dawn_tf.data.images import encoded_size, read_images
from dawn_tf.data.masks import count_values
from dawn_tf.data.pickles import load_pickle
from dawn_tf.data.sources import camvid, ham10000, isic2017
from dawn_tf.data.table_encoder import TableEncoder
from dawn_tf.evaluation.report.document import write_document
from dawn_tf.evaluation.section import sections
from dawn_tf.evaluation.sources import read_rows
from dawn_tf.evaluation.text_tables import latex, markdown
from dawn_tf.training import TrainConfig
from dawn_tf.training.benchmark import read_grid
from dawn_tf.training.checkpoints import load_state, save_state
from dawn_tf.training.config import read_config

RNG = np.random.default_rng(0)


@dataclasses.dataclass(frozen=True)
class Target:
    """Attributes:
    sound: Function of a scratch folder giving the sound inputs, a list.
    change: Function `(rng, input, all_inputs)` giving a changed input.
    read: Function `(input, folder)`.
    """

    sound: object
    change: object
    read: object


def of_bytes(rng, content, others):
    return mutate.mutate_bytes(rng, content, others)


def of_text(rng, text, others):
    return mutate.mutate_text(rng, text)


def of_value(rng, value, others):
    for _ in range(rng.choice((1, 1, 3))):
        value = mutate.mutate_value(rng, value)
    return value


# === Images ===


def images(folder):
    pixels = RNG.integers(0, 256, (20, 17, 4)).astype("uint8")
    rgb = Image.fromarray(pixels[..., :3])
    made = []
    for image, form, options in [
        (rgb, "JPEG", {}),
        (rgb, "JPEG", {"progressive": True, "quality": 30}),
        (rgb.convert("L"), "JPEG", {}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "PNG", {}),
        (Image.fromarray(pixels), "PNG", {}),
        (rgb.convert("L"), "PNG", {}),
        (rgb.convert("1"), "PNG", {}),
        (rgb.quantize(16), "PNG", {}),
        (Image.fromarray(pixels[..., 0].astype("int32") * 200).convert("I;16"), "PNG", {}),
        (rgb, "GIF", {}),
        (rgb, "GIF", {"save_all": True, "append_images": [rgb.rotate(90)] * 3}),
        (rgb, "BMP", {}),
        (rgb.convert("L"), "BMP", {}),
    ]:
        file = io.BytesIO()
        image.save(file, form, **options)
        made.append(file.getvalue())
    return made


def masks(folder):
    return [content for content in images(folder) if content[:4] == b"\x89PNG"][2:4]


def change_image(rng, content, others):
    changed = mutate.mutate_bytes(rng, content, others)
    is_png = changed[:4] == b"\x89PNG"
    return mutate.with_png_checksums(changed) if is_png and rng.random() < 0.7 else changed


def read_image(content, folder):
    decoded = read_images(["x"], lambda name: content, (8, 8), channels_of(content), True)
    assert decoded.shape[1:3] == (8, 8) and decoded.dtype == "uint8"
    height, width = encoded_size(content, "x")
    # The screen of a GIF need not be as large as what is on it.
    assert (height > 0 and width > 0) or content[:3] == b"GIF", (height, width)


def channels_of(content):
    return 1 if content[:3] not in (b"GIF", b"BM") and len(content) % 2 else 3


def read_mask(content, folder):
    image = tf.io.encode_png(np.zeros((20, 17, 1), "uint8")).numpy()
    read = {"image": image, "mask": content}.__getitem__
    counts = count_values([("image", "mask")], read)
    assert counts.sum() == 20 * 17


# === Tables ===

NUMBERS = RNG.normal(size=(12, 2)).round(3).tolist()
ROWS = [[a, b, "uvw"[i % 3], i % 2] for i, (a, b) in enumerate(NUMBERS * 2)]


def tables(folder):
    header = ["a", "b", "word", "label"]
    texts = []
    for rows in (ROWS, [[*row[:2], f'"{row[2]}, x"', row[3]] for row in ROWS]):
        texts.append("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n")
    texts.append(texts[0].replace(NUMBERS[0][0].__str__(), ""))
    return texts


def read_csv(text, folder):
    path = folder / "table.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    data = load("csv", path)
    if "a" not in data.feature_names:
        return
    # Another reader's numbers, in any order.
    read = np.concatenate([part.x for part in data.parts.values()])
    column = read[:, data.feature_names.index("a")]
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    if "a" not in lines[0]:
        return  # A quote in the header, say, which another reader takes otherwise.
    numbers = [line["a"] for line in lines if any(line.values())]
    try:
        expected = [float(number) for number in numbers if number.strip()]
    except ValueError:
        return  # What one of the two takes for a number or for missing, the other need not.
    if len(expected) == len(numbers) == len(column):
        np.testing.assert_array_equal(np.sort(column), np.sort(np.float32(expected)))


def parquets(folder):
    columns = dict(zip(("a", "b", "word", "label"), zip(*ROWS, strict=True), strict=True))
    table = pyarrow.table({name: list(values) for name, values in columns.items()})
    made = []
    for compression in ("none", "snappy", "gzip", "zstd"):
        file = io.BytesIO()
        pyarrow.parquet.write_table(table, file, compression=compression)
        made.append(file.getvalue())
    return made


def read_parquet(content, folder):
    path = folder / "table.parquet"
    path.write_bytes(content)
    load("csv", path)


# === Archives ===

FILES = {"a/0.png": b"first" * 30, "a/1.png": b"second", "b/0.txt": bytes(500), "b/c/d": b""}


def zips(folder):
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, content in FILES.items():
                archive.writestr(name, content)
        made.append(file.getvalue())
    return made


def tars(folder):
    made = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            long_name = "ä" * 40 + "/" + "x" * (90 if form == tarfile.USTAR_FORMAT else 200)
            for name, content in {**FILES, long_name: b"long"}.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        made.append(file.getvalue())
    return made


def change_tar(rng, content, others):
    """Changed before or after it is packed."""
    pack = rng.choice((bytes, gzip.compress, lzma.compress, bz2.compress))
    if rng.random() < 0.7:
        return pack(with_tar_checksums(rng, mutate.mutate_bytes(rng, content, others)))
    return mutate.mutate_bytes(rng, pack(content))


def with_tar_checksums(rng, content):
    """Mostly puts the checksums of headers right, which stand on blocks of 512 bytes."""
    data = bytearray(content)
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar" and rng.random() < 0.9:
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


def read_archive(suffix):
    def read(content, folder):
        path = folder / f"archive{suffix}"
        path.write_bytes(content)
        before = sorted(folder.parent.rglob("*"))
        tree = open_tree([path], full_names=True)
        total = 0
        for name in tree:
            assert not name.startswith("/") and ".." not in pathlib.PurePosixPath(name).parts, name
            total += len(tree[name])
        assert total <= 2**30
        assert sorted(folder.parent.rglob("*")) == before, "wrote a file"

    return read


NAMES = (
    *(
        "a.png",
        "b/c.png",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "C:\\x",
        "a\\..\\..\\x",
        "",
        ".",
        "./a",
    ),
    *("..", "a/", "\0", "a\0b", "ä.png", "._a", "__MACOSX/a", "x" * 300, "a//b", "//a", "\\\\s\\x"),
)


def no_inputs(folder):
    return [b""]


def made_archive(rng, content, others):
    """An archive of members with any name, kind and stated size."""
    file = io.BytesIO()
    if rng.random() < 0.5:
        with zipfile.ZipFile(file, "w", rng.choice((0, 8, 12, 14))) as archive:
            for _ in range(rng.randrange(5)):
                info = zipfile.ZipInfo(rng.choice(NAMES))
                info.external_attr = rng.choice((0, 0o100644, 0o120777, 0o060666, 0o040755)) << 16
                with_double_names(archive, info, bytes(rng.choice((0, 10, 10, 2**22))))
    else:
        mode = rng.choice(("w", "w:gz", "w:xz"))
        with tarfile.open(fileobj=file, mode=mode) as archive:
            for _ in range(rng.randrange(5)):
                info = tarfile.TarInfo(rng.choice(NAMES))
                info.type = rng.choice((b"0", b"0", b"0", b"1", b"2", b"3", b"5", b"6", b"S", b"x"))
                info.linkname = rng.choice(NAMES)
                body = bytes(rng.choice((0, 10, 10, 2**22)))
                info.size = rng.choice((len(body), len(body), 2**40))
                archive.addfile(info, None if info.size > len(body) else io.BytesIO(body))
    return file.getvalue()


def with_double_names(archive, info, content):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(info, content)


def read_any_archive(content, folder):
    suffix = ".zip" if content[:2] == b"PK" else ".tar.gz"
    read_archive(suffix)(content, folder)


def pickles(folder):
    values = {"data": np.arange(12, dtype="uint8").reshape(3, 4), "labels": [1, 2], "names": ["a"]}
    return [pickle.dumps(values, protocol) for protocol in (0, 2, 3, 4, 5)]


def read_pickle(content, folder):
    values = load_pickle(content, "x")
    assert isinstance(values, dict)


# === A folder of images in a zip ===


def listings(folder):
    return ["file,group\n" + "".join(f"{c}/{i}.png,p{i % 4}\n" for c in "ab" for i in range(12))]


def read_groups(text, folder):
    _read_folder(folder, {"groups.csv": text})


def read_classes(text, folder):
    _read_folder(folder, {"classes.txt": text})


def class_files(folder):
    return ["a\nb\n", "b\r\na"]


def _read_folder(folder, texts):
    path = folder / "photos.zip"
    image = tf.io.encode_png(np.zeros((2, 2, 1), "uint8")).numpy()
    with zipfile.ZipFile(path, "w") as archive:
        for c in "ab":
            for i in range(12):
                archive.writestr(f"{c}/{i}.png", image)
        for name, text in texts.items():
            archive.writestr(name, text.encode("utf-8", "surrogatepass"))
    data = load("folder", path, image_size=(2, 2))
    assert sum(map(len, data.parts.values())) == 24 and sorted(data.class_names) == ["a", "b"]


# === Tables of published data sets ===


def texts(*made):
    return lambda folder: list(made)


HAM = "lesion_id,image_id,dx,dx_type,age,sex,localization\n" + "".join(
    f'L{i // 2},ISIC_{i},{"nv mel bcc".split()[i % 3]},histo,4{i},male,"back, low"\n'
    for i in range(8)
)
ISIC = "image_id,melanoma,seborrheic_keratosis\n" + "".join(
    f"ISIC_{i},{i % 2}.0,0.0\n" for i in range(8)
)
COLOURS = "name, r, g, b\nRoad, 128, 64, 128\nSky, 128, 128, 128\nVoid, 0, 0, 0\n"


def encoded(read):
    return lambda text, folder: read(text.encode("utf-8", "surrogatepass"))


def read_ham(content):
    for row in ham10000._rows(content, "HAM10000_metadata.csv"):
        assert row["dx"] in ham10000.CLASS_NAMES


def read_isic(content):
    isic2017._table(content, "labels.csv", {"image_id", "melanoma", "seborrheic_keratosis"})


def read_colours(content):
    codes, classes = camvid._colours(content, "class_dict.csv")
    assert (np.diff(codes) > 0).all() and (codes >= 0).all() and (codes < 2**24).all()
    assert len(codes) == len(classes)


# === Files of runs ===

CONFIG = json.loads(json.dumps(dataclasses.asdict(TrainConfig().resolved())))


def configs(folder):
    return [CONFIG]


def read_run_config(value, folder):
    path = folder / "config.json"
    path.write_text(json.dumps(value), "utf-8", "surrogatepass")
    config = read_config(path)
    config.check()
    config.resolved()


def config_texts(folder):
    return [json.dumps(CONFIG, indent=2)]


def read_config_text(text, folder):
    path = folder / "config.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    read_config(path)


COLUMNS = {
    "a": np.array([0.5, np.nan, 2.0]),
    "b": np.array([1.0, 2.0, 3.0]),
    "word": np.array(["u", None, "v"], object),
}


def encoders(folder):
    return [json.loads(TableEncoder.fit(COLUMNS, ["a", "b"], ["word"]).to_json())]


def read_encoder(value, folder):
    encoder = TableEncoder.from_json(json.dumps(value))
    if {*encoder.medians, *encoder.levels} <= COLUMNS.keys():
        if set(encoder.medians) <= {"a", "b"} and set(encoder.levels) <= {"word"}:
            rows = encoder.transform(COLUMNS)
            assert rows.shape == (3, len(encoder.feature_names)) and np.isfinite(rows).all()


GRID = """seeds = [0, 1]
[common]
epochs = 3
[datasets.digits]
[datasets.csv]
seeds = [0]
label = "Class"
[methods.dawn]
[methods.focal]
loss = "focal"
only = ["digits"]
"""


def grids(folder):
    return [GRID]


def read_grid_text(text, folder):
    path = folder / "grid.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    _, cells = read_grid(path)
    assert all(type(cell.seed) is int and isinstance(cell.flags, dict) for cell in cells)


def results(folder):
    per_class = {name: {"f1": 0.5, "support": 2} for name in "ab"}
    test = {
        "macro_f1": 0.5,
        "per_class": per_class,
        "confusion_matrix": [[1, 1], [1, 1]],
        "calibration": {"ece": 0.1},
        "shots": {name: {"recall": None, "classes": [0]} for name in ("many", "medium", "few")},
    }
    data = {
        **{"name": "made", "task": "classification", "class_names": ["a", "b"]},
        **{"counts": [5, 1], "minority": [1], "examples": {"train": 6, "test": 4}},
        "test_part": "one",
    }
    row = {
        **{"cell": "a", "key": "k", "dataset": "made", "method": "plain", "seed": 0},
        **{"config": {"epochs": 3}, "run": {"parameters": 5, "commit": None}, "data": data},
        **{"sampling": {"label_shares": [0.5, 0.5]}, "test": test, "seconds": 3.5},
        "history": {"loss": [2.0, 1.0], "val_macro_f1": [0.25, None]},
    }
    other = {**row, "method": "other"}
    return [[row], [row, other], [row, other, {**row, "seed": 1}, {**other, "seed": 1}]]


def read_results(value, folder):
    path = folder / "made.jsonl"
    rows = value if isinstance(value, list) else [value]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = sections(read_rows([path]))
    assert markdown(found).startswith("### ") and latex(found).startswith("\\begin{table}")
    write_document(folder / "made.html", found)


def checkpoints(folder):
    save_state(folder / "s.npz", VARIABLES, {"history": []})
    return [(folder / "s.npz").read_bytes()]


VARIABLES = [keras.Variable(np.ones(shape, "float32")) for shape in ((3, 2), (1,), ())]


def read_checkpoint(content, folder):
    for name in ("s.npz", "s.npz.before"):
        (folder / name).write_bytes(content)
    load_state(folder / "s.npz", VARIABLES)
    for variable in VARIABLES:
        assert (np.asarray(variable) == 1).all()


TARGETS = {
    "images": Target(images, change_image, read_image),
    "masks": Target(masks, change_image, read_mask),
    "csv": Target(tables, of_text, read_csv),
    "parquet": Target(parquets, of_bytes, read_parquet),
    "zip": Target(zips, of_bytes, read_archive(".zip")),
    "tar": Target(tars, change_tar, read_archive(".tar.gz")),
    "made archives": Target(no_inputs, made_archive, read_any_archive),
    "pickles": Target(pickles, of_bytes, read_pickle),
    "groups.csv": Target(listings, of_text, read_groups),
    "classes.txt": Target(class_files, of_text, read_classes),
    "HAM10000_metadata.csv": Target(texts(HAM), of_text, encoded(read_ham)),
    "ISIC-2017 labels": Target(texts(ISIC), of_text, encoded(read_isic)),
    "class_dict.csv": Target(texts(COLOURS), of_text, encoded(read_colours)),
    "config.json": Target(configs, of_value, read_run_config),
    "config.json as text": Target(config_texts, of_text, read_config_text),
    "encoder.json": Target(encoders, of_value, read_encoder),
    "grid.toml": Target(grids, of_text, read_grid_text),
    "results.jsonl": Target(results, of_value, read_results),
    "checkpoints": Target(checkpoints, of_bytes, read_checkpoint),
}
