"""The ceilings' tables and figures say what the oracle says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from erclab import models, runs
from erclab.analysis import ceilings
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.simulated import oracle
from erclab.exhibits import ours
from erclab.figures import ceilings as ceiling_figures
from erclab.figures import context as context_figures


@pytest.fixture(scope="module")
def made():
    changes = {"dialogues": (2, 2, 40), "turns": (6, 10, 14), "dims": (48, 32, 32), "incongruent": 0.2}
    return simulated.generate("tiny", **changes), simulated.world_of("tiny", **changes)


@pytest.fixture(scope="module")
def table(made):
    return ceilings.oracle_scores(*made)


def test_the_table_has_every_subset_and_context_with_the_oracles_scores(made, table):
    corpus, world = made
    assert len(table) == 21
    found = oracle.posterior(corpus, world, ("text", "visual"), "causal", split="test")
    truth = corpus.targets("test")
    row = table.loc[("text+visual", "what was said before")]
    assert row["accuracy"] == pytest.approx(100 * (found.label.argmax(1) == truth).mean())
    sentiment = corpus.targets("test", "sentiment")[:, 0]
    assert row["sentiment MAE"] == pytest.approx(np.abs(found.sentiment(world, "median") - sentiment).mean())
    assert table["sentiment r"].between(0, 1).all()


def test_bars_are_as_high_as_the_table(table):
    axis = ceiling_figures.ceiling_bars(table).axes[0]
    heights = sorted(p.get_height() for p in axis.patches)
    assert heights == pytest.approx(sorted(table["accuracy"]))
    gap = table.loc[("text", "what was said before"), "accuracy"] - table.loc[("text", "utterance alone"), "accuracy"]
    assert axis.get_title(loc="left") == f"Earlier turns are worth {gap:.0f} points to text alone"


def test_context_gain_is_largest_for_words_that_point_back(made):
    gains = ceilings.context_gain(*made)
    assert gains["gain"].idxmax() == ("text", "referential")
    assert (gains["with context"] - gains["alone"]).to_numpy() == pytest.approx(gains["gain"].to_numpy())
    axis = context_figures.oracle_gains(gains).axes[0]
    assert len(axis.patches) == 9
    most, second = gains["gain"].nlargest(2)
    assert axis.get_title(loc="left") == (
        f"Oracle of the vectors: {most:+.0f} points from context for text, referential words;\n"
        f"all others at most {second:+.0f}")
    words = ceilings.context_gain(*made, view="words")
    pd.testing.assert_frame_equal(words.loc[["audio", "visual"]], gains.loc[["audio", "visual"]])
    assert not words.loc["text"].equals(gains.loc["text"])


def test_a_lie_is_believed_alone_and_found_out_together(made):
    believed = ceilings.believed(*made)
    assert (believed["alone: decoy"] > believed["alone: truth"]).all()
    assert (believed["all: truth"] > believed["alone: truth"] + 10).all()
    corpus, world = made
    wrong = replace(corpus, table=corpus.table.assign(label=(corpus.table["label"] + 1) % len(corpus.labels)))
    pd.testing.assert_frame_equal(ceilings.believed(wrong, world), believed)  # annotators change no voice
    honest = {"dialogues": (2, 2, 4), "incongruent": 0.0}
    with pytest.raises(UsageError, match="no audio lies"):
        ceilings.believed(simulated.generate("tiny", **honest), simulated.world_of("tiny", **honest))


def test_calibration_lies_on_the_diagonal(made):
    for view in ("words", "vectors"):
        bins, error = ceilings.calibration(*made, view=view)
        assert set(bins.index.get_level_values(0)) == set(ceilings.CONTEXTS.values()) and 0 < error < 0.02
        off = (bins["happens"] - bins["probability"]) / bins["error"]
        assert off.abs().max() < 4.5, bins  # 30 bins of dependent utterances
        axis = ceiling_figures.calibration(bins, error, view).axes[0]
        drawn = [x.get_data() for x in axis.lines if len(x.get_xdata()) == 10 and x.get_marker() in "os^D"]
        assert [list(x) for x, _ in drawn] == [list(bins.loc[c, "probability"]) for c in ceilings.CONTEXTS.values()]
        assert view in axis.get_xlabel() and axis.get_title(loc="left") == (
            f"Weighted by their number, probabilities\nare at most {100 * error:.1f} points off")


def test_what_reads_words_stands_beside_the_oracle_of_words(tiny, tmp_path):
    groups = {models.info(n).title: runs.run(n, tiny, folder=tmp_path, progress=False)
              for n in ("constant", "linear", "tfidf", "tfidf-context")}
    table, world = ours.against_ceilings(tiny, groups), simulated.world_of("tiny")
    assert list(table["sees"]) == ["vectors, utterance alone", "words, utterance alone", "words, what was said before"]
    truth = tiny.targets("test")
    known = [oracle.posterior(tiny, world, None, "utterance", split="test"),
             *(oracle.posterior(tiny, world, ("text",), context, split="test", view="words")
               for context in ("utterance", "causal"))]
    assert list(table["oracle of these"]) == [round(100 * (p.label.argmax(1) == truth).mean(), 1) for p in known]


def test_the_oracle_of_some_turns_is_that_of_the_contexts_where_these_are_heard(made):
    corpus, world = made
    some = corpus.select(corpus.table["dialogue"].isin(corpus.table["dialogue"][corpus.rows("test")].unique()[:6])
                         .to_numpy())
    heard = {"utterance": ceilings.HEARD["single utterances"], "causal": ceilings.HEARD["what was said before"],
             "dialogue": ceilings.HEARD["whole dialogue"], "window": ceilings.HEARD["the turn before"]}
    for context, rule in heard.items():
        for view in ("words", "vectors"):
            known = oracle.posterior(some, world, ("text", "audio"), context, window=1, split="test", view=view).label
            assert ceilings.hearing(some, world, rule, ("text", "audio"), view=view) == pytest.approx(known, abs=1e-12)


def test_the_oracle_hears_the_turns_that_its_rule_names():
    who = np.array([0, 1, 0, 0, 1, 2, 0, 1, 0])
    heard = {name: np.flatnonzero(rule(who, 7)).tolist() for name, rule in ceilings.HEARD.items()}
    assert heard == {
        "single utterances": [7], "the turn before": [6, 7], "last 4 turns of anybody": [3, 4, 5, 6, 7],
        "last 4 turns of the speaker": [1, 4, 7], "last 4 turns of others": [2, 3, 5, 6, 7],
        "own turns only": [1, 4, 7], "what was said before": list(range(8)), "whole dialogue": list(range(9))}
