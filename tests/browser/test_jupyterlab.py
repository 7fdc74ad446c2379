"""The course as a student uses it: JupyterLab on a copy of the checkout, driven in a browser. `make test-browser` puts
Playwright into build/browser and runs these tests; without Playwright or Chromium they are skipped."""

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
SIDE = ROOT / "build" / "browser"  # where `make test-browser` puts Playwright
if SIDE.is_dir() and str(SIDE) not in sys.path:
    sys.path.append(str(SIDE))
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (make test-browser)")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH"),
              pytest.mark.skipif(shutil.which("make") is None, reason="no make on the PATH")]
PATIENCE = 90_000  # milliseconds, on a busy machine

WRONG = """import torch
def unimodal_gate(h, W):
    z = torch.softmax(h @ W.T, -1)
    return z * h, z"""
CELLS = ["import erclab as erc\nc = erc.load('simulated-tiny')\nruns = erc.run('linear', c)",
         "def unimodal_gate(h, W):\n    ...  # your answer",
         "erc.check(erc.lab('sdt.unimodal_gate').use(unimodal_gate), 'sdt.unimodal_gate')",
         "erc.conversation(c, runs)",
         "erc.save(runs.bars(title='Bars of a test'), '99_browser')",
         "erc.load('simulated-tinny')"]
FIRST, ANSWER, CHECK, STEPPER, FIGURE, ERROR = range(1, 7)  # cell 0 is the heading


