"""The page as a person uses it: in Chromium, with files dropped on it."""

import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

import dawn_tf
from dawn_tf.export import PostProcessing, export_saved_model
from dawn_tf.models import VIEWS

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="takes dawn_tf[demo-test]")
    if DRIVER is None:
        pytest.skip("no chromedriver on the PATH: install chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1280,900"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """The page of a small network for images, opened in the browser."""
    pytest.importorskip("gradio", reason="takes dawn_tf[demo-test]")
    model = dawn_tf.DAWN(3, (16, 12, 3), task="classification", width=4, cross_attention=False)
    model.adapt(np.random.default_rng(0).uniform(0, 255, (8, 16, 12, 3)).astype("float32"))
    card = {"calibration": {"map": "vector"}, "limits": ["little is known of toys"]}
    # Weights that make class 2 the decision, whatever the probabilities.
    post = PostProcessing(["ape", "bee", "cat"], decision=[0, 0, 1])
    folder = tmp_path_factory.mktemp("toy")
    version = export_saved_model(model, folder, "toy", post, None, VIEWS, card)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "tools/serve_demo.py", "--version", str(version)]
    server = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT)
    deadline = time.monotonic() + 120
    while not is_open(port):
        assert server.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    browser.get(f"http://127.0.0.1:{port}")
    yield model
    server.terminate()
    server.wait()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def drop(browser, path, shown):
    """Uploads a file and gives the text of the element that then is `shown`."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, 60)
    closing = browser.find_elements(By.CSS_SELECTOR, "#file button[aria-label='Clear']")
    if closing:
        closing[0].click()
    find = (By.CSS_SELECTOR, "#file input[type=file]")
    wait.until(lambda b: b.find_elements(*find))[0].send_keys(str(path))
    find = (By.CSS_SELECTOR, shown)
    return wait.until(lambda b: [e for e in b.find_elements(*find) if e.text])[0].text


def test_an_image_is_answered_a_bad_file_is_named_and_nothing_leaves_the_machine(
    browser, page, tmp_path
):
    from selenium.webdriver.common.by import By

    pixels = np.random.default_rng(0).integers(0, 255, (16, 12, 3), dtype="uint8")
    (tmp_path / "toy.png").write_bytes(tf.io.encode_png(pixels).numpy())
    drop(browser, tmp_path / "toy.png", "#answer table")
    text = browser.find_element(By.CSS_SELECTOR, "#answer").text
    p = softmax(np.asarray(page(pixels[None].astype("float32")))[0])
    assert text.startswith("cat") and "calibrated probability" in text
    for name, value in zip(["ape", "bee", "cat"], p, strict=True):
        assert f"{name} {value:.3f}" in text
    assert "gate of cat" in text and "the gate trusts the global decoder" in text
    pictures = browser.find_elements(By.CSS_SELECTOR, "#answer img")
    assert [int(i.get_property("naturalWidth")) > 0 for i in pictures] == [True, True]

    (tmp_path / "notes.txt").write_text("no image")
    said = drop(browser, tmp_path / "notes.txt", "#message .message")
    assert said.startswith("Expected a whole JPEG or PNG image. Received: something else.")
    assert not browser.find_elements(By.CSS_SELECTOR, "#answer table")

    # And after a bad file a good one.
    assert drop(browser, tmp_path / "toy.png", "#answer h3").startswith("cat")

    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"
    ]
    assert any("127.0.0.1" in url for url in asked)
    strangers = [u for u in asked if not u.startswith(("http://127.0.0.1:", "data:", "blob:"))]
    assert strangers == []
