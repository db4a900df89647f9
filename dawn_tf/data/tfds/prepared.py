"""A data set that TFDS prepared, by name. Nothing here touches the network."""

from tensorflow_datasets.core import registered
from tensorflow_datasets.core.read_only_builder import builder_from_files

from dawn_tf.data.builders import BUILDERS, prepare
from dawn_tf.data.errors import DataError

SUBFOLDER = "tfds"


def open_builder(name, folder):
    """`tfds.core.DatasetBuilder` of what lies prepared in `folder` or in `<folder>/tfds`.

    If nothing does and the data set is one of `BUILDERS`, it is prepared in `<folder>/tfds` from
    the files in `folder`.

    Args:
        name: "name", "name/config", "name:version" or "name/config:version".
        folder: Folder of prepared data sets.

    Raises: `DataError` for a data set that is not there and cannot be prepared from files.
    """
    if not name:
        found = ", ".join(_prepared_names(folder)) or "none"
        raise DataError(
            f"Expected the name of a TFDS data set. Received: builder={name!r}. Choose one with "
            f"builder=, of those prepared in {str(folder)!r} ({found}) or of "
            f"{', '.join(BUILDERS)}, which are prepared from their files."
        )
    for data_dir in (folder, folder / SUBFOLDER):
        try:
            return builder_from_files(name, data_dir=str(data_dir))
        except registered.DatasetNotFoundError:
            continue
        except ValueError as error:
            raise DataError(
                "Expected a name of the form name/config:version. Received: "
                f"builder={name!r}. Mend it."
            ) from error
    if name.split("/")[0].split(":")[0] in BUILDERS:
        return _prepare(name, folder)
    raise DataError(
        f"Expected data set {name!r} as TFDS prepares it. Received: data_dir={str(folder)!r} "
        f"without it. Run `tfds build {name} --data_dir={folder} --file_format=array_record`, "
        "or name the folder that holds it."
    )


def _prepare(name, folder):
    try:
        return prepare(name, manual_dir=folder, data_dir=folder / SUBFOLDER)
    except OSError as error:
        raise DataError(
            f"Expected a folder to prepare {name!r} in. Received: {str(folder / SUBFOLDER)!r}, "
            f"which fails ({error}). Prepare it elsewhere with dawn_tf.data.builders.prepare and "
            "name that folder."
        ) from error


def _prepared_names(folder):
    """Names with their configs, as found up to three folders below."""
    names = set()
    for root in (folder, folder / SUBFOLDER):
        for depth in ("*/*", "*/*/*"):
            for path in root.glob(f"{depth}/dataset_info.json"):
                names.add(path.parent.parent.relative_to(root).as_posix())
    return sorted(names)
