"""HCT-MG's exhibits build from a tiny set of runs, show its numbers, and refuse in words."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sequence_corpora import exhibit, values_like, without_text_in_training

from erclab import corpora, published
from erclab.analysis import gates, incongruity, inside, sequences, words
from erclab.core.errors import UsageError
from erclab.exhibits import hct_mg

IDS = [f"H{i}" for i in range(1, 10)]


@pytest.mark.parametrize("name", IDS)
def test_builds_on_a_simulated_corpus(answer, tiny, name):
    found = exhibit(name)
    runs = answer(found, tiny)
    made = found.build(tiny, runs)
    if name == "H1":
        row, = hct_mg.chosen_rows(tiny, runs, 1)
        even = np.mean([words.evenness(words.maps(r, tiny, row)["text_from_visual"]) for r in runs["MulT"]])
        ratio = np.mean([inside.focus(r, tiny)["ratio"]["text_from_visual"] for r in runs["MulT"]])
        title = made.axes[0].get_title() or made.axes[0].get_title(loc="left")
        at = tiny.table.iloc[row]
        shown = f"{tiny.labels[at['label']]}, voice {at['audio_shown']}, face {at['visual_shown']}"
        assert title == (f"{shown}: {100 * even:.0f} % of the entropy of even attention\nWhat was planted (framed) "
                         f"gets {ratio:.2f} times an even share, over all test utterances")
    assert isinstance(made, Figure if name in ("H1", "H2", "H3", "H6", "H7") else pd.DataFrame)
    assert found.paper == "HCT-MG" and found.view == "sequence"


@pytest.mark.parametrize("name", IDS)
def test_builds_on_a_corpus_of_values_of_which_nothing_is_known(answer, tiny, name):
    corpus, found = values_like(tiny), exhibit(name)
    found_runs = answer(found, corpus, seeds=1)
    made = found.build(corpus, found_runs)
    if name == "H2":
        rows = words.utterances(corpus)
        same = words.agreement(*(words.average([words.reading_weights(r, corpus, rows) for r in found_runs[name]])
                                 for name in ("text alone", "(A + V) to T")))
        assert " ".join(made.axes[0].get_title(loc="left").split()) == (
            f"text alone and (A + V) to T have the same heaviest word in {100 * same['same']:.0f} % of {len(rows)} "
            f"utterances (by chance in {100 * same['chance']:.0f} %)")
    if name == "H5":
        assert "text alone: " in made["incongruent"].iloc[0]
        assert made["truth"].iloc[-1] == "mean error" and float(made["MulT"].iloc[0]) == pytest.approx(0, abs=3)


@pytest.mark.parametrize("name", IDS)
def test_where_no_text_can_be_learnt_it_is_left_out_or_said(answer, tiny, name):
    corpus, found = without_text_in_training(tiny), exhibit(name)
    if name in ("H1", "H2", "H3", "H6"):
        assert found.lacks(corpus) == "it has sequences of audio, visual only (of text none in the training split)"
        with pytest.raises(UsageError, match=r"cannot be built.*none in the training split"):
            found.build(corpus, {})
        return
    made = found.build(corpus, answer(found, corpus, seeds=1))
    if name == "H8":
        assert list(made.index) == ["gating", "primary audio", "primary visual"]


@pytest.mark.parametrize("name", IDS)
def test_refuses_a_corpus_without_sequences_or_of_one(tiny, name):
    found = exhibit(name)
    assert found.lacks(replace(tiny, frames={})) == "it has no sequences"
    one = replace(tiny, frames={"text": tiny.frames["text"]})
    assert found.lacks(one) == "it has sequences of text only"


def test_the_words_of_a_figure_are_the_words_of_the_most_incongruent_utterance(answer, tiny):
    found = exhibit("H6")
    made = found.build(tiny, answer(found, tiny))
    row = incongruity.examples(incongruity.incongruent_utterances(tiny), tiny, 1, hct_mg.STEPS)[0]
    texts = [t.get_text() for t in made.axes[0].texts]
    sentence = tiny.table["text"].iloc[row].split()
    start = texts.index("MulT") + 1
    assert texts[start : start + 2 * len(sentence)][::2] == sentence
    records = answer(found, tiny)["MulT"]
    weights = np.mean([words.reading_weights(r, tiny, [row])[row] for r in records], axis=0)
    assert texts[start : start + 2 * len(sentence)][1::2] == [f"{100 * w:.0f}" for w in weights]


def test_frames_by_words_shows_the_attention_of_the_runs(answer, tiny):
    found, row = exhibit("H1"), int(tiny.rows("test")[0])
    records = answer(found, tiny)["MulT"]
    axis = hct_mg.frames_by_words(tiny, {"MulT": records}, row).axes[0]
    mean = np.mean([words.maps(r, tiny, row)["text_from_visual"] for r in records], axis=0)
    np.testing.assert_allclose(axis.collections[0].get_array(), mean * mean.shape[1])
    assert [t.get_text() for t in axis.get_yticklabels()] == tiny.table["text"].iloc[row].split()


def test_agreement_of_equals_and_of_opposites():
    one, other = {0: np.array([0.9, 0.1])}, {0: np.array([0.1, 0.9])}
    assert words.agreement(one, one) == {"same": 1.0, "chance": 0.5}
    assert words.agreement(one, other)["same"] == 0


def test_hard_samples_count_what_is_right(answer, tiny):
    found = exhibit("H5")
    answers = answer(found, tiny)
    made = found.build(tiny, answers)
    lies = incongruity.lies(tiny).any(axis=1).to_numpy()
    right = [(r.predictions().argmax(1) == tiny.targets("test"))[lies].mean() for r in answers["HCT-MG"]]
    assert made.loc[f"all incongruent ({lies.sum()})", "HCT-MG"].startswith(f"{100 * np.mean(right):.1f}")
    assert f"all others ({(~lies).sum()})" in made.index and "of these, says what is shown" in made.index
    assert made["MulT"].iloc[0].endswith("of 2)")


def test_primaries_compare_with_gating(answer, tiny):
    found = exhibit("H8")
    made = found.build(tiny, answer(found, tiny))
    assert list(made.index) == ["gating", *(f"primary {m}" for m in ("text", "audio", "visual"))]
    assert pd.isna(made["difference"].iloc[0]) and "of 2" in made["chosen"].iloc[0]
    assert "published" not in made


def test_the_gates_pace_is_drawn_per_batch_and_per_epoch(answer, tiny):
    found = exhibit("H7")
    answers = answer(found, tiny)
    batches, epochs = found.build(tiny, answers).axes
    rows = answers["HCT-MG"][0].data["curve"]
    np.testing.assert_allclose(batches.lines[0].get_ydata(), rows[0]["model"]["gate_per_batch"]["text"])
    np.testing.assert_allclose(epochs.lines[1].get_ydata(), [np.mean(r["model"]["gate_per_batch"]["audio"])
                                                            for r in rows])
    paths = [gates.pace(r) for r in answers["HCT-MG"]]
    first = Counter(max(path, key=lambda m, path=path: path[m][0, -1]) for path in paths)
    last = gates.final_primaries(answers["HCT-MG"])
    assert batches.get_title(loc="left") == f"Ahead after one epoch, by training:\n{gates.counted(first, 2)}"
    assert epochs.get_title(loc="left") == f"Primary in the end, by training:\n{gates.counted(last, 2)}"


def test_published_numbers_stand_beside_a_corpus_of_the_paper_only(answer, tiny):
    mosi = replace(values_like(tiny), name="mosi-mult")
    found = exhibit("H4")
    table = found.build(mosi, answer(found, mosi, seeds=1))
    whose = table.index.get_level_values("whose")
    assert set(whose) == {"ours, unaligned", "published, aligned", "published, unaligned", "published, unaligned, with "
                          "CTC"}
    assert table.loc[("published, unaligned", "HCT-MG"), "7-class accuracy"] == "39.4"
    assert table.loc[("published, unaligned", "HCT-MG"), "parameters"] == "0.54 M"
    plain = found.build(values_like(tiny), answer(found, values_like(tiny), seeds=1))
    assert set(plain.index.get_level_values("whose")) == {"ours, unaligned"}
    settings = exhibit("H9").build(mosi, {})
    assert settings.loc["train utterances", "published"] == 1284 and settings.loc["batch_size", "full"] == 36
    assert settings.loc["train utterances", "here"] == len(mosi.rows("train"))
    assert (exhibit("H9").build(values_like(tiny), {})["published"] == "").all()


def test_published_variants():
    names = {"gating": "unaligned", "primary audio": "primary audio"}
    mosi, iemocap = (replace(corpora.load("simulated-tiny"), name=n) for n in ("mosi-mult", "iemocap-mult"))
    assert sequences.printed_variants("hct-mg", mosi, names, "acc7") == {"gating": 39.4, "primary audio": 37.5}
    rows = published.ablations("hct-mg", "iemocap").query("setting == 'primary audio'")
    f1 = rows[rows["metric"].str.endswith("weighted_f1")]["value"].mean()
    found = sequences.printed_variants("hct-mg", iemocap, names, "weighted_f1")
    assert found["primary audio"] == pytest.approx(f1, abs=1e-3)
    assert sequences.printed_variants("hct-mg", corpora.load("simulated-tiny"), names, "acc7") is None


def test_a_conversation_is_read_utterance_by_utterance(answer, tiny):
    found = answer(exhibit("H6"), tiny)
    rows = [int(r) for r in tiny.rows("test")[:3]]
    made = hct_mg.weights_of_utterances(tiny, found, rows)
    words_drawn = [t.get_text() for t in made.axes[0].texts]
    assert all(word in words_drawn for row in rows for word in tiny.table["text"].iloc[row].split())
    tables = [words.average([words.reading_weights(r, tiny, rows) for r in found[name]])
              for name in ("MulT", "HCT-MG")]
    games = [words.pointing_game(table, tiny, reach) for table in tables for reach in (0, 1)]
    hits, (chance, near) = ([round(3 * game[what], 1) for game in games[:most]]
                            for what, most in (("hit", 4), ("chance", 2)))
    assert " ".join(made.axes[0].get_title(loc="left").split()) == (
        "How often the text is read at the planted word, and there or beside it, of 3 utterances: MulT "
        f"{hits[0]:g} and {hits[1]:g}; HCT-MG {hits[2]:g} and {hits[3]:g}; at random {chance:g} and {near:g}")
    bare = replace(tiny, table=tiny.table[["split", "dialogue", "turn", "speaker", "text", "label"]])  # nothing planted
    alone = hct_mg.weights_of_utterances(bare, {"HCT-MG": found["HCT-MG"]}, rows)
    assert alone.axes[0].get_title(loc="left") == "Where the text is read by HCT-MG"
    short = next(int(r) for r in tiny.rows("test") if tiny.frames["text"].lengths[r] == 1)
    assert "single word" in hct_mg.weights_of_utterances(tiny, found, [short]).axes[0].get_title(loc="left")
