"""Pictures of printed numbers."""

import numpy as np
import pandas as pd

from erclab.figures import audit


def test_averages_have_a_mark_each():
    table = pd.DataFrame({"weighted": [60.0, 70.0], "unweighted": [58.0, 66.0], "printed": [60.0, 66.0]}, list("ab"))
    axis, = audit.printed_averages(table, title="t", xlabel="x").axes
    marks = {c.get_label(): c.get_offsets().data[:, 0].tolist() for c in axis.collections if c.get_label() in table}
    assert marks == {name: table[name].tolist() for name in table}
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"] and axis.yaxis_inverted()


def test_found_positives_name_pairs_without_a_table():
    one = pd.DataFrame({"low": [10.0, np.nan], "high": [30.0, np.nan]}, index=["a", "b"])
    made = audit.positives_found({"happy": one, "sad": one.fillna(0.0)}, title="t")
    first, second = made.axes
    assert [a.get_text() for a in first.texts] == ["no single table"] and not second.texts
    assert first.texts[0].xy[1] == 1 and first.collections[1].get_offsets().data[0].tolist() == [20.0, 0.0]
    assert [axis.get_title(loc="left") for axis in made.axes] == ["happy", "sad"]
