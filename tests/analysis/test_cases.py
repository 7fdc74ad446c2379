"""Cases and context preference: counted by hand on made-up predictions."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from erclab.analysis import cases, context
from erclab.core.errors import UsageError


@dataclass
class Run:
    """Enough of a record: the labels that it predicts on the test split."""

    corpus: object
    guess: np.ndarray
    seed: int = 0
    task: str = "emotion"
    id: str = "made up"

    @property
    def spec(self):
        return {"fingerprint": self.corpus.fingerprint, "seed": self.seed, "corpus": self.corpus.name}

    def guesses(self, split):
        assert split == "test"
        return self.guess


@pytest.fixture(scope="module")
def truth(tiny):
    return tiny.targets("test")


def wrong(truth, at, label):
    """The truth, but for some rows that get this label."""
    guess = truth.copy()
    guess[at] = label
    return guess


def test_what_is_mended_and_what_is_broken(tiny, truth):
    sad, angry, happy = (tiny.labels.index(n) for n in ("sad", "angry", "happy"))
    rows = np.flatnonzero(truth == angry)[:5]
    text = wrong(truth, rows[:3], sad)
    text[rows[3]] = happy
    both = wrong(truth, rows[:1], sad)  # one stays wrong, and one is newly so
    both[rows[4]] = happy
    table = cases.rectified([Run(tiny, text)], [Run(tiny, both)], tiny)
    row = table.loc["angry"]
    assert row[["mended", "share", "broken"]].tolist() == [3, 100, 1]
    assert row["from negative"] == pytest.approx(100 * 2 / 3) and row["negative before"] == pytest.approx(100 * 3 / 4)
    assert table.drop("angry")["mended"].sum() == 0 and table.drop("angry")["from negative"].isna().all()
    twice = cases.rectified([Run(tiny, text), Run(tiny, truth)], [Run(tiny, both), Run(tiny, truth)], tiny)
    assert twice.loc["angry", "mended"] == 1.5 and twice.loc["angry", "share"] == 100


def test_negative_are_the_emotions_that_are():
    labels = ("happy", "sad", "neutral", "angry", "excited", "frustrated", "surprise", "fear", "disgust", "unheard-of")
    assert [n for n, bad in zip(labels, cases.negative(labels), strict=True) if bad] == [
        "sad", "angry", "frustrated", "fear", "disgust"]


def test_ambiguous_is_what_was_planted_or_what_is_short(tiny):
    rows = tiny.table.iloc[tiny.rows("test")]
    assert cases.ambiguous(tiny).tolist() == (rows["text_kind"] == "ambiguous").tolist()
    words = ["Yeah.", "", "My sandwich.", "I am angry now."] * (len(tiny) // 4 + 1)
    real = replace(tiny, table=tiny.table.drop(columns="text_kind").assign(text=words[: len(tiny)]))
    assert cases.ambiguous(real).tolist() == [words[i] in ("Yeah.", "My sandwich.") for i in real.rows("test")]
    assert set(context.kinds(real)) == {"short", "longer"}


def test_accuracy_on_ambiguous_words_is_of_those_alone(tiny, truth):
    at = np.flatnonzero(cases.ambiguous(tiny))
    plain = np.flatnonzero(~cases.ambiguous(tiny))
    other = (truth + 1) % len(tiny.labels)
    none, half = truth.copy(), truth.copy()
    none[at], half[at[: len(at) // 2]], half[plain] = other[at], other[at[: len(at) // 2]], other[plain]
    table = cases.ambiguous_accuracy({"none": [Run(tiny, none)], "two": [Run(tiny, truth), Run(tiny, half, 1)]}, tiny)
    assert table.loc["none", "seed 0"] == 0 and table.loc["two", "seed 0"] == 100
    assert table.loc["two", "seed 1"] == pytest.approx(100 * (1 - len(at) // 2 / len(at)))
    assert set(table["utterances"]) == {len(at)} and pd.isna(table.loc["none", "seed 1"])


def test_the_conversation_shown_is_the_one_that_is_mended_most(tiny, truth):
    table = tiny.table.iloc[tiny.rows("test")].reset_index(drop=True)
    last = table.index[table["dialogue"] == table["dialogue"].iloc[-1]]
    other = (truth + 1) % len(tiny.labels)
    text, both = truth.copy(), truth.copy()
    text[0], text[last[-2:]], both[1] = other[0], other[last[-2:]], other[1]
    shown = cases.corrected_conversation(Run(tiny, text), Run(tiny, both), tiny, turns=3)
    assert shown["dialogue"].unique().tolist() == [table["dialogue"].iloc[-1]] and len(shown) == 3
    assert shown["turn"].tolist() == table["turn"].iloc[last[-3:]].tolist()
    assert (shown["TP"] != shown["GT"]).tolist() == [False, True, True] and (shown["MP"] == shown["GT"]).all()
    first = cases.corrected_conversation(Run(tiny, truth), Run(tiny, truth), tiny, turns=2)
    assert first["dialogue"].tolist() == table["dialogue"].iloc[:2].tolist() and first["turn"].tolist() == [0, 1]


def test_a_conversation_may_have_turns_that_nobody_annotated(tiny, truth):
    label = tiny.table["label"].to_numpy().copy()
    label[tiny.rows("test")[1]] = -1
    partly = replace(tiny, table=tiny.table.assign(label=label))
    guess = np.zeros_like(truth)
    shown = cases.corrected_conversation(Run(partly, guess), Run(partly, truth), partly, turns=len(truth))
    assert "" in set(shown["GT"]) or shown["dialogue"].iloc[0] != tiny.table["dialogue"].iloc[tiny.rows("test")[0]]
    table = cases.rectified([Run(partly, guess)], [Run(partly, truth)], partly)
    assert table["mended"].sum() == ((truth != 0) & (partly.targets("test") >= 0)).sum()


def test_gains_are_by_kind_of_words_and_seed_by_seed(tiny, truth):
    kind = context.kinds(tiny)
    other, points_back = (truth + 1) % len(tiny.labels), kind == "referential"
    free = np.where(points_back, other, truth)
    pairs = {"text": ([Run(tiny, free), Run(tiny, free, 1)], [Run(tiny, truth), Run(tiny, free, 1)])}
    table = context.context_gains(pairs, tiny)
    row = table.loc[("text", "referential")]
    assert row[["alone", "with context", "gain"]].tolist() == [0, 50, 50]
    assert row["deviation"] == pytest.approx(np.std([100, 0], ddof=1)) and row["utterances"] == points_back.sum()
    assert table.loc[("text", "plain"), "gain"] == 0 and table.loc[("text", "plain"), "alone"] == 100


def test_runs_of_another_corpus_or_task_are_refused(tiny, truth):
    other = tiny.with_vectors("text", tiny.vectors["text"] + 1)
    with pytest.raises(UsageError, match="another corpus"):
        cases.guesses(Run(other, truth), tiny)
    with pytest.raises(UsageError, match="predicts sentiment"):
        cases.guesses(Run(tiny, truth, task="sentiment"), tiny)
