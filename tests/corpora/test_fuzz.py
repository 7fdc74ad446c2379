"""Changed files end in a corpus or in a typed error; harmless changes end in the same corpus."""

import os

import pytest
from fuzz import CHANGES, faults

COUNT = int(os.environ.get("ERCLAB_FUZZ", "120"))  # for more: ERCLAB_FUZZ=2000 pytest tests/corpora/test_fuzz.py


@pytest.mark.filterwarnings("ignore")
def test_changed_corpora_end_in_a_corpus_or_in_a_typed_error():
    ends, lines = faults(range(COUNT))
    assert not lines, "\n".join(lines)
    assert min(ends["corpus"], ends["error"]) > COUNT / 10  # the changes are neither all harmless nor all fatal


def test_each_change_says_what_it_does():
    assert all(change.__doc__ for change in CHANGES)
