"""Credit card fraud for TFDS: transactions with the columns as published."""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

from dawn_tf.data.sources import creditcard

_COLUMNS = ["Time", *creditcard.COMPONENTS, "Amount"]


class Builder(tfds.core.GeneratorBasedBuilder):
    """One split "train", as published; a key is the number of the row in the published order."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Fetch {creditcard.FILES} from {creditcard.PUBLISHED_AT} into `manual_dir`."
    )

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    # One feature and not thirty, which TFDS takes four times as long to write.
                    # Time, whole seconds up to 172,792, is exact in float32.
                    "features": tfds.features.Tensor(shape=(len(_COLUMNS),), dtype=np.float32),
                    "label": tfds.features.ClassLabel(names=creditcard.CLASS_NAMES),
                }
            ),
            supervised_keys=("features", "label"),
            homepage=creditcard.PUBLISHED_AT,
            metadata=tfds.core.MetadataDict(feature_names=_COLUMNS),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(dl_manager.manual_dir)}

    def _generate_examples(self, manual_dir):
        columns, labels = creditcard.read_published(pathlib.Path(manual_dir))
        rows = np.column_stack([columns[name] for name in _COLUMNS]).astype("float32")
        for key, (row, label) in enumerate(zip(rows, labels.tolist(), strict=True)):
            yield key, {"features": row, "label": label}