class Lab:
    """JupyterLab in a page of the browser."""

    def __init__(self, page, address, token):
        self.page, self.address, self.token = page, address, token

    def start(self):
        """What `make lab` opens: the address of the server alone decides."""
        self.page.goto(f"{self.address}/?token={self.token}")

    def open(self, path):
        """Open a notebook of the checkout alone, and wait for its kernel."""
        self.page.goto(f"{self.address}/lab/tree/{path}?reset&token={self.token}")
        self.page.locator(".jp-NotebookPanel:visible .jp-KernelName", has_text="Python 3 (ipykernel)").wait_for()
        self.page.locator(".jp-NotebookPanel:visible .jp-Notebook .jp-Cell").first.wait_for()
        self.idle()

    def idle(self):
        self.page.locator(".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()

    def cell(self, number):
        return self.page.locator(".jp-NotebookPanel:visible .jp-Notebook .jp-Cell").nth(number)

    def run_all(self, last):
        """Run all cells through the menu; `last` is a cell that ends the run."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.done(last)

    def done(self, number):
        """Wait until a cell has been run."""
        self.cell(number).locator(".jp-InputArea-prompt", has_text="[*]").wait_for(state="detached")
        self.idle()

    def write(self, number, source):
        """Replace the source of a cell and run it."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self.run(number)

    def run(self, number):
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.cell(number).locator(".jp-InputArea-prompt", has_text="[*]").wait_for(state="detached")
        self.idle()

    def scroll_to(self, number):
        """Turn the wheel until a cell is there: JupyterLab makes the cells that are in sight, and some around these."""
        place = self.page.locator(f".jp-NotebookPanel:visible .jp-Cell[data-windowed-list-index='{number}']")
        self.page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").hover()
        for _ in range(200):
            if place.count():
                place.scroll_into_view_if_needed()
                return place
            self.page.mouse.wheel(0, 600)
            time.sleep(0.05)
        raise AssertionError(f"cell {number} is not in the notebook")

    def run_above(self, number):
        """Run all cells above this one through the menu."""
        self.scroll_to(number).click()
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Above Selected Cell", exact=True).click()
        time.sleep(1)
        self.idle()

    def output(self, number):
        return self.cell(number).locator(".jp-OutputArea-output").inner_text()

    def dirty(self):
        """Whether a tab says that its file differs from what is on the disk."""
        return self.page.locator("#jp-main-dock-panel .lm-TabBar-tab.jp-mod-dirty").count() > 0


def digests(folder):
    """What must not change: path -> digest of every file but those that git ignores."""
    ignored = {"build", "__pycache__", ".ipynb_checkpoints"}
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*")) if p.is_file() and not ignored & set(p.parts)}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout with a small notebook of its own."""
    copy = tmp_path_factory.mktemp("browser") / "erclab"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache",
                                                              ".ipynb_checkpoints"))
    cells = [new_markdown_cell("# A notebook of the test\n\n[glossary](glossary.md), [data](../data/README.md)")]
    cells += [new_code_cell(source, metadata={"tags": ["answer"]} if "answer" in source else {}) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
              "language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), copy / "notebooks" / "99_browser.ipynb")
    return copy


@pytest.fixture(scope="module")
def server(checkout, tmp_path_factory):
    """`make lab` in the copy, on a free port, with nothing of this user's settings: address and token."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}, "JUPYTER_TOKEN": token,
                   "HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "JUPYTER_RUNTIME_DIR": str(home / "run"),
                   "PYTHONPATH": str(checkout), "TQDM_DISABLE": "1",
                   "ERCLAB_RUNS": os.environ.get("ERCLAB_RUNS") or str(checkout / "build" / "runs"),
                   "ERCLAB_FIGURES": str(checkout / "build" / "figures"), "PYTHONDONTWRITEBYTECODE": "1",
                   "OMP_NUM_THREADS": "1"}
    log = (home / "lab.log").open("w", encoding="utf-8")
    options = f"--no-browser --ServerApp.ip=127.0.0.1 --ServerApp.port={port} --ServerApp.port_retries=0"
    made = subprocess.Popen(["make", "-o", "env", "lab", f"VENV={sys.prefix}", f"LAB={options}"], cwd=checkout,
                            env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(180):
            assert made.poll() is None, (home / "lab.log").read_text(encoding="utf-8")
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address, token
        assert token not in (home / "lab.log").read_text(encoding="utf-8")
    finally:
        os.killpg(made.pid, signal.SIGTERM)
        made.wait(30)
        log.close()


@pytest.fixture(scope="module")
def lab(server):
    """A page of a headless browser. As root, Chromium starts without its sandbox alone."""
    options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=options)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(PATIENCE)
        yield Lab(page, *server)
        browser.close()


@pytest.fixture(autouse=True)
def picture_of_a_failure(request, lab):
    """A screenshot in build/ if the test fails."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        lab.page.screenshot(path=ROOT / "build" / f"browser-{request.node.name}.png")


def test_it_starts_with_the_syllabus_and_opening_and_saving_change_no_file(lab, checkout):
    before = digests(checkout)
    lab.start()
    page = lab.page
    syllabus = page.locator(".jp-MarkdownViewer:visible")
    syllabus.get_by_role("heading", name="A course in multimodal emotion recognition in conversations").wait_for()
    syllabus.get_by_role("link", name="glossary.md").click()
    page.locator(".jp-MarkdownViewer:visible h1", has_text="lossary").wait_for()
    lab.open("notebooks/12_sdt.ipynb")
    time.sleep(2)
    assert not lab.dirty()
    page.keyboard.press("Control+S")
    page.get_by_role("tab", name="12_sdt.ipynb").wait_for()
    lab.open("notebooks/99_browser.ipynb")
    lab.cell(0).get_by_role("link", name="data").click()
    page.locator(".jp-MarkdownViewer:visible h1", has_text="Data").wait_for()
    time.sleep(2)
    assert not lab.dirty() and digests(checkout) == before


def test_a_student_runs_answers_steps_and_errs(lab):
    lab.open("notebooks/99_browser.ipynb")
    lab.run_all(ERROR)
    assert "✓ right" in lab.output(CHECK) and "The answer is not written yet" in lab.output(CHECK)
    lab.write(ANSWER, WRONG)
    lab.run(CHECK)
    assert "softmax" in lab.output(CHECK) and "✓" not in lab.output(CHECK)
    lab.write(ANSWER, WRONG.replace("softmax(h @ W.T, -1)", "sigmoid(h @ W.T)"))
    lab.run(CHECK)
    assert "✓ right" in lab.output(CHECK) and "not written" not in lab.output(CHECK)

    error = lab.output(ERROR).strip()
    assert error.startswith("UsageError: unknown corpus 'simulated-tinny'") and "\n" not in error
    lab.cell(FIGURE).locator("img").wait_for()


def test_the_stepper_moves_by_buttons_slider_and_keys(lab):
    page, stepper = lab.page, lab.cell(STEPPER).locator(".erc-talk")
    rows = stepper.locator("details:visible tbody tr:visible")
    at, heads = stepper.locator("tr.erc-at:visible"), stepper.locator("details:visible thead th").all_inner_texts()
    assert heads[:4] == ["turn", "speaker: words", "voice and face", "truth"] and "Linear probe" in heads[-1]
    assert rows.count() == 1 and stepper.get_by_label("previous turn").is_disabled()
    stepper.get_by_label("next turn").click()
    assert rows.count() == 2 and at.locator("th").inner_text() == "1"
    page.keyboard.press("ArrowRight")
    assert rows.count() == 3  # and JupyterLab has not moved to another cell
    page.keyboard.press("ArrowLeft")
    stepper.get_by_label("guess first").check()
    assert not at.locator("td.erc-a").first.is_visible() and not stepper.locator(".erc-bars").is_visible()
    stepper.get_by_label("show the answers").click()
    assert at.locator("td.erc-a").first.is_visible() and rows.count() == 2
    stepper.locator(".erc-bars tr", has_text="(truth)").wait_for()
    second = stepper.get_by_label("dialogue").locator("option").nth(1).inner_text()
    stepper.get_by_label("dialogue").select_option(second)
    assert rows.count() == 1 and at.locator("th").inner_text() == "0"
    stepper.get_by_label("guess first").uncheck()
    stepper.get_by_role("slider").fill("2")
    assert rows.count() == 3 and at.locator("th").inner_text() == "2"


# Ten exercises of ten notebooks, most of which need no other training than that of their page.
EXERCISES = {"01_corpora": 1, "02_features": 1, "03_oracle": 1, "12_sdt": 3, "13_m2fnet": 1, "16_lmr_cbt": 1,
             "20_ablations": 1, "30_protocol_audit": 1, "31_claims": 1, "32_printed_numbers": 1}


@pytest.mark.parametrize(("name", "number"), EXERCISES.items())
def test_an_exercise_is_done_as_a_student_does_it(lab, name, number):
    """Run the page up to the exercises, run the exercise's call, and write down what was found."""
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    heading, = [i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises")]
    call = heading + 3 * number - 1  # a question, a call and an answer each
    lab.open(f"notebooks/{name}.ipynb")
    lab.run_above(heading)
    cell = lab.scroll_to(call)
    assert cells[call].metadata["tags"][0] == "exercise"
    cell.locator(".cm-content").click()
    lab.page.keyboard.press("Control+Enter")
    cell.locator(".jp-InputArea-prompt", has_text="[*]").wait_for(state="detached")
    lab.idle()
    shown = cell.locator(".jp-OutputArea-output")
    assert shown.count() and "Error" not in shown.all_inner_texts()[-1], shown.all_inner_texts()
    answer = lab.scroll_to(call + 1)
    answer.locator(".cm-content").click()
    lab.page.keyboard.press("Control+End")
    lab.page.keyboard.insert_text("\n# I expected more.\nprint('done')")
    lab.page.keyboard.press("Control+Enter")
    answer.locator(".jp-OutputArea-output", has_text="done").wait_for()
