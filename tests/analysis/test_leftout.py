"""What papers leave out: each alternative is a setting of its model that the paper leaves open, and differs in it."""

import numpy as np
import pandas as pd
import pytest

from erclab import models, published, runs
from erclab.analysis import kept, leftout


def test_alternatives_can_be_planned_and_differ_from_the_base(tiny):
    for model in leftout.ALTERNATIVES:
        specs = {name: runs.plan(model, tiny, **changes)[0] for name, changes in leftout.choices_of(model).items()}
        assert len({spec.id for spec in specs.values()}) == len(specs), model
        assert next(iter(specs)) == models.info(model).title


def test_alternatives_change_details_that_a_paper_leaves_out():
    """Or all quirks of the authors' code at once."""
    for model, changes in leftout.ALTERNATIVES.items():
        open_ = {f for row in published.left_out(model)["ours"] for f in leftout.fields_of(row)}
        details = set(published.left_out(model)["detail"])
        for name, changed in changes.items():
            of_this = {*changed} - {*leftout.BASES.get(model, {}).get(name, {})}
            assert of_this <= open_ or {x.replace("_", " ") for x in of_this} <= details, (model, name)


def test_fields_are_read_from_the_last_parentheses():
    assert leftout.fields_of("two (2) of them (layers, bert.max_length)") == ("layers", "bert.max_length")
    assert leftout.fields_of("ours, whatever") == ()


def made(corpus, share, model="m2fnet", seeds=5):
    rng, truth = np.random.default_rng(int(1000 * share)), corpus.targets("test")
    found = []
    for seed in range(seeds):
        guess = np.where(rng.random(len(truth)) < share, truth, rng.integers(len(corpus.labels), size=len(truth)))
        found.append(kept.KeptRun(f"{share}-{seed}", seed, corpus.task("emotion"), False, ("weighted_f1", 1), {},
                               np.zeros(0), np.zeros(0), {"sound": guess}))
    return found


@pytest.fixture(scope="module")
def measured(tiny):
    groups = {"M2FNet": made(tiny, .6), "M2FNet: no dropout": made(tiny, .2), "M2FNet: two layers": made(tiny, .6)[:4],
              "SDT": made(tiny, .5), "SDT: no tau squared, tau 4": made(tiny, .5)}
    return leftout.sensitivities(groups, tiny)


def test_differences_have_intervals_and_words(measured):
    assert measured["alternative"].tolist() == ["two layers", "no dropout"]  # SDT's base of temperature 4 is not there
    same, other = (measured.iloc[i] for i in range(2))
    assert same["difference"] == 0 and same["seeds"] == 4 and same["verdict"] == "equivalent"
    assert other["verdict"] == "lower" and other["low"] < other["difference"] < other["high"] < -10


def test_the_table_has_every_detail_of_every_paper(measured):
    table = leftout.details({"here": measured})
    assert len(table) == sum(len(published.left_out(model)) for model in published.papers())
    assert table.loc[("M2FNet", "dropout"), "measured"].endswith("no dropout (lower; here)")
    assert "two layers (equivalent; here)" in table.loc[("M2FNet", "heads and layers of the fusion"), "measured"]
    assert table.loc[("M2FNet", "number of emotions"), "measured"] == "not measured"
    counts = leftout.summary(table)
    assert counts.loc["M2FNet"].tolist() == [len(published.left_out("m2fnet")), 2]
    assert counts["left out"].sum() == len(table) and counts["measured"].sum() == 2


def test_class_weights_belong_to_the_detail_of_that_name():
    one = pd.DataFrame([{"model": "sdt", "alternative": "class weights", "difference": 1.0, "low": 0.5, "high": 1.5,
                         "seeds": 3, "verdict": "higher"}])
    table = leftout.details({"here": one})
    assert (table["measured"] != "not measured").sum() == 1
    assert table.loc[("SDT", "class weights"), "measured"].startswith("+1.0 [0.5, 1.5] class weights")
