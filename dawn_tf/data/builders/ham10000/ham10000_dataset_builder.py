"""HAM10000 for TFDS: dermatoscopic images in 7 classes, with lesion masks or without."""

import tensorflow_datasets as tfds

from dawn_tf.data.builders.encoded import class_mask, file_bytes, read_encoded
from dawn_tf.data.images import BINARY
from dawn_tf.data.sources import ham10000


class Builder(tfds.core.GeneratorBasedBuilder):
    """One split "train", as published: whoever divides it keeps a lesion's images together."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Fetch {ham10000.FILES}, and for the masks HAM10000_segmentations_lesion_tschandl.zip, "
        f"from {ham10000.PUBLISHED_AT} into `manual_dir`. Unpacking is not needed."
    )
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="classification", description="Images and diagnoses."),
        tfds.core.BuilderConfig(name="segmentation", description="The same with lesion masks."),
    ]

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            "image_id": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=ham10000.CLASS_NAMES),
            "lesion_id": tfds.features.Text(),
        }
        if self.builder_config.name == "segmentation":
            features["segmentation_mask"] = tfds.features.LabeledImage(
                labels=ham10000.MASK_NAMES, shape=(None, None, 1), encoding_format="png"
            )
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=ham10000.PUBLISHED_AT,
            metadata=tfds.core.MetadataDict(id_key="image_id", group_key="lesion_id"),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(dl_manager.manual_dir)}

    def _generate_examples(self, manual_dir):
        with_masks = self.builder_config.name == "segmentation"
        task = "both" if with_masks else "classification"
        records = read_encoded(ham10000, manual_dir, task)
        for i, image_id in enumerate(records.ids.tolist()):
            example = {
                "image": file_bytes(records.x, i),
                "image_id": image_id,
                "label": int(records.sampling_labels[i]),
                "lesion_id": str(records.groups[i]),
            }
            if with_masks:
                example["segmentation_mask"] = class_mask(records.y["mask"], i, BINARY)
            yield image_id, example
