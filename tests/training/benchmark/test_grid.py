import pytest

from dawn_tf.training.benchmark import read_grid

GRID = """
seeds = [0, 1]
common = { epochs = 2, batch_size = 64 }

[datasets.digits]

[datasets.small]
dataset = "digits"
seeds = [7]
epochs = 1

[methods.cross_entropy]
model = "classifier"
recipe = "cross_entropy"
width = 4

[methods.dawn]
only = ["digits"]
width = 4
epochs = 3
on.digits.tau = 0.5
"""


def write(folder, text=GRID, name="tiny.toml"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_grid_is_data_sets_times_methods_times_seeds(tmp_path):
    name, cells = read_grid(write(tmp_path))
    assert name == "tiny"
    # The first seeds of all before the second: a grid stopped early has equal seeds for all.
    assert [cell.name for cell in cells] == [
        "digits-cross_entropy-seed0",
        "digits-dawn-seed0",
        "small-cross_entropy-seed7",
        "digits-cross_entropy-seed1",
        "digits-dawn-seed1",
    ]
    # A method's fields win over its data set's, those over the common ones.
    assert [cell.flags["epochs"] for cell in cells] == [2, 3, 1, 2, 3]
    assert [cell.flags.get("tau") for cell in cells] == [None, 0.5, None, None, 0.5]
    assert all(cell.flags["dataset"] == "digits" for cell in cells)


def test_a_grid_in_python_is_the_same(tmp_path):
    import tomllib

    text = f"GRID = {tomllib.loads(GRID)!r}\n"
    assert read_grid(write(tmp_path, text, "tiny.py")) == read_grid(write(tmp_path))


@pytest.mark.parametrize(
    "text, message",
    [
        ("seeds = [0]", "without datasets, methods"),
        (GRID.replace("width", "breadth"), "Received: breadth in"),
        (GRID.replace("common = {", "common = { seed = 3,"), "Received: seed in"),
        ("seeds = [", "Expected a grid in TOML"),
        ("seeds = 3\n[datasets.a]\n[methods.b]", "another seeds in"),
        ('seeds = ["0"]\n[datasets.a]\n[methods.b]', "another seeds in"),
        ("seeds = [0]\ndatasets = [1]\n[methods.b]", r"another datasets\. in"),
        ("seeds = [0]\n[datasets.a]\nwidth = [4]\n[methods.b]", r"another datasets\.a\.width in"),
        ("seeds = [0]\n[datasets]\na = 1\n[methods.b]\non.a = 2", "datasets.a, methods.b.on.a in"),
    ],
)
def test_unusable_grids_are_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_grid(write(tmp_path, text))
