"""What the demo says of files, good and bad, on small exports; without a browser."""

import html
import io
import re

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax as scipy_softmax

import dawn_tf
from dawn_tf.demo import Served
from dawn_tf.demo.answers import answer_of
from dawn_tf.demo.pictures import DETAIL, GLOBAL, gate_map, masked
from dawn_tf.export import PostProcessing, columns_of, export_saved_model
from dawn_tf.models import VIEWS, UNet, decoder_views, has_views

NAMES = ["common", "rare & <odd>"]


def made(shape, folder, columns=None):
    model = dawn_tf.DAWN(2, shape, task="classification", width=4, cross_attention=False)
    model.adapt(np.random.default_rng(0).uniform(0, 255, (8, *shape)).astype("float32"))
    card = {"calibration": {"map": "vector"}}
    post = PostProcessing(NAMES, decision=[0.0, 1.0])
    version = export_saved_model(model, folder, "toy", post, columns, VIEWS, card)
    return model, Served(version)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return made((16, 12, 3), tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    columns = columns_of(["Age", "height (cm)"])
    return made((2,), tmp_path_factory.mktemp("rows"), columns)


def softmax(z):
    return scipy_softmax(np.asarray(z), -1)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PIXELS = np.random.default_rng(0).integers(0, 255, (16, 12, 3), dtype="uint8")


def test_an_image_is_answered_as_the_network_does(images):
    model, served = images
    assert (served.kind, served.image_shape, served.columns) == ("image", (16, 12), None)
    out = served.image(png(PIXELS))
    views = decoder_views(model)(PIXELS[None].astype("float32"))
    np.testing.assert_allclose(out["probabilities"], softmax(views["output"])[0], atol=1e-5)
    for name in VIEWS:
        np.testing.assert_allclose(out[name], views[name][0], atol=1e-4)
    assert out["class"] == 1


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "Received: an empty file"),
        (b"age,height\n1,2\n", "Received: something else"),
        (png(PIXELS)[:60], "Received: a damaged one"),
        (png(PIXELS)[:16] + b"\0\0\xff\xff" * 2 + png(PIXELS)[24:], "larger, .*33554432 pixels"),
    ],
    ids=["empty", "text", "cut", "huge"],
)
def test_what_is_no_image_is_said_in_a_line(images, content, message):
    with pytest.raises(ValueError, match=f"^Expected a .*JPEG or PNG image.*{message}") as caught:
        images[1].image(content)
    assert "\n" not in str(caught.value) and "node" not in str(caught.value).lower()


def test_rows_are_answered_as_the_network_does(rows):
    model, served = rows
    assert (served.kind, served.columns) == ("rows", ["Age", "height (cm)"])
    # A byte order mark, other columns and another order, as spreadsheets write them.
    out = served.rows("\ufeffheight (cm),name,Age\n180,Ann,30.5\n1e2,Bob,7\n")
    z = model(np.float32([[30.5, 180], [7, 100]]))
    np.testing.assert_allclose(out["probabilities"], softmax(z), atol=1e-5)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", r"without Age, height \(cm\)"),
        ("Age,size\n1,2\n", r"without height \(cm\)"),
        ("Age,height (cm)\n", "Expected 1 to 200 rows .* Received: 0"),
        ("Age,height (cm)\n" + "1,2\n" * 201, "Received: 201"),
        ("Age,height (cm)\n1,2\n3,tall\n", r"column height \(cm\), line 3. Received: 'tall'"),
        ("Age,height (cm)\n1\n", "Expected a finite number in every column"),
        ("Age,height (cm)\n1,inf\n", "Expected a finite number in every column"),
    ],
    ids=["empty", "column", "no rows", "many rows", "word", "short row", "infinity"],
)
def test_a_table_that_the_model_cannot_take_is_said_in_a_line(rows, text, message):
    with pytest.raises(ValueError, match=message):
        rows[1].rows(text)


def cells(page):
    """The lines of a page's table."""
    lines = re.findall(r"<tr.*?>(.*?)</tr>", page)
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", line) for line in lines]


