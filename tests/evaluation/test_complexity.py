import json
import pathlib

import keras

from dawn_tf import models
from dawn_tf.evaluation.complexity import count_flops, measure


def test_a_convolution_and_a_dense_layer_by_hand():
    x = keras.Input((8, 8, 3))
    conv = keras.Model(x, keras.layers.Conv2D(5, 3, padding="same", use_bias=False)(x))
    assert count_flops(conv) == 2 * 8 * 8 * 3 * 3 * 3 * 5
    row = keras.Input((7,))
    dense = keras.Model(row, keras.layers.Dense(4, use_bias=False)(row))
    assert count_flops(dense, batch_size=3) == 3 * 2 * 7 * 4


def test_dawn_costs_at_most_nine_percent_more_flops_than_unet_on_its_encoder():
    unet = models.build("unet", 2, (224, 224, 3), task="segmentation")
    dawn = models.build("dawn", 2, (224, 224, 3), task="segmentation", encoder="unet")
    assert count_flops(dawn) <= 1.09 * count_flops(unet)


def test_measures_of_a_small_network():
    row = measure(lambda: models.build("mlp", 2, (4,), width=8), batch_sizes=(1, 3), rounds=2)
    assert row["parameters"] == models.build("mlp", 2, (4,), width=8).count_params()
    assert set(row["latency_ms"]) == {1, 3} and min(row["latency_ms"].values()) > 0
    assert row["flops"] > 0 and row["peak_memory_mb"] >= 0


def test_the_table_in_the_docs_is_what_was_measured():
    root = pathlib.Path(__file__).parents[2]
    rows = json.loads((root / "results" / "complexity.json").read_text())
    lines = (root / "docs" / "network.md").read_text().splitlines()
    for name, row in rows.items():
        (line,) = [line for line in lines if f"| `{name}` |" in line]
        batches = (row["latency_ms"][batch] for batch in ("1", "16"))
        assert line.split("|")[3:-1] == [
            f" {row['parameters'] / 1e6:.2f} ",
            f" {row['flops'] / 1e9:.1f} ",
            *(f" {milliseconds:,.0f} " for milliseconds in batches),
            f" {row['peak_memory_mb']:,.0f} ",
        ]
