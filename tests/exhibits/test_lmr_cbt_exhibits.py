"""LMR-CBT's exhibits: sizes that follow from Table 1, variants, and the tables by task and setting."""

from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure
from sequence_corpora import exhibit, values_like, without_text_in_training

from erclab import models
from erclab.analysis import efficiency
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.simulated.align import to_words
from erclab.exhibits import lmr_cbt


@pytest.mark.parametrize("name", ["L2", "L3", "L4", "L5", "L6"])
def test_builds_and_refuses(answer, tiny, name):
    found = exhibit(name)
    made = found.build(tiny, answer(found, tiny, seeds=1))
    assert isinstance(made, Figure if name == "L6" else pd.DataFrame) and found.paper == "LMR-CBT"
    assert found.lacks(replace(tiny, frames={})) == "it has no sequences"
    values = values_like(tiny)
    if name == "L3":
        assert "not emotion4" in found.lacks(values)
        with pytest.raises(UsageError, match="cannot be built"):
            found.build(values, {})
    else:
        found.build(values, answer(found, values, seeds=1))
    spoken = without_text_in_training(tiny)
    if name in ("L4", "L5", "L6"):  # audio takes the text's place
        found.build(spoken, answer(found, spoken, seeds=1))
    else:
        assert found.lacks(spoken)


def test_sizes_follow_from_table_1():
    made = exhibit("L1").build(simulated.generate("tiny"), {})
    assert set(made.columns.get_level_values(0)) == {"mosi", "mosei", "iemocap"}
    for corpus, agrees in {"mosei": "yes", "mosi": "no", "iemocap": "no"}.items():
        theirs, ours = made[corpus, "published"], made[corpus, "ours"]
        said = [what for what in made.index if theirs[what] != "" and ours[what] != ""]
        assert len(said) == 9 and all(theirs[what] == ours[what] for what in said)
        cls = models.info("lmr-cbt").cls
        assert ours["parameters that follow"] == f"{models.parameter_count(cls(cls.paper(corpus))):,}"
        assert ours["rounds to what is printed"] == agrees
    assert made["mosei", "ours"]["the authors' code"] == "406,523"


def test_variants_are_other_models_and_published_beside_mosei(answer, tiny):
    found = exhibit("L2")
    mosei = replace(values_like(tiny), name="mosei-mult")
    made = found.build(mosei, answer(found, mosei))
    assert list(made.index) == list(lmr_cbt.VARIANTS)
    assert made["published"].tolist() == [81.5, 80.1, 80.8, 81.0]
    assert made["parameters"].nunique() >= 2 and "verdict" in made


@pytest.mark.parametrize(("name", "column", "here", "missing"), [
    ("L3", "sad, weighted F1", "unaligned", "aligned"), ("L4", "7-class accuracy", "aligned", "unaligned")])
def test_the_setting_that_is_missing_is_said(answer, tiny, name, column, here, missing):
    found, corpus = exhibit(name), tiny if here == "unaligned" else to_words(tiny)
    made = found.build(corpus, answer(found, corpus, seeds=1))
    whose = made.index.get_level_values("whose")
    assert list(whose) == [f"ours, {here}"] * 9 + [f"ours, {missing}"]
    assert made.index.get_level_values("model")[-1].startswith("none: ")
    assert (made[column].iloc[:-1] != "").all() and (made.iloc[-1] == "").all()


def test_size_against_score_has_every_trained_model_beside_the_papers(answer, tiny):
    found = exhibit("L6")
    runs = answer(found, tiny, seeds=1)
    made, table = found.build(tiny, runs), efficiency.of_runs(runs).astype({"parameters": float, "score": float})
    ours, theirs = made.axes
    assert len(ours.get_legend().get_texts()) == 6 and len(theirs.get_legend().get_texts()) == 3
    low, high = (100 * x for x in (table["score"].min(), table["score"].max()))
    assert made.get_suptitle() == f"Fewest parameters: EF-LSTM; scores from {low:.0f} to {high:.0f} %"
    assert ours.get_title(loc="left") == f"{tiny.name}: rank correlation {efficiency.rank_correlation(table):+.2f}"
    assert theirs.get_title(loc="left") == "the paper, MOSEI, unaligned"
