"""All runs on one data set, compared."""

import dataclasses
import functools
import zipfile

import numpy as np

from dawn_tf.evaluation.comparison import Column, compare_methods, test_parts

SCORES = {
    "macro_f1": "Macro F1",
    "balanced_accuracy": "Balanced accuracy",
    "minority_recall": "Minority recall",
    "pr_auc": "PR-AUC",
    "miou": "Mean IoU",
    "dice_per_image_mean": "Dice per image",
    "iou_per_image_mean": "IoU per image",
    "many": "Recall, many",
    "medium": "Recall, medium",
    "few": "Recall, few",
    "accuracy": "Accuracy",
    "ece": "Calibration error",
}


@dataclasses.dataclass(frozen=True)
class Section:
    """Runs on one data set.

    Attributes:
        dataset: Its name.
        rows: Of `read_rows`.
        columns: `Column` by key of `SCORES`, of `compare_methods`.
    """

    dataset: str
    rows: list
    columns: dict[str, Column]

    @property
    def data(self):
        return self.rows[0]["data"]

    @property
    def class_names(self):
        return self.data["class_names"]

    @property
    def primary(self):
        """Key of the score that methods are ordered by."""
        masks = self.data["task"] == "segmentation" and "dice_per_image_mean" in self.columns
        return "dice_per_image_mean" if masks else "macro_f1"

    @functools.cached_property
    def methods(self):
        """Their names, the best mean of the primary score first."""
        entries = self.columns[self.primary].entries
        return sorted(entries, key=lambda method: -entries[method].mean)

    @property
    def one_test_part(self):
        """Whether all runs were scored on the same examples."""
        return len(test_parts(self.rows)) == 1

    def of(self, method):
        """A method's rows, by seed."""
        return sorted((r for r in self.rows if r["method"] == method), key=lambda r: r["seed"])

    def class_groups(self):
        """Class numbers by name of their group, the rarest first; groups without classes left out.

        Those of `shot_groups` where runs have them, else minority classes and the others.
        """
        shots, minority = self.rows[0]["test"].get("shots"), self.data["minority"]
        if shots:
            groups = {f"{name}-shot": shots[name]["classes"] for name in ("few", "medium", "many")}
        else:
            others = [c for c in range(len(self.class_names)) if c not in minority]
            groups = {"minority": minority, "other": others}
        return {f"{name} classes": classes for name, classes in groups.items() if classes}


def sections(rows):
    """A `Section` for each data set in `rows`, in their order.

    Raises:
        ValueError: naming the outputs that can't be read.
    """
    by_dataset = {}
    for row in rows:
        by_dataset.setdefault(row["dataset"], []).append(row)
    return [
        Section(dataset, of_data, compare_methods(of_data, list(SCORES), outputs))
        for dataset, of_data in by_dataset.items()
    ]


def outputs(row):
    """The test part's arrays of a run, or `None`.

    Raises:
        ValueError: naming the file that can't be read.
    """
    return None if row["outputs"] is None else _load(str(row["outputs"]))


@functools.lru_cache(maxsize=512)
def _load(path):
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected arrays of a test part. Received: {path}, which holds none ({error}). "
            "Remove it, or run that cell again."
        ) from error
