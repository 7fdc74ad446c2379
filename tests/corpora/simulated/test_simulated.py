"""The simulated conversations: what their settings promise can be found in the data, and nothing else can."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from sklearn.linear_model import LogisticRegression

from erclab.core.errors import UsageError
from erclab.corpora import MODALITIES, simulated
from erclab.corpora.simulated import grammar, observe, oracle
from erclab.corpora.simulated.world import SCHEMES, Settings, World, elected

WORLD = World(simulated.PRESETS["small"])
LABELS, VALENCE = WORLD.labels, WORLD.group


@cache
def small(**changes):
    """Generated once per setting; nobody writes to it."""
    return simulated.generate("small", **changes)


def column(corpus, name):
    return corpus.table[name].to_numpy()


def accuracy(x, y, train, test):
    """Of a logistic regression: fitted on some rows, measured on others."""
    return LogisticRegression(C=0.03, max_iter=500).fit(x[train], y[train]).score(x[test], y[test])


def halves(corpus, chosen):
    """Chosen rows of the training split, and those of the others: no dialogue, so no voice, is in both."""
    train = column(corpus, "split") == "train"
    return np.flatnonzero(chosen & train), np.flatnonzero(chosen & ~train)


# Sizes and randomness

def test_the_same_seed_gives_the_same_corpus_and_another_seed_another():
    one, same, other = (simulated.generate("tiny", seed=s) for s in (3, 3, 4))
    assert one.table.equals(same.table) and one.fingerprint == same.fingerprint
    assert one.table["text"].tolist() != other.table["text"].tolist()
    assert not np.array_equal(one.vectors["audio"][:40], other.vectors["audio"][:40])


def test_a_corpus_does_not_depend_on_other_random_numbers():
    np.random.seed(1)
    one = simulated.generate("tiny").fingerprint
    np.random.seed(2)
    assert simulated.generate("tiny").fingerprint == one


@pytest.mark.parametrize(("preset", "dialogues", "turns", "dims"), [
    ("small", (240, 60, 120), (6, 30), (48, 32, 32)), ("tiny", (12, 4, 6), (3, 8), (24, 18, 18))])
def test_presets_have_their_sizes(preset, dialogues, turns, dims):
    corpus = simulated.generate(preset)
    lengths = np.diff(corpus.starts)
    assert tuple((corpus.dialogue_splits == s).sum() for s in ("train", "valid", "test")) == dialogues
    assert turns[0] <= lengths.min() < lengths.max() <= turns[1]
    assert corpus.dims == dict(zip(("text", "audio", "visual"), dims, strict=True))
    assert corpus.labels == LABELS and corpus.speaker_count == 2


def test_settings_change_the_sizes():
    corpus = simulated.generate("tiny", dialogues=(2, 1, 3), turns=(5, 5, 5), dims=(22, 19, 18))
    assert len(corpus) == 30 and corpus.dims == {"text": 22, "audio": 19, "visual": 18}


def test_the_codebook_belongs_to_the_language_and_not_to_the_seed():
    """The same emotion points the same way in two corpora, so that a model of one could read the other."""
    def directions(corpus, modality):
        shown = np.array(LABELS)[column(corpus, "label")]
        if modality == "text":
            shown[column(corpus, "text_kind") != "plain"] = "masked"
        else:
            shown = column(corpus, f"{modality}_shown")
        means = np.stack([corpus.vectors[modality][shown == name].mean(0) for name in LABELS])
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    for modality in ("text", "audio", "visual"):
        alike = directions(small(), modality) @ directions(small(seed=1), modality).T
        assert np.diag(alike).min() > 0.85, modality
        assert alike[~np.eye(6, dtype=bool)].max() < 0.7, modality


# Labels and their dynamics

def test_label_shares_are_those_of_the_dynamics_and_skewed():
    """The pull keeps the prior stationary, so the shares are the published ones at every turn."""
    np.testing.assert_allclose(WORLD.prior @ WORLD.pull, WORLD.prior)
    corpus = small(dialogues=(500, 1, 1))
    shares = np.bincount(column(corpus, "label")) / len(corpus)
    np.testing.assert_allclose(shares, WORLD.prior, atol=0.02)
    assert shares.max() > 2 * shares.min()


def test_every_label_occurs_in_every_split_of_the_default_corpus():
    assert small().counts().to_numpy().min() >= 30


def test_pull_keeps_valence_and_prefers_the_same_emotion():
    pull = WORLD.pull
    np.testing.assert_allclose(pull.sum(1), 1)
    assert (pull[VALENCE[:, None] != VALENCE[None, :]] == 0).all()
    assert (pull.argmax(1) == np.arange(6)).all()


def pairs(corpus):
    """(own last, now) and (other's last, now), each with one row per utterance that has such a past."""
    own, other, last, dialogue = [], [], {}, None
    for row in corpus.table.itertuples():
        if row.dialogue != dialogue:
            last, dialogue = {}, row.dialogue
        you = "B" if row.speaker == "A" else "A"
        if row.speaker in last:
            own.append((last[row.speaker], row.label))
        if you in last:
            other.append((last[you], row.label))
        last[row.speaker] = row.label
    return np.array(own), np.array(other)


def dependence(pair):
    """p value of independence, and the share of pairs that are the same emotion beyond chance."""
    table = np.zeros((6, 6))
    np.add.at(table, tuple(pair.T), 1)
    chance = (table.sum(0) * table.sum(1)).sum() / table.sum() ** 2
    return chi2_contingency(table).pvalue, np.trace(table) / table.sum() - chance


@pytest.mark.parametrize(("persistence", "contagion"), [(0.3, 0.2), (0.3, 0.0), (0.0, 0.4), (0.0, 0.0)])
def test_emotions_depend_on_the_past_exactly_as_set(persistence, contagion):
    own, other = (dependence(p) for p in pairs(small(persistence=persistence, contagion=contagion)))
    if persistence:
        assert own[0] < 1e-30 and own[1] > 0.2
    if contagion:
        assert other[0] < 1e-8 and other[1] > 0.05
    if persistence == 0 and contagion == 0:
        assert own[0] > 0.01 and abs(own[1]) < 0.03
    if contagion == 0:
        # Two chains that persist are autocorrelated, so the test rejects too often; the effect is what counts.
        assert other[0] > 1e-4 and abs(other[1]) < 0.03


def test_speakers_take_turns_as_often_as_set():
    for switch, low, high in ((1.0, 1, 1), (0.8, 0.77, 0.83), (0.0, 0, 0)):
        corpus = small(switch=switch, dialogues=(150, 1, 1))
        who, inside = column(corpus, "speaker"), np.ones(len(corpus) - 1, bool)
        inside[corpus.starts[1:-1] - 1] = False
        assert low <= (who[1:] != who[:-1])[inside].mean() <= high


# Words (more in test_grammar)

def test_a_referential_reply_follows_the_event_that_announces_it():
    table = small().table
    replies = np.flatnonzero(table["text_kind"] == "referential")
    for i in replies:
        reply, before = table.loc[i], table.loc[i - 1]
        assert reply["dialogue"] == before["dialogue"] and reply["speaker"] != before["speaker"]
        words, earlier = grammar.words_of(reply["text"]), grammar.words_of(before["text"])
        thing = words[reply["salient_word"] + 1 + ("poor" in words)]
        assert earlier[before["event_word"] + 1 : before["event_word"] + 3] == ["your", thing]
        assert before["event"] in LABELS
    assert len(replies) == (table["event"] != "").sum() > 500  # and no event leads nowhere


def test_shares_of_silent_words_are_as_set():
    """Fewer referential ones than asked for: only a reply to another's turn can point back."""
    shares = small().table["text_kind"].value_counts(normalize=True)
    assert shares["ambiguous"] == pytest.approx(0.15, abs=0.025) and 0.10 < shares["referential"] < 0.28
    only_plain = simulated.generate("tiny", ambiguous=0, referential=0)
    assert set(only_plain.table["text_kind"]) == {"plain"}
    assert set(simulated.generate("tiny", ambiguous=1, referential=0).table["text_kind"]) == {"ambiguous"}


def test_only_plain_words_tell_the_emotion_by_themselves():
    corpus = small()
    x, y, kind = corpus.vectors["text"], column(corpus, "label"), column(corpus, "text_kind")
    event = (corpus.table["event"] != "").to_numpy()
    score, chance = {}, {}
    for name in ("plain", "ambiguous", "referential"):
        train, test = halves(corpus, (kind == name) & ~event)
        score[name] = accuracy(x, y, train, test)
        chance[name] = np.bincount(y[test]).max() / len(test)
    assert score["plain"] > chance["plain"] + 0.4
    assert score["ambiguous"] < chance["ambiguous"] + 0.05
    assert score["referential"] < chance["referential"] + 0.05


def test_a_referential_emotion_can_be_read_from_the_turn_before():
    corpus = small()
    y, replies = column(corpus, "label"), column(corpus, "text_kind") == "referential"
    before = np.roll(corpus.vectors["text"], 1, axis=0)
    train, test = halves(corpus, replies)
    assert accuracy(before, y, train, test) > np.bincount(y[test]).max() / len(test) + 0.3


# Voices and faces

def test_shares_of_masked_and_incongruent_are_as_set():
    corpus = small()
    label = np.array(LABELS)[column(corpus, "label")]
    for name in ("audio_shown", "visual_shown"):
        shown = column(corpus, name)
        assert (shown == "masked").mean() == pytest.approx(0.4, abs=0.03)
        assert ((shown != "masked") & (shown != label)).mean() == pytest.approx(0.1, abs=0.015)
    honest = simulated.generate("tiny", masked=0, incongruent=0)
    truth = np.array(LABELS)[column(honest, "label")]
    assert (column(honest, "audio_shown") == truth).all() and (column(honest, "visual_shown") == truth).all()


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_a_masked_voice_or_face_carries_nothing(modality):
    corpus = small()
    x, y = corpus.vectors[modality], column(corpus, "label")
    score = {}
    for name in ("masked", "shown"):
        train, test = halves(corpus, (column(corpus, f"{modality}_shown") == "masked") == (name == "masked"))
        score[name] = accuracy(x, y, train, test) - np.bincount(y[test]).max() / len(test)
    assert score["masked"] < 0.05 and score["shown"] > 0.25


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_an_incongruent_voice_or_face_shows_the_opposite_valence(modality):
    corpus = small(incongruent=0.2)
    y, shown = column(corpus, "label"), column(corpus, f"{modality}_shown")
    lying = np.flatnonzero((shown != "masked") & (shown != np.array(LABELS)[y]))
    decoy = np.array([LABELS.index(name) for name in shown[lying]])
    assert len(lying) > 300 and (VALENCE[decoy] != 0).all() and (VALENCE[decoy] != VALENCE[y[lying]]).all()
    # The vector agrees: a reader of honest voices believes the decoy, and hardly ever the truth.
    honest = np.flatnonzero(shown == np.array(LABELS)[y])
    read = LogisticRegression(C=0.03, max_iter=500).fit(corpus.vectors[modality][honest], y[honest])
    guess = read.predict(corpus.vectors[modality][lying])
    assert (guess == decoy).mean() > 0.45 > 3 * (guess == y[lying]).mean()


def test_speakers_have_an_offset_of_their_own_where_set():
    for offset in (0.0, 2.0):
        corpus = small(offset=offset, masked=1.0, incongruent=0.0, dialogues=(60, 1, 1))
        speaker = column(corpus, "dialogue") + column(corpus, "speaker")
        means = [corpus.vectors["audio"][speaker == s].mean(0) for s in np.unique(speaker)[:60]]
        assert (np.std(means) > 1) == (offset > 0)


def test_three_modalities_together_beat_each_alone():
    corpus = small()
    y, (train, test) = column(corpus, "label"), halves(corpus, np.ones(len(corpus), bool))
    alone = {m: accuracy(x, y, train, test) for m, x in corpus.vectors.items()}
    together = accuracy(np.hstack([corpus.vectors[m] for m in corpus.modalities]), y, train, test)
    assert together > max(alone.values()) + 0.08
    assert min(alone.values()) > np.bincount(y[test]).max() / len(test) + 0.15  # each is worth having


# Mistakes

@pytest.mark.parametrize(("changes", "problem"), [
    ({"persistence": 1.2}, r"persistence = 1\.2 is not in \[0, 1\]"),
    ({"masked": -0.1}, r"masked = -0\.1 is not in"),
    ({"switch": float("nan")}, "switch = nan is not in"),
    ({"contrast": 0.7, "denied": 0.5}, r"contrast \+ denied is more than 1"),
    ({"mistakes": 1.5}, r"mistakes = 1\.5 is not in"),
    ({"annotators": 0}, "annotators = 0 is not in 1 to 5"),
    ({"event": float("inf")}, "must be finite"),
    ({"persistence": 0.7, "contagion": 0.5}, r"persistence \+ contagion is more than 1"),
    ({"ambiguous": 0.7, "referential": 0.5}, r"ambiguous \+ referential is more than 1"),
    ({"masked": 0.9, "incongruent": 0.2}, r"masked \+ incongruent is more than 1"),
    ({"dialogues": (0, 0, 0)}, r"dialogues \(0, 0, 0\)"),  # one split or two may be empty: tests of fresh dialogues
    ({"dialogues": (4, -1, 4)}, r"dialogues \(4, -1, 4\)"),
    ({"turns": (0, 3, 4)}, r"turns \(0, 3, 4\)"),
    ({"turns": (5, 4, 6)}, r"turns \(5, 4, 6\)"),
    ({"dims": (40, 4, 40)}, r"dims \(40, 4, 40\) are too few"),
    ({"scheme": "ravdess"}, "scheme 'ravdess' is none of"),
    ({"speakers": (0.0, 0.0)}, "no probabilities"),
    ({"strength": (1.0, -1.0, 1.0)}, "must not be negative"),
    ({"persistance": 0.2}, r"unknown .*setting 'persistance'\. Did you mean 'persistence'"),
])
def test_settings_that_make_no_sense_are_refused(changes, problem):
    with pytest.raises(UsageError, match=problem) as caught:
        simulated.generate("tiny", **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [
    {"persistence": 0.8, "contagion": 0.2}, {"persistence": 0.9, "contagion": 0.1},
    {"persistence": 1.0, "contagion": 0.0},
    {"ambiguous": 0.3, "referential": 0.7}, {"masked": 0.7, "incongruent": 0.3}, {"contrast": 0.1, "denied": 0.9},
    {"slip": 1.0}, {"mistakes": 1.0, "annotators": 3}, {"switch": 0.0}, {"kinship": 1.0},
    {"masked": 1.0, "incongruent": 0.0},
    {"ambiguous": 0.0, "referential": 1.0}, {"strength": (0.0, 60.0, 60.0), "event": 60.0}, {"speakers": (1.0,)},
    {"mistakes": 0.3, "annotators": 5}],
    ids=lambda changes: ",".join(f"{k}={v}" for k, v in changes.items()))
def test_every_valid_set_of_probabilities_works(changes):
    """Also sums of exactly 1, which floating point may put a bit above it; the oracle inverts each."""
    for scheme, dims in (("iemocap", (24, 18, 18)), ("meld", (24, 18, 18))):
        corpus = simulated.generate("tiny", scheme=scheme, dims=dims, **changes)
        world = simulated.world_behind(corpus)
        for view in ("words", "vectors"):
            p = oracle.posterior(corpus, world, view=view).label
            np.testing.assert_allclose(p.sum(1), 1, atol=1e-9)


def test_an_unknown_preset_is_an_error_that_says_what_there_is():
    with pytest.raises(UsageError, match=r"unknown preset 'smal'\. Did you mean 'small'\? There is: small, lesson"):
        simulated.generate("smal")


@pytest.mark.parametrize("changes", [{"dialogues": 5}, {"dialogues": (2, 2)}, {"seed": -1}, {"seed": 1.5},
                                     {"offset": -1.0}, {"dims": (3, 2)}, {"turns": (3,)}, {"persistence": "high"}])
def test_settings_of_another_type_are_refused(changes):
    with pytest.raises(UsageError, match=next(iter(changes))):
        simulated.generate("tiny", **changes)


def test_a_change_of_the_channels_leaves_the_conversations_alone():
    plain, silent = simulated.generate("tiny"), simulated.generate("tiny", masked=0.9, incongruent=0.0, offset=0.0)
    same = ["dialogue", "turn", "speaker", "text", "label", "intensity", "text_kind"]
    assert plain.table[same].equals(silent.table[same])
    np.testing.assert_array_equal(plain.vectors["text"], silent.vectors["text"])
    assert not np.array_equal(plain.vectors["audio"], silent.vectors["audio"])


# Presets after real corpora

@pytest.mark.parametrize("preset", ["iemocap", "meld"])
def test_presets_follow_the_published_corpora(preset):
    real = json.loads((Path(__file__).parents[2] / "golden" / "dialogue_lengths.json").read_text())
    real = [real[f"{preset}_{split}"] for split in ("train", "dev", "test")]
    corpus = simulated.generate(preset)
    assert [int((corpus.dialogue_splits == s).sum()) for s in ("train", "valid", "test")] == [len(x) for x in real]
    ours, theirs = np.diff(corpus.starts), np.concatenate(real)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.08)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.25)
    assert theirs.min() <= ours.min() and ours.max() <= theirs.max()
    shares = corpus.counts().sum() / len(corpus)
    counts = SCHEMES[preset]
    np.testing.assert_allclose(shares, np.array(list(counts.values())) / sum(counts.values()), atol=0.02)
    people = corpus.table.groupby("dialogue")["speaker"].nunique()
    assert people.max() == 2 if preset == "iemocap" else 5 <= people.max() <= 9


