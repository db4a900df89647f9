"""The page as a browser makes it of the file, without a network."""

import html
import json
import re
import shutil
import subprocess

import pytest

from dawn_tf.evaluation.report.document import write_document
from dawn_tf.evaluation.section import sections
from dawn_tf.evaluation.sources import read_rows

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((path for name in BROWSERS if (path := shutil.which(name))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)}"),
]

# Run in the page once all is drawn; leaves what it found in the title.
SCRIPT = """
<script>
addEventListener("load", () => setTimeout(() => {
  const $ = (query, of = document) => [...of.querySelectorAll(query)];
  const drawn = (f) => f.querySelectorAll(".canvas svg.main-svg .trace").length;
  const text = (cell) => cell.textContent.trim();
  const title = (f) => f.querySelector("figcaption").textContent;
  const width = (f, query) => f.querySelector(query).clientWidth;
  const found = { plots: $("figure.plot").map((f) =>
    [title(f), drawn(f), width(f, ".canvas"), width(f, ".canvas svg")]) };
  found.overflow = document.documentElement.scrollWidth - innerWidth;

  const table = document.querySelector("#s0 table.sortable");
  const [method, , score] = table.tHead.rows[0].cells;
  const column = (i) => [...table.tBodies[0].rows].map((row) => text(row.cells[i]));
  score.querySelector("button").click();
  found.descending = [score.getAttribute("aria-sort"), column(2)];
  score.querySelector("button").click();
  found.ascending = [score.getAttribute("aria-sort"), column(2)];
  method.querySelector("button").click();
  found.byName = [score.getAttribute("aria-sort"), column(0)];

  const figure = $("#s0 figure.plot").find((f) => /F1/.test(title(f)));
  const before = drawn(figure), curves = document.querySelector("#s0p4");
  const other = drawn(curves);
  figure.querySelector(".key button").click();
  found.hidden = [before - drawn(figure), other - drawn(curves),
    figure.querySelector(".key button").getAttribute("aria-pressed")];

  const select = document.querySelector("#s0p2 select");
  const cells = () => $("#s0p2 .canvas text").map(text).filter((t) => /^[<>]?[0-9.]+$/.test(t));
  const first = cells();
  select.selectedIndex = 2;
  select.dispatchEvent(new Event("change"));
  found.chosen = [first, cells(), $("#s0p2 .data > div").map((div) => div.hidden)];
  found.labels = $("#s0p1 .ytick").map(text);
  document.title = JSON.stringify(found);
}, 6000));
</script>
"""


@pytest.fixture(scope="module", params=["wide", "narrow"])
def width(request):
    return {"wide": 1280, "narrow": 500}[request.param]  # 500 is the least of headless Chromium.


@pytest.fixture
def page(tmp_path, write_grid, grid_rows):
    path = tmp_path / "report.html"
    write_document(path, sections(read_rows([write_grid(grid_rows)])), "Results")
    return path


def browse(path, *options):
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000"]
    done = subprocess.run(
        [*command, *options, f"file://{path}"], capture_output=True, text=True, timeout=120
    )
    # Errors of scripts and of what could not be loaded; "CONSOLE" is how both are logged.
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout


def test_the_page_draws_sorts_and_chooses(page, width):
    page.write_text(page.read_text().replace("</body>", SCRIPT + "</body>"))
    made = browse(page, f"--window-size={width},900", "--dump-dom")
    found = json.loads(html.unescape(re.search("<title>(.*?)</title>", made, re.DOTALL)[1]))

    assert len(found["plots"]) == 15  # Eight of classes, seven of masks.
    for title, traces, room, taken in found["plots"]:
        assert traces > 0, title
        assert taken == pytest.approx(room, abs=1), title
    assert found["overflow"] <= 0

    order, values = found["descending"]
    assert order == "descending" and values == sorted(values, reverse=True)
    assert found["ascending"] == ["ascending", values[::-1]]
    assert found["byName"] == [None, ["as_good", "bad", "good"]]

    # One method less in the plot that was clicked and in the others of its section.
    assert found["hidden"] == [1, 1, "false"]
    first, second, hidden = found["chosen"]
    assert len(first) >= 9 and first != second and hidden == [True, True, False]
    assert "<script>alert(1)</script> (60)" in found["labels"]


def test_dark_and_print(page, tmp_path):
    shots = {}
    for name, scheme in (("light", 1), ("dark", 0)):
        shots[name] = tmp_path / f"{name}.png"
        options = ["--window-size=800,600", f"--blink-settings=preferredColorScheme={scheme}"]
        browse(page, *options, f"--screenshot={shots[name]}")
    from PIL import Image

    corner = {name: Image.open(path).convert("L").getpixel((2, 2)) for name, path in shots.items()}
    assert corner["light"] > 240 and corner["dark"] < 40
    browse(page, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    pages = (tmp_path / "page.pdf").read_bytes().count(b"/Type /Page\n")
    assert 5 <= pages <= 30
