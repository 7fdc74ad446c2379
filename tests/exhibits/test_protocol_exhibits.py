"""O3, O5, O6 and O9: from runs of their own questions, and from the runs that the study keeps."""

import re
from dataclasses import replace

import pytest
from figure_checks import assert_readable

from erclab import corpora, sweep
from erclab.analysis import inflation, kept, leftout, plays
from erclab.core import metrics
from erclab.exhibits import catalogue, protocol

QUICK = {"epochs": 2, "patience": None, "hidden": 8}


def exhibit(name):
    return catalogue.find([name])[0]


def answers(tiny, folder, questions, other=None, **more):
    small = {name: replace(q, settings={**q.settings, **(QUICK if q.model in ("bc-lstm", "m2fnet", "sdt") else {}),
                                        **more}) for name, q in questions.items()}
    return sweep.answers(small, tiny, other, seeds=2, progress=False, folder=folder)


def test_inflation_of_own_runs_is_that_of_the_records(tiny, folder):
    o3 = exhibit("O3")
    asked = o3.questions(tiny)
    assert list(asked) == ["bc-LSTM", "bc-LSTM, shuffled labels", "M2FNet", "M2FNet, shuffled labels"]
    groups = answers(tiny, folder, {name: asked[name] for name in list(asked)[:2]}, o3.corpora(tiny)[1])
    made = o3.build(tiny, groups)
    for name, records in groups.items():
        row = made.loc[[name]].query("epochs == 2 and runs == 1").iloc[0]
        gaps = [a["weighted_f1"] - b["weighted_f1"] for a, b in
                ((r.scores("test", "published"), r.scores("test", "sound")) for r in records)]
        assert row["inflation"] == pytest.approx(100 * sum(gaps) / 2, abs=.006) and row["over"] == "seeds and dialogues"
        for run, record in zip(kept.of_records({"": records})[""], records, strict=True):
            for p in ("sound", "published"):
                assert metrics.confusion(tiny.targets("test"), run.predictions[p], len(tiny.labels)).tolist() == (
                    record.confusion(p).tolist())
    assert groups["bc-LSTM, shuffled labels"][0].spec["corpus"] == "simulated-tiny-shuffled"
    axis, = protocol.inflation_figure(tiny, groups).axes  # two runs have no best of two with an interval
    whole = inflation.whole_inflation(kept.of_records(groups)["bc-LSTM"], tiny)
    assert axis.get_title(loc="left") == f"bc-LSTM: the test split's choice adds {whole.text()}"
    figure = protocol.inflation_by_model(tiny, groups)
    ends = made.query("runs == 1").groupby(level=0).last()["inflation"]
    assert figure.get_suptitle() == (
        f"Inflation is 0 or more by construction; the median is {ends.median():.1f} points")
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == [f"{name} (2 epochs, 2 seeds)" for name in groups]


def test_both_arms_of_o3_have_one_recipe(lesson):
    asked = protocol.inflation_questions(lesson, None)
    own = replace(exhibit("O3"), ask=lambda c, other: asked).specs(lesson, seeds=1)
    assert own["bc-LSTM"][0].recipe == own["bc-LSTM, shuffled labels"][0].recipe
    assert own["M2FNet"][0].recipe == own["M2FNet, shuffled labels"][0].recipe and own["M2FNet"][0].recipe.epochs == 100


def test_conventions_of_own_runs(tiny, folder):
    asked = {name: q for name, q in exhibit("O5").questions(tiny).items() if q.model in ("bc-lstm", "constant")}
    made = exhibit("O5").build(tiny, answers(tiny, folder, asked))
    assert {*made.columns} >= {"bc-LSTM", "Constant predictor", "spread", "order"}
    assert {*made.index.get_level_values("task")} == {"emotion", "sentiment"}
    figure = protocol.convention_figure(made)
    assert_readable(figure)
    top = made.loc[made["spread"].abs().idxmax()]
    assert figure.get_suptitle() == (
        f"{top['of']}, the same predictions: {top['spread']:+.0f} [{top['low']:.0f}, {top['high']:.0f}] points")
    assert len(figure.axes[0].get_yticks()) == (made["of"] != "").sum()