# Frames

@pytest.fixture(scope="module")
def framed():
    return simulated.generate("tiny", frames=True, dialogues=(60, 4, 6))


def test_frames_do_not_change_the_vectors(framed):
    bare = simulated.generate("tiny", dialogues=(60, 4, 6))
    assert not bare.frames and bare.table.equals(framed.table)
    for modality in MODALITIES:
        np.testing.assert_array_equal(bare.vectors[modality], framed.vectors[modality])


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_vectors_are_matched_filters_over_the_frames(framed, modality):
    for i, row in enumerate(framed.table.itertuples()):
        profile = observe.burst(modality, len(row.text.split()), row.salient_word)
        assert np.linalg.norm(profile) == pytest.approx(1)
        np.testing.assert_allclose(profile @ framed.frames[modality][i], framed.vectors[modality][i], atol=3e-4)


def test_the_evidence_of_the_text_vector_can_be_computed_from_the_words_vectors(framed):
    """Step 2 of the proof in `observe`: from the frames alone, without the table."""
    world = World(Settings(dims=(24, 18, 18)))
    known = {word for text in framed.table["text"] for word in grammar.words_of(text)}
    book = {tuple(observe._rounded(observe.codebook(world, word))): word
            for word in known if not grammar.emotion_of(word)}
    sentences = {tuple(w if not w.startswith(("<emotion", "<event")) else "?" for w in skeleton): slots
                 for skeleton, (_, slots) in grammar._patterns().items()}
    sentences |= {tuple(w if w != "<silent>" and w != "<mine>" else "?" for w in k): v for k, v in sentences.items()}
    clauses = {tuple(w if w != "<event>" else "?" for w in skeleton): at for skeleton, at in grammar._clauses().items()}
    along, marks = (basis.T @ basis for basis in (world.event_directions(), world.marks()))
    read = 0
    for i, words in enumerate(framed.frames["text"]):
        shape = grammar._skeleton([book.get(tuple(x), "?") for x in words])
        end = next(end for end in range(len(shape), 0, -1)
                   if shape[:end] in sentences and (end == len(shape) or shape[end:] in clauses))
        slots = sentences[shape[:end]]
        salient = next(slots[slot] for slot in grammar.TELLING if slot in slots)
        heard = words[salient].astype(float)
        if framed.table["text_kind"][i] == "plain":
            found = heard - heard @ along
            if end < len(shape):
                found = found + words[end + clauses[shape[end:]]] @ along
            target = framed.vectors["text"][i] - framed.vectors["text"][i] @ marks
            if end == len(shape):
                target = target - target @ along  # nothing but noise is there without an event
            np.testing.assert_allclose(found, target, atol=2e-3)
            read += 1
        assert salient == framed.table["salient_word"][i]
    assert read > 150


