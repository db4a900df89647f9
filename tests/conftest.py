"""What every test may use: the real data's folder, and a quiet, seeded backend."""

import os
import pathlib

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def data_dir():
    """Folder with the real data sets, or a skip that says how to name it."""
    if "DAWN_DATA_DIR" not in os.environ:
        pytest.skip("real data: set DAWN_DATA_DIR to the folder that holds it")
    return pathlib.Path(os.environ["DAWN_DATA_DIR"])


@pytest.fixture(autouse=True)
def seeded():
    import keras

    keras.utils.set_random_seed(0)
