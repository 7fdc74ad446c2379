"""Fixtures that several test files share."""

import gc
import os
from pathlib import Path

import pytest
import torch
from one_line import WORDS

from erclab import cli, corpora

gc.disable()  # until the tests are collected


def pytest_collection_finish(session):
    """The collector leaves alone what lasts: libraries, and thousands of tests. Else it takes a twentieth of the
    time."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config, items):
    """Tests of minutes run on demand (-m long) alone. Files with slow tests come first, so that no process is left
    alone with one of them at the end."""
    if "long" not in config.option.markexpr:
        left = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def tiny():
    """The smallest simulated corpus."""
    return corpora.load("simulated-tiny")


@pytest.fixture
def call(capsys):
    """A command of erclab in this process: its status, what it printed, and what it printed to stderr."""
    def call(*arguments):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse
            status = stop.code
        return status, *capsys.readouterr()
    return call


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real corpora: `ERCLAB_TEST_DATA`, or `shared/data` beside the checkout.

    They cannot be part of this repository, so tests that need them are skipped, with a reason, elsewhere.
    """
    named = os.environ.get("ERCLAB_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not a folder (set ERCLAB_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def tiny_source(tmp_path_factory):
    """A BERT with random weights and nine words: 8 dimensions, 16 positions."""
    transformers = pytest.importorskip("transformers", reason="text features are an optional extra")
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    config = transformers.BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1,
                                     num_attention_heads=2, intermediate_size=8, max_position_embeddings=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
