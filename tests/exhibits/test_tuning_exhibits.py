"""O13: known answers from made-up draws and evidence, and what the repository keeps."""

import numpy as np
import pytest
from figure_checks import assert_readable
from ledgers import guesses, kept, split

from erclab.claims import draws, tuned, tuning
from erclab.claims.evidence import GUESS
from erclab.exhibits import catalogue
from erclab.exhibits import tuning as exhibit
from erclab.published.tuning import declared

RIGHT = {"bc-lstm": 0.6, "linear": 0.5, "sdt": 0.8, "m2fnet": 0.602}
SEEDS = range(100, 110)


@pytest.fixture
def simulated(tmp_path, monkeypatch):
    """Twelve draws of four models, whose best draw is the seventh, and ten seeds of each that are right so often."""
    monkeypatch.setenv("ERCLAB_RESULTS", str(tmp_path))
    where, logs = split(), {}
    for model, right in RIGHT.items():
        tried = [draws.Draw(n, 200 + n, declared().drawn(model, n), right - 0.01 * abs(n - 7), seconds=30.0)
                 for n in range(1, 13)]
        about = {"model": model, "corpus": "simulated", "digest": declared().digest(model)}
        logs[model] = draws.Log(about, (draws.Draw(0, 200, {}, right - 0.05), *tried))
        logs[model].save(draws.draws_file(model, "simulated"))
    where.save(tmp_path / "tuning" / "simulated")
    book, shelf = tuning.tuned_book(declared(), "simulated", logs), tuning.tuned_shelf("simulated")
    for i, (model, right) in enumerate(RIGHT.items()):
        shelf.add(tuning.tuned_arm(model), *(kept(book, seed, {GUESS: guesses(where, right, 100 * i + seed)},
                                                  f"{model}-{seed}", tuning={"chosen": 7}) for seed in SEEDS))
    return logs


def test_the_table_says_who_beats_whom_and_what_tuning_bought(simulated):
    table = exhibit.tuned_table("simulated")
    assert list(table["draws"]) == [12] * 4 and list(table["seeds"]) == [10] * 4
    assert table.loc["SDT", "beats bc-LSTM"] == table.loc["SDT", "beats Linear probe"] == "supported"
    assert table.loc["M2FNet", "beats bc-LSTM"] == "contradicted: smaller than matters" or (
        table.loc["M2FNet", "beats bc-LSTM"] == "undecided")
    assert table.loc["bc-LSTM", "beats Linear probe"] == "supported" and table.loc["bc-LSTM", "beats bc-LSTM"] == ""
    assert table.loc["Linear probe", "beats bc-LSTM"] == ""  # that comparison is in the row of bc-LSTM
    assert table.loc["SDT", "validation, best"] == 80.0 and table.loc["SDT", "validation, bought"] == "+5.0"
    assert table.loc["SDT", "minutes of draws"] == 6.0 and table.loc["SDT", "test, bought"] == ""
    assert f"learning rate {declared().drawn('sdt', 7)['learning_rate']}" in table.loc["SDT", "best settings"]


def test_the_exhibit_needs_draws_and_the_words_have_the_numbers_of_the_table(simulated, tiny):
    o13, = catalogue.find(["O13"])
    assert o13.lacks(tiny) == "no models were tuned on it"
    assert exhibit.tuned_on() == ["simulated"]
    table, words = exhibit.tuned_table("simulated"), exhibit.tuned_words("simulated")
    assert "1 of 2 beat the tuned bc-LSTM, 3 of 3 beat the tuned Linear probe" in words
    for title, row in table.iterrows():
        assert f"{title}: validation {row['validation, best']}" in words and row["test, tuned"] in words


def test_the_figure_draws_each_curve_and_interval(simulated):
    figure = exhibit.tuned_figure("simulated")
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["bc-LSTM", "SDT", "M2FNet", "Linear probe"]
    curve = tuned.validation_curves(declared(), "simulated")
    sdt = curve[curve["model"] == "SDT"]
    assert np.allclose(left.lines[1].get_ydata(), 100 * sdt["value"]) and len(sdt) == 12
    won = {base: (exhibit.tuned_table("simulated")[f"beats {base}"].str.startswith("supported")).sum()
           for base in ("bc-LSTM", "Linear probe")}
    assert figure.get_suptitle() == (f"simulated: {won['bc-LSTM']} of 2 beat the tuned bc-LSTM, {won['Linear probe']} "
                                     "of 3 beat the tuned Linear probe")
    assert [axis.get_title(loc="left") for axis in (left, right)] == [
        "Validation: expected best of the draws", "Test: the best setting anew (line: bc-LSTM)"]
    assert len(right.get_yticks()) == 4
    assert_readable(figure)


def test_a_verdict_from_fewer_seeds_is_interim(simulated):
    shelf = tuning.tuned_shelf("simulated")
    path = shelf.path(tuning.tuned_arm("sdt"))
    few = shelf.arm(tuning.tuned_arm("sdt"))[:5]
    path.unlink()
    tuning.tuned_shelf("simulated").add(tuning.tuned_arm("sdt"), *few)
    assert exhibit.tuned_table("simulated").loc["SDT", "beats bc-LSTM"] == "supported, interim: 5 of 10 seeds"


@pytest.mark.parametrize("corpus", exhibit.tuned_on())
def test_what_the_repository_keeps_makes_table_figure_and_words(corpus):
    table = exhibit.tuned_table(corpus)
    assert set(table["draws"]) == {declared().draws} and exhibit.tuned_words(corpus).startswith(corpus)
    for model, log in draws.read_all_draws(declared(), corpus).items():
        assert all(d.settings == declared().drawn(model, d.number) for d in log.draws)
        for e in tuning.tuned_shelf(corpus).arm(tuning.tuned_arm(model)):
            assert e.about["tuning"]["chosen"] == log.best.number
            assert set(e.arrays) <= {a for a in e.arrays if "|" in a} or e.split is not None  # sums, no labels
    exhibit.tuned_figure(corpus)
    assert declared().limits.get(corpus, "") in exhibit.tuned_words(corpus)
