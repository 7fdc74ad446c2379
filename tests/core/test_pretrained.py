"""transformers is silent while it loads, and each failure is one line of the caller's error class."""

import sys

import pytest

from erclab.core.errors import FeatureError, UsageError
from erclab.core.pretrained import loading, transformers_for

pytest.importorskip("transformers", reason="transformers is an optional extra")


def test_a_failure_is_one_line_and_levels_return():
    from huggingface_hub.utils import logging as hub
    from transformers.utils import logging

    before = logging.get_verbosity(), hub.get_verbosity(), logging.is_progress_bar_enabled()
    with pytest.raises(FeatureError) as caught, loading("it cannot be loaded", "folder", FeatureError, "Save it."):
        assert logging.get_verbosity() == hub.get_verbosity() == logging.CRITICAL
        assert not logging.is_progress_bar_enabled()
        raise ValueError("first line\nsecond line")
    assert str(caught.value) == "folder: it cannot be loaded (first line). Save it."
    assert (logging.get_verbosity(), hub.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_an_error_of_the_callers_class_passes():
    with pytest.raises(UsageError, match=r"^its own$"), loading("it cannot be loaded", "folder", UsageError, ""):
        raise UsageError("its own")


@pytest.mark.parametrize("error", [FeatureError, UsageError])
def test_an_absent_package_is_named_with_its_remedy(monkeypatch, error):
    # Not the module of this file's import: transformers replaces itself when its lazy parts are loaded elsewhere.
    assert transformers_for("this needs", error) is sys.modules["transformers"]
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(error, match=r'^this needs the package transformers\. Run: pip install "erclab\[text\]"$'):
        transformers_for("this needs", error)