def test_frames_of_voice_and_face_have_their_rates_and_the_face_leads(framed):
    assert (framed.frames["audio"].rate, framed.frames["visual"].rate) == (12.5, 15.0)
    ratio = framed.frames["visual"].lengths / framed.frames["audio"].lengths
    assert ratio.mean() == pytest.approx(1.2, abs=0.02)
    voice, face = (observe.burst(m, 8, 4) for m in ("audio", "visual"))
    peak = [(np.arange(len(b)) + 0.5) @ b**2 / rate for b, rate in ((voice, 12.5), (face, 15.0))]
    assert peak[0] - peak[1] == pytest.approx(0.12, abs=0.01)
    assert (framed.table["burst_start"] >= 0).all()


def test_noise_of_the_frames_is_white():
    """Around a masked voice without offsets there is nothing but N(0, I), also along the profile."""
    corpus = simulated.generate("tiny", frames=True, masked=1.0, incongruent=0.0, offset=0.0, dialogues=(60, 4, 6))
    values = corpus.frames["audio"].values
    assert abs(values.mean()) < 0.01 and values.std() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(np.corrcoef(values.T), np.eye(18), atol=0.06)
    assert corpus.vectors["audio"].std() == pytest.approx(1, abs=0.03)


def test_words_have_one_vector_wherever_they_occur_in_directions_without_evidence(framed):
    world = World(Settings(dims=(24, 18, 18)))
    found = np.array([framed.frames["text"][i][k] for i, text in enumerate(framed.table["text"])
                      for k, word in enumerate(grammar.words_of(text)) if word == "the"])
    assert len(found) > 80 and (found == found[0]).all()
    used = np.vstack([world.prototypes("text"), world.events(), world.marks()])
    assert np.abs(used @ found[0]).max() < 0.01 < 0.3 < np.linalg.norm(found[0])


