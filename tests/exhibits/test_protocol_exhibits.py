"""O3, O5, O6 and O9: from runs of their own questions, and from the runs that the study keeps."""

from dataclasses import replace

import pytest

from erclab import corpora, sweep
from erclab.analysis import kept, plays
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
    assert len(protocol.inflation_figure(tiny, groups).axes) == 1  # two runs have no best of two with an interval


def test_both_arms_of_o3_have_one_recipe():
    corpus = corpora.load("simulated-lesson")
    specs = catalogue.find(["O3"])[0].with_recipe({}).specs
    asked = protocol.inflation_questions(corpus, None)
    own = replace(exhibit("O3"), ask=lambda c, other: asked).specs(corpus, seeds=1)
    assert specs and own["bc-LSTM"][0].recipe == own["bc-LSTM, shuffled labels"][0].recipe
    assert own["M2FNet"][0].recipe == own["M2FNet, shuffled labels"][0].recipe and own["M2FNet"][0].recipe.epochs == 100


def test_conventions_of_own_runs(tiny, folder):
    asked = {name: q for name, q in exhibit("O5").questions(tiny).items() if q.model in ("bc-lstm", "constant")}
    made = exhibit("O5").build(tiny, answers(tiny, folder, asked))
    assert {*made.columns} >= {"bc-LSTM", "Constant predictor", "spread", "order"}
    assert {*made.index.get_level_values("task")} == {"emotion", "sentiment"}


def test_left_out_details_of_own_runs(tiny, folder):
    asked = exhibit("O9").questions(tiny)
    some = {name: asked[name] for name in ("M2FNet", "M2FNet: no dropout")}
    made = exhibit("O9").build(tiny, answers(tiny, folder, some))
    assert "no dropout" in made.loc[("M2FNet", "dropout"), "measured"]
    assert (made["measured"] == "not measured").sum() == len(made) - 1


def test_leakage_is_the_stored_table_where_there_is_one(tiny, monkeypatch):
    monkeypatch.setattr(plays, "fits", lambda corpus: {"zeros": lambda c: 0 * c.targets("test")})
    made = exhibit("O6").build(tiny, {})
    assert {*made.index.get_level_values("reader")} == {"zeros"} and (made["difference"] == 0).all()
    assert exhibit("O6").lacks(replace(tiny, table=tiny.table.assign(text=""), vectors={})) == (
        "it has neither words nor vectors")


@pytest.mark.parametrize("audit", ["inflation", "conventions"])
def test_kept_runs_of_the_study_fit_their_corpus(audit):
    """The scores that are kept follow from the predictions that are kept."""
    found = list(kept.place("x", audit).parent.parent.glob(f"*/{audit}.json"))
    assert found
    for path in found:
        corpus = corpora.load(path.parent.name)
        assert kept.has(corpus, audit)
        for name, runs in kept.read(path).items():
            for run in runs[:1]:
                metric, sign = run.metric
                for protocol_, epoch in run.epochs.items():
                    if epoch and run.target.name == "emotion" and protocol_ in run.predictions:
                        truth, guess = corpus.targets("test"), run.predictions[protocol_]
                        score = metrics.classification_scores(truth, guess, len(corpus.labels))[metric]
                        assert score == pytest.approx(run.test[epoch - 1], abs=1e-4), (name, protocol_)
                if len(run.valid):
                    assert run.epochs["sound"] == (sign * run.valid).argmax() + 1, name
                    assert run.epochs["published"] == (sign * run.test).argmax() + 1, name
