"""CamVid for TFDS: street scenes with a class for each pixel, in the division of SegNet."""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from dawn_tf.data.builders.encoded import file_bytes, read_encoded
from dawn_tf.data.images import encode_mask
from dawn_tf.data.sources import camvid

_SPLITS = {"train": "train", "val": "validation", "test": "test"}


class Builder(tfds.core.GeneratorBasedBuilder):
    """The splits "train", "validation" and "test"; masks hold class numbers, and 11 for void."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Fetch {camvid.FILES} from {camvid.PUBLISHED_AT} into `manual_dir`."
    )

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "image_id": tfds.features.Text(),
                    "segmentation_mask": tfds.features.LabeledImage(
                        labels=[*camvid.CLASS_NAMES, "Void"],
                        shape=(None, None, 1),
                        encoding_format="png",
                    ),
                }
            ),
            supervised_keys=("image", "segmentation_mask"),
            homepage=camvid.PUBLISHED_AT,
            metadata=tfds.core.MetadataDict(id_key="image_id", ignore_class=camvid.VOID),
        )

    def _split_generators(self, dl_manager):
        records = read_encoded(camvid, dl_manager.manual_dir, "segmentation")
        # Every frame of a copy has one size; masks read at that size are not resized.
        size = tf.io.decode_image(file_bytes(records.x, 0)).shape[:2]
        records = read_encoded(camvid, dl_manager.manual_dir, "segmentation", tuple(size))
        return {
            split: self._generate_examples(records, np.flatnonzero(records.official_part == part))
            for part, split in _SPLITS.items()
            if part in records.official_part
        }

    def _generate_examples(self, records, indices):
        for i in indices.tolist():
            image_id = str(records.ids[i])
            yield (
                image_id,
                {
                    "image": file_bytes(records.x, i),
                    "image_id": image_id,
                    "segmentation_mask": encode_mask(records.y[i]),
                },
            )