def test_annotations_follow_from_emotion_and_intensity():
    corpus = small()
    label, intensity = column(corpus, "label"), column(corpus, "intensity")
    np.testing.assert_allclose(corpus.annotations["sentiment"][:, 0], 3 * WORLD.affect[label, 0] * intensity, rtol=1e-6)
    assert corpus.tasks == ("emotion", "emotion4", "sentiment", "dimensional")
    happy = np.isin(np.array(LABELS)[label], ["happy", "excited"])
    np.testing.assert_array_equal(corpus.annotations["emotion4"][:, 1] == 1, happy)


@pytest.mark.parametrize("changes", [{}, {"seed": 7}, {"event": 8.0, "dims": (22, 20, 20), "scheme": "meld"}])
def test_a_corpus_says_what_world_it_was_drawn_from(changes):
    corpus = simulated.generate("tiny", **changes)
    assert simulated.world_behind(corpus).settings == simulated.world_of("tiny", **changes).settings
    derived = replace(corpus, source=f"{corpus.source}, fold 1 of 5")
    assert simulated.world_behind(derived).settings == simulated.world_of("tiny", **changes).settings


def test_nobody_knows_the_world_of_other_corpora():
    corpus = simulated.generate("tiny")
    assert simulated.world_behind(replace(corpus, name="meld")) is None
    assert simulated.world_behind(replace(corpus, source="/home/me/table")) is None


