"""What the README tells a user to paste works as pasted."""

import pathlib
import re

import pytest

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.slow
def test_the_fit_example_trains():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    scope = {}
    exec(code.replace("epochs=30", "epochs=3, verbose=0"), scope)
    history = scope["model"].history.history
    assert history["loss"][-1] < history["loss"][0]
    assert "val_output_macro_f1" in history