def test_the_answer_about_an_image_names_classes_decoders_and_the_weighed_decision(
    images, tmp_path
):
    (tmp_path / "toy.png").write_bytes(png(PIXELS))
    page = answer_of(images[1], tmp_path / "toy.png")
    out = images[1].image(png(PIXELS))
    head, *lines = cells(page)
    assert head == ["class", "calibrated probability"] + [f"{n} decoder alone" for n in VIEWS[1:]]
    order = np.argsort(-out["probabilities"])
    assert [line[0] for line in lines] == [html.escape(NAMES[c]) for c in order]
    columns = [out["probabilities"], softmax(out["global"]), softmax(out["detail"])]
    for line, c in zip(lines, order, strict=True):
        np.testing.assert_allclose([float(v) for v in line[1:]], [p[c] for p in columns], atol=6e-4)
    # The decision's weights leave the first class out.
    assert page.startswith("<h3>rare &amp; &lt;odd&gt;")
    assert ("not the likeliest" in page) == (order[0] == 0)
    assert page.count("<img ") == 2 and "gate of rare &amp;" in page


def test_the_answer_about_rows_has_a_line_for_each(rows, tmp_path):
    text = "Age,height (cm)\n30,180\n7,100\n"
    (tmp_path / "toy.csv").write_text(text)
    head, *lines = cells(answer_of(rows[1], tmp_path / "toy.csv"))
    out = rows[1].rows(text)
    assert head[:2] == ["line", "class"] and [line[0] for line in lines] == ["2", "3"]
    shown = np.array([line[2:] for line in lines], float)
    np.testing.assert_allclose(shown[:, :2], out["probabilities"], atol=6e-5)
    np.testing.assert_allclose(shown[:, 2], out["gate"][:, 1], atol=6e-3)


def test_bytes_that_are_no_text_are_no_table(rows, tmp_path):
    (tmp_path / "toy.csv").write_bytes(png(PIXELS))
    with pytest.raises(ValueError, match="Expected a CSV as UTF-8 text"):
        answer_of(rows[1], tmp_path / "toy.csv")


class Masks:
    """Stands for a served model of masks of three classes: the right half is of class 2."""

    kind, image_shape, class_names = "image", (4, 8), ["ground", "left", "right"]

    def image(self, encoded):
        mask = np.repeat([[0] * 4 + [2] * 4], 4, 0)
        return {"mask": mask, "probabilities": np.eye(3)[mask]}


def test_the_answer_about_a_mask_has_shares_and_colours(tmp_path):
    (tmp_path / "toy.png").write_bytes(png(PIXELS))
    page = answer_of(Masks(), tmp_path / "toy.png")
    assert cells(page)[1:] == [["ground", "0.500"], ["right", "0.500"], ["left", "0.000"]]
    assert page.count("<img ") == 2 and page.count("<span ") == 2
    grey = np.full((4, 8, 3), 100, "uint8")
    picture = masked(grey, Masks().image(b"")["mask"], 3)
    np.testing.assert_array_equal(picture[0, 0], [100, 100, 100])
    tint = np.array(re.findall(r"rgb\((\d+), (\d+), (\d+)\)", page)[1], int)
    np.testing.assert_allclose(picture[0, -1], (100 + tint) / 2, atol=1)


def test_a_folder_that_is_no_version(tmp_path):
    with pytest.raises(ValueError, match="Expected an exported version .* Name a folder such as"):
        Served(tmp_path)


def test_the_gate_is_green_where_it_trusts_the_global_decoder():
    image = np.full((4, 8, 1), 128, "uint8")
    picture = gate_map(image, np.repeat([[0.0, 0.5, 1.0, 1.0]], 2, 0)) / 255
    left, middle, right = picture[0, 0], picture[0, picture.shape[1] * 3 // 8], picture[0, -1]
    grey = 128 / 255
    np.testing.assert_allclose(left, 0.15 * grey + 0.85 * GLOBAL, atol=0.01)
    np.testing.assert_allclose(right, 0.15 * grey + 0.85 * DETAIL, atol=0.01)
    assert np.ptp(middle) < np.ptp(left) / 2


def test_networks_without_a_gate_have_no_views():
    assert has_views(dawn_tf.DAWN(2, (5,), task="classification", width=4))
    assert not has_views(dawn_tf.DAWN(2, (5,), task="classification", width=4, fusion="sum"))
    assert not has_views(UNet(2, (16, 16, 3), width=4))
