"""ISIC 2017 for TFDS: images of skin lesions with masks and diagnoses, in the official parts."""

import numpy as np
import tensorflow_datasets as tfds

from dawn_tf.data.builders.encoded import class_mask, file_bytes, read_encoded
from dawn_tf.data.images import BINARY
from dawn_tf.data.sources import isic2017

_SPLITS = {"train": "train", "val": "validation", "test": "test"}


class Builder(tfds.core.GeneratorBasedBuilder):
    """The splits "train" and "validation", and "test" where the published test part is there."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Fetch {isic2017.FILES} from {isic2017.PUBLISHED_AT} into `manual_dir`. "
        "Unpacking is not needed."
    )

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "image_id": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=isic2017.CLASS_NAMES),
                    "segmentation_mask": tfds.features.LabeledImage(
                        labels=isic2017.MASK_NAMES, shape=(None, None, 1), encoding_format="png"
                    ),
                }
            ),
            supervised_keys=("image", "label"),
            homepage=isic2017.PUBLISHED_AT,
            metadata=tfds.core.MetadataDict(id_key="image_id"),
        )

    def _split_generators(self, dl_manager):
        records = read_encoded(isic2017, dl_manager.manual_dir, "both")
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
                    "label": int(records.sampling_labels[i]),
                    "segmentation_mask": class_mask(records.y["mask"], i, BINARY),
                },
            )
