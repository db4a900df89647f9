import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_scores_need_neither_keras_nor_tensorflow_nor_matplotlib():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['keras', 'tensorflow', 'matplotlib'])); "
        "import dawn_tf.calibration, dawn_tf.evaluation.statistics; print('imported')"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "imported", done.stderr
