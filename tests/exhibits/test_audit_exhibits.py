"""O4, which needs neither data nor runs."""

import pandas as pd

from erclab.analysis.audit import degenerate
from erclab.exhibits import catalogue


def test_o4_is_ready_on_every_corpus(tiny):
    exhibit, = catalogue.find(["O4"])
    assert exhibit.state(tiny).name == "ready" and exhibit.questions(tiny) == {}
    pd.testing.assert_frame_equal(exhibit.build(tiny, {}), degenerate.beside_constants())
