"""TFDS builders for the data sets that TFDS lacks, and `prepare`, which runs one.

Importing this package registers them: `tfds.load("ham10000", data_dir=...)` then knows them. It
imports `tensorflow_datasets`, so nothing in `dawn_tf` imports it before it is used.
"""

import os
import types

import tensorflow_datasets as tfds

from dawn_tf.data.builders.camvid import camvid_dataset_builder
from dawn_tf.data.builders.creditcard import creditcard_dataset_builder
from dawn_tf.data.builders.ham10000 import ham10000_dataset_builder
from dawn_tf.data.builders.isic2017 import isic2017_dataset_builder

BUILDERS = types.MappingProxyType(
    {
        "camvid": camvid_dataset_builder.Builder,
        "creditcard": creditcard_dataset_builder.Builder,
        "ham10000": ham10000_dataset_builder.Builder,
        "isic2017": isic2017_dataset_builder.Builder,
    }
)


def prepare(name, manual_dir, data_dir, file_format="array_record", num_shards=None):
    """Writes one of `BUILDERS` in the layout of TFDS; fetches nothing.

    Args:
        name: Its name, with a config if wanted: "ham10000", "ham10000/segmentation".
        manual_dir: Folder with the files as published (or a small copy), or a folder above it.
        data_dir: Folder of prepared data sets; `<data_dir>/<name>/<config>/<version>` is written.
            What is there already is left as it is.
        file_format: "array_record" for random access, "tfrecord" for `as_dataset`.
        num_shards: Files per split; `None` leaves it to TFDS (64 MiB to 1 GiB each).

    Returns: the `tfds.core.DatasetBuilder`.

    Raises: `DataError` for files that are missing or incomplete.
    """
    builder = tfds.builder(name, data_dir=os.fspath(data_dir))
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=os.fspath(manual_dir), try_download_gcs=False, num_shards=num_shards
        ),
        file_format=file_format,
    )
    return builder
