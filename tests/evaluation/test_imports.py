import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_scores_need_neither_keras_nor_tensorflow_nor_matplotlib():
    code = (
        "import sys, dawn_tf.evaluation; "
        "print(sorted({'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
