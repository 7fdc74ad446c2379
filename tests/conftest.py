"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest


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