# Annotators

def test_annotators_do_not_err_by_default():
    table = small().table
    assert (table["label"] == table["emotion"]).all()


@pytest.mark.parametrize("annotators", [1, 3])
def test_mistakes_of_annotators_are_as_set_and_change_nothing_else(annotators):
    clean, noisy = (simulated.generate("tiny", dialogues=(900, 1, 1), **changes)
                    for changes in ({}, {"mistakes": 0.3, "annotators": annotators}))
    same = [c for c in clean.table.columns if c != "label"]
    assert clean.table[same].equals(noisy.table[same])
    for m in MODALITIES:
        np.testing.assert_array_equal(clean.vectors[m], noisy.vectors[m])
    world = simulated.world_behind(noisy)
    counts = np.zeros((6, 6))
    np.add.at(counts, (column(noisy, "emotion"), column(noisy, "label")), 1)
    np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), world.votes, atol=0.05)
    assert np.diag(world.votes).min() > (0.69 if annotators == 1 else 0.75)  # several are more often right than one


def test_the_label_with_most_votes_is_elected_and_the_first_of_those_that_tie():
    assert [elected(votes) for votes in ([2], [1, 0, 0], [1, 0], [2, 1, 0], [3, 1, 1, 3, 0])] == [2, 0, 1, 2, 3]


# Machines

GOLDEN = {"tiny": "af716d2061ba07fa", "lesson": "3c803cd4bae47065"}  # the beginnings of fingerprints


@pytest.mark.parametrize("preset", GOLDEN)
def test_a_preset_is_the_same_corpus_on_every_machine(preset):
    """Ids of runs follow the corpus's content, so that records of one machine are known on another."""
    assert simulated.generate(preset, frames=True).fingerprint.startswith(GOLDEN[preset])


def test_another_processor_makes_the_same_corpus():
    code = "from erclab.corpora import simulated; print(simulated.generate('tiny', frames=True).fingerprint)"
    old = os.environ | {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX AVX2 FMA3", "OPENBLAS_CORETYPE": "Nehalem"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    found = subprocess.run(command, env=old, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == simulated.generate("tiny", frames=True).fingerprint
