"""Makes the model file that every later version must load: `python tests/losses/models/make.py`.

One file a version, never made again: `test_reload.py` loads all of them. It holds a small DAWN,
compiled with the hybrid loss and auxiliary losses, and a classifier with a cosine head, compiled
with LDAM; beside it inputs, labels, outputs and losses as they were.
"""

import pathlib
import tempfile
import zipfile

import keras
import numpy as np

import dawn_tf
from dawn_tf import layers, losses

COUNTS = [50, 30, 5]


def segmentation():
    """DAWN for masks with auxiliary outputs, after one step of training."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (4, 16, 16, 3)).astype("float32")
    masks = rng.integers(0, 3, (4, 16, 16))
    masks[:, 0] = 255
    model = dawn_tf.DAWN(3, (16, 16, 3), width=2, cross_attention=False, aux_outputs=True)
    model.adapt(images)
    loss = losses.DAWNLoss.from_class_counts(
        COUNTS, ignore_class=255, label_smoothing=0.05, edge_norm="l2"
    )
    compile_with = losses.with_auxiliary(loss, COUNTS, ignore_class=255)
    model.compile("sgd", *compile_with)
    return model, images, {name: masks for name in compile_with[0]}


def classification(loss):
    """A cosine head on fixed features."""
    rng = np.random.default_rng(1)
    x = keras.Input((6,))
    model = keras.Model(x, layers.CosineHead(3)(x))
    model.compile("sgd", loss)
    return model, rng.normal(size=(8, 6)).astype("float32"), rng.integers(0, 3, 8)


def models():
    """`name: (model, inputs, labels)`."""
    options = {"class_weights": [1.0, 2.0, 3.0]}
    single = {
        "ldam": losses.LDAM(COUNTS, **options),
        "label_aware": losses.LabelAwareSmoothing(COUNTS, 0.3, 0.1),
        "tversky": losses.Tversky(0.3, 0.7, 4 / 3, **options),
        "lovasz": losses.LovaszSoftmax("all", method="binned", bins=32, **options),
        "focal": losses.Focal(1.5, alpha=[1.0, 2.0, 3.0]),
        "logit_adjusted": losses.LogitAdjusted(COUNTS, tau=0.7),
        "hinge": losses.LovaszHinge(multi_label=True),
    }
    out = {name: classification(loss) for name, loss in single.items()}
    out["dawn"] = segmentation()
    model, x, y = out["hinge"]
    out["hinge"] = model, x, np.eye(3, dtype="int64")[y]
    return out


def main():
    path = pathlib.Path(__file__).parent / f"version_{dawn_tf.__version__}.zip"
    if path.exists():
        raise SystemExit(f"{path} is there already, and must stay as it is.")
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "w", 8) as archive:
        folder = pathlib.Path(folder)
        for name, (model, x, y) in models().items():
            model.fit(x, y, batch_size=len(x), verbose=0)
            outputs = model(x)
            outputs = outputs["output"] if isinstance(outputs, dict) else outputs
            value = model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)["loss"]
            labels = y["output"] if isinstance(y, dict) else y
            model.save(folder / f"{name}.keras")
            np.savez(folder / f"{name}.npz", x=x, y=labels, outputs=outputs, loss=value)
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)


if __name__ == "__main__":
    main()