def test_left_out_details_of_own_runs(tiny, folder):
    asked = exhibit("O9").questions(tiny)
    some = {name: asked[name] for name in ("M2FNet", "M2FNet: no dropout")}
    runs = answers(tiny, folder, some)
    made, figure = exhibit("O9").build(tiny, runs), protocol.left_out_figure(tiny, runs)
    told = leftout.sensitivities(kept.of_records(runs), tiny)["verdict"].isin(["higher", "lower"]).sum()
    assert figure.get_suptitle() == f"{told} of 1 other choices change the score beyond their interval"
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["M2FNet: no dropout"]
    assert "no dropout" in made.loc[("M2FNet", "dropout"), "measured"]
    assert (made["measured"] == "not measured").sum() == len(made) - 1


def test_leakage_is_the_stored_table_where_there_is_one(tiny, monkeypatch):
    monkeypatch.setattr(plays, "fits", lambda corpus: {"zeros": lambda c: 0 * c.targets("test")})
    made = exhibit("O6").build(tiny, {})
    assert {*made.index.get_level_values("reader")} == {"zeros"} and (made["difference"] == 0).all()
    assert exhibit("O6").lacks(replace(tiny, table=tiny.table.assign(text=""), vectors={})) == (
        "it has neither words nor vectors")


@pytest.fixture(scope="module")
def lesson():
    return corpora.load("simulated-lesson")


def test_kept_curves_give_the_epochs_that_are_kept():
    found = list(kept.place("x", "x").parent.parent.glob("*/*.json"))
    assert len(found) >= 4
    for path in found:
        for name, runs in kept.read(path).items():
            for run in runs:
                if len(run.valid):
                    chosen = [int((run.metric[1] * scores).argmax()) + 1 for scores in (run.valid, run.test)]
                    assert chosen == [run.epochs["sound"], run.epochs["published"]], (path, name)


@pytest.mark.parametrize("audit", ["inflation", "conventions", "left_out"])
def test_kept_scores_follow_from_the_predictions_that_are_kept(audit, lesson):
    assert kept.has(lesson, audit)
    for name, runs in kept.read(kept.place(lesson.name, audit)).items():
        for protocol_, guess in runs[0].predictions.items():
            if runs[0].epochs[protocol_] and runs[0].target.name == "emotion":
                score = metrics.classification_scores(lesson.targets("test"), guess, len(lesson.labels))["weighted_f1"]
                assert score == pytest.approx(runs[0].test[runs[0].epochs[protocol_] - 1], abs=1e-4), (name, protocol_)


def test_kept_exhibits_need_no_runs(lesson):
    for name in ("O3", "O5", "O9"):
        assert exhibit(name).state(lesson).name == "ready" and not exhibit(name).questions(lesson)
    assert inflation.shuffled(lesson).fingerprint in kept.place("simulated-lesson", "inflation").read_text()
    assert not re.search(r"[A-Za-z]{3,} [a-z]{3,} [a-z]{3,}", plays.table_place("iemocap-text-audio").read_text(
        encoding="utf-8").replace("as many others left out", "").replace("no repeats, 4 words or more", ""))


def test_laws_in_words_and_as_a_picture():
    """Of the runs of simulated-lesson that the study keeps; other corpora join when theirs are kept."""
    made = protocol.inflation_laws()
    row = made.loc[("simulated-lesson", "bc-LSTM")]
    assert f"{row['100 x 1']:.1f} [{row['100 x 1, low']:.1f}, {row['100 x 1, high']:.1f}] points at 100" in (
        said := protocol.law_words(made)) and "shuffled" not in said and row["form"] == "root"
    figure = protocol.law_figure()
    assert_readable(figure)
    axes = figure.axes
    assert axes[0].get_ylabel() == "inflation (points)"
    assert [axis.get_title(loc="left") for axis in axes] == list(dict.fromkeys(made.index.get_level_values("corpus")))
    assert len(axes[0].lines) == 8  # marks and line, of one run and of the best of five, of two models


def test_plays_in_words():
    made = protocol.plays_table()
    row = made.loc[("words (tf-idf)", "scripted")]
    said, figure = protocol.plays_words(made), protocol.leakage_figure(made)
    shown = made[made.index.get_level_values("part").isin(["scripted", "improvised"])]
    assert figure.get_suptitle() == (
        f"{(shown['high'] < 0).sum()} of {len(shown)} scores fall beyond their interval without the play")
    assert f"words (tf-idf) {row['seen']:.0f} with the play and {row['unseen']:.0f} without it" in said
    assert "The order of the readers changes from" in said
    assert "The order of the readers stays: words" in protocol.plays_words(made.loc[["words (tf-idf)"]])
