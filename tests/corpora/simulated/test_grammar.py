"""The grammar: sentences are drawn as it says, and each sentence can be read in one way."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from erclab.core.errors import CorpusError
from erclab.corpora import simulated
from erclab.corpora.simulated import grammar, lexicon
from erclab.corpora.simulated.world import LEVELS, World

EMOTIONS = tuple(lexicon.EMOTION_WORDS)


def said(rng, form, emotion="anger", level=1, other=("joy", 2), thing="lamp"):
    return grammar.speak(rng, form, emotion if form in grammar.PLAIN else "", level, other, thing)


def test_no_word_stands_in_two_places():
    words = [w for levels in lexicon.EMOTION_WORDS.values() for level in levels for w in level]
    words += [verb for verbs in lexicon.EVENT_VERBS.values() for verb in verbs]
    words += [word.lower() for filler in lexicon.FILLERS.values() for word in filler]
    assert [word for word, count in Counter(words).items() if count > 1] == []
    assert all(len(level) == 4 for levels in lexicon.EMOTION_WORDS.values() for level in levels)
    assert set(lexicon.EVENT_VERBS) == set(lexicon.EMOTION_WORDS)


@pytest.mark.parametrize("form", grammar.FORMS)
def test_what_is_said_is_what_is_read(form):
    rng = np.random.default_rng(3)
    for i in range(300):
        emotion, level, event = EMOTIONS[i % 9], i % 3, EMOTIONS[(i // 9) % 9] if i % 2 else ""
        text = said(rng, form, emotion, level, (EMOTIONS[(i + 4) % 9], (i + 1) % 3))
        if event:
            text += " " + grammar.announce(rng, event, "piano")
        found, words = grammar.read(text), grammar.words_of(text)
        assert (found.form, found.event) == (form, event), text
        if form in grammar.PLAIN:
            assert (found.emotion, found.level) == (emotion, level), text
            assert words[found.salient] in lexicon.EMOTION_WORDS[emotion][level]
        else:
            assert (found.emotion, found.level) == ("", -1)
            expected = lexicon.FILLERS["silent"] if form == "ambiguous" else (lexicon.MINE,)
            assert words[found.salient] in expected
        assert (words[found.verb] in lexicon.EVENT_VERBS[event]) if event else found.verb == -1
        assert text[0].isupper() and "{" not in text


def test_the_order_of_words_decides_what_a_contrast_tells():
    one, two = "I look calm, and inside I am furious.", "I look furious, and inside I am calm."
    assert sorted(grammar.words_of(one)) == sorted(grammar.words_of(two))
    assert (grammar.read(one).emotion, grammar.read(two).emotion) == ("anger", "neutral")


@pytest.mark.parametrize("text", ["", "I am fine.", "I am about furious the lamp.", "My lamp. My lamp.", "furious",
                                  "I sold your lamp.", "Yeah. I sold your lamp."])
def test_what_is_no_sentence_of_the_language_is_refused(text):
    with pytest.raises(CorpusError, match="no sentence of the simulated language") as caught:
        grammar.read(text)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def corpus():
    return simulated.generate("small", dialogues=(500, 1, 1), seed=2)


@pytest.fixture(scope="module")
def table(corpus):
    names = {name: lexicon.lexicon_label(name) for name in corpus.labels} | {"": ""}
    return corpus.table.assign(said=corpus.table["said"].map(names), event=corpus.table["event"].map(names))


def test_the_table_holds_what_the_words_tell(table):
    for row in table.itertuples():
        found = grammar.read(row.text)
        assert (found.form, found.emotion, found.level, found.event, found.salient, found.verb) == (
            row.form, row.said, row.said_level, row.event, row.salient_word, row.event_word), row.text


def skeletons(table):
    return [" ".join(grammar._skeleton(grammar.words_of(text))) for text in table["text"]]


@pytest.mark.parametrize("form", grammar.FORMS)
def test_no_sentence_gives_its_emotion_away_by_its_form(table, form):
    """Sentences around the words of emotions are drawn alike for all emotions."""
    part = table[(table["form"] == form) & (table["event"] == "")]
    frame = [s.partition(", ")[0] for s in skeletons(part)]
    codes, kinds = np.unique(frame, return_inverse=True)
    counts = np.zeros((6, len(codes)))
    np.add.at(counts, (part["emotion"].to_numpy(), kinds), 1)
    counts = counts[:, counts.sum(0) >= 30]
    assert counts.shape[1] >= 4 and chi2_contingency(counts).pvalue > 0.001


def test_fillers_and_second_words_tell_nothing(table):
    contrast = table[table["form"] == "contrast"]
    second = []
    for text, salient in zip(contrast["text"], contrast["salient_word"], strict=True):
        found = [grammar.emotion_of(w)[0] for k, w in enumerate(grammar.words_of(text))
                 if k != salient and grammar.emotion_of(w)]
        assert len(found) == 1
        second.append(found[0])
    # The frames show both with noise: one that tells of the other would add to the evidence of the telling word.
    both = np.zeros((9, 9))
    np.add.at(both, ([EMOTIONS.index(s) for s in contrast["said"]], [EMOTIONS.index(s) for s in second]), 1)
    assert chi2_contingency(both[both.sum(1) > 0][:, both.sum(0) > 0]).pvalue > 0.001
    # Given the word that tells, the second one is independent of the emotion.
    for emotion in set(contrast["said"]):
        at = (contrast["said"] == emotion).to_numpy()
        counts = np.zeros((6, 9))
        np.add.at(counts, (contrast["emotion"].to_numpy()[at],
                           [EMOTIONS.index(s) for s, keep in zip(second, at, strict=True) if keep]), 1)
        counts = counts[counts.sum(1) >= 30][:, counts.sum(0) > 0]
        assert len(counts) < 2 or chi2_contingency(counts).pvalue > 0.001


def test_words_and_verbs_have_the_probabilities_of_the_world(corpus, table):
    world = World(simulated.PRESETS["small"])
    place = {lexicon.lexicon_label(name): i for i, name in enumerate(world.labels)}
    emotion, level = corpus.table["emotion"].to_numpy(), (corpus.table["intensity"].to_numpy() * 4 - 2).astype(int)

    def shares(rows, given, what, n):
        counts = np.zeros((len(np.unique(given)), n))
        np.add.at(counts, (given[rows], what[rows]), 1)
        return counts / counts.sum(1, keepdims=True)

    telling = table["form"].isin(["direct", "contrast"]).to_numpy()
    said = table["said"].map(place).fillna(0).astype(int).to_numpy()
    np.testing.assert_allclose(shares(telling, emotion, said, 6), world.felt, atol=0.05)
    np.testing.assert_allclose(shares(telling, level, table["said_level"].to_numpy(), 3), LEVELS, atol=0.04)
    denied = (table["form"] == "denied").to_numpy()
    np.testing.assert_allclose(shares(denied, emotion, said, 6), world.excluded, atol=0.12)
    event, after = table["event"].map(place), np.roll(emotion, -1)
    np.testing.assert_allclose(shares(event.notna().to_numpy(), after, event.fillna(0).astype(int).to_numpy(), 6),
                               world.felt, atol=0.08)


def test_the_default_corpus_has_a_thousand_plain_sentences():
    table = simulated.generate("small").table
    assert table.loc[table["text_kind"] == "plain", "text"].nunique() > 1000
    assert len(set(skeletons(table))) > 500
