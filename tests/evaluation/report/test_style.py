import importlib
import importlib.util

import matplotlib
import pytest

from dawn_tf.evaluation import report
from dawn_tf.evaluation.report import style


@pytest.mark.parametrize(
    "number, text",
    [(950, "950"), (12345, "12345"), (123456, "123k"), (4.56e6, "4.56M"), (3e9, "3G")],
)
def test_counts_are_short(number, text):
    assert style.compact(number) == text


def test_class_names_are_not_formulas_and_no_global_state_changes(tmp_path):
    before = dict(matplotlib.rcParams)
    fig = report.confusion_matrix([[1, 0], [0, 1]], ["$\\bad$ 5", "_x_"])
    report.save(fig, tmp_path / "new" / "figure.png")
    assert (tmp_path / "new" / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'dawn_tf\[report\]'"):
        importlib.reload(report)
