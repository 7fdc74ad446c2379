"""What cannot be written is one line, of the kind that the caller names."""

import errno
import os

import pytest

from erclab.core.errors import ErclabError, RunError
from erclab.core.storing import storing


def test_an_error_of_the_system_becomes_ours(tmp_path):
    for error in (ErclabError, RunError):
        with pytest.raises(error, match=r"x\.csv: the table cannot be stored: No space left on device\. Free some\."), \
                storing("the table", tmp_path / "x.csv", "Free some.", error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ValueError, match="a bug"), storing("the table", tmp_path, "Free some."):
        raise ValueError("a bug")
