import numpy as np
import pytest

from dawn_tf.data import DataError, load, names


def test_names():
    assert names() == sorted(names()) and {"creditcard", "digits", "isic2017"} < set(names())


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"name": "ham"}, "name to be one of camvid, .*digits, .*ham10000.*name='ham'"),
        ({"name": "digits", "task": "segmentation"}, "one of classification. Received: task="),
        ({"name": "creditcard", "protocol": "random"}, "one of stratified, time, paper. Received"),
        ({"name": "creditcard", "data_dir": "/nowhere"}, "data_dir='/nowhere'.*kaggle"),
    ],
    ids=["name", "task", "protocol", "folder"],
)
def test_errors_list_the_choices(arguments, text):
    with pytest.raises(DataError, match=text):
        load(**arguments)


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("DAWN_DATA_DIR", raising=False)
    with pytest.raises(DataError, match="data_dir=None.*DAWN_DATA_DIR"):
        load("creditcard")
    monkeypatch.setenv("DAWN_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=str(tmp_path)):
        load("creditcard")


def test_parts_as_tf_data():
    data = load("digits")
    assert len(data.train) == data.class_counts.sum()
    x, y = zip(*data.test.as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(x, data.parts["test"].x)
    np.testing.assert_array_equal(y, data.parts["test"].y)
