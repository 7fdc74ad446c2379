"""The simulated conversations: what their settings promise can be found in the data, and nothing else can."""

import re
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from sklearn.linear_model import LogisticRegression

from erclab.corpora import lexicon, simulated
from erclab.errors import UsageError

LABELS, VALENCE = simulated.LABELS, simulated.VALENCE


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
    ("small", (160, 40, 80), (8, 24), (48, 32, 32)), ("tiny", (12, 4, 6), (3, 8), (12, 8, 8))])
def test_presets_have_their_sizes(preset, dialogues, turns, dims):
    corpus = simulated.generate(preset)
    lengths = np.diff(corpus.starts)
    assert tuple((corpus.dialogue_splits == s).sum() for s in ("train", "valid", "test")) == dialogues
    assert (lengths.min(), lengths.max()) == turns
    assert corpus.dims == dict(zip(("text", "audio", "visual"), dims, strict=True))
    assert corpus.labels == LABELS and corpus.speaker_count == 2


def test_settings_change_the_sizes():
    corpus = simulated.generate("tiny", dialogues=(2, 1, 3), turns=(5, 5), dims=(3, 2, 1))
    assert len(corpus) == 30 and corpus.dims == {"text": 3, "audio": 2, "visual": 1}


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
        assert np.diag(alike).min() > 0.95, modality
        assert alike[~np.eye(6, dtype=bool)].max() < 0.7, modality


# Labels and their dynamics

def test_label_shares_are_those_of_the_dynamics_and_skewed():
    corpus, s = small(dialogues=(500, 1, 1)), simulated.Settings()
    # Stationary: pi = persistence pi + contagion pi P + (1 - persistence - contagion) prior.
    left = np.eye(6) * (1 - s.persistence) - s.contagion * simulated.pull().T
    expected = np.linalg.solve(left, (1 - s.persistence - s.contagion) * simulated.PRIOR)
    shares = np.bincount(column(corpus, "label")) / len(corpus)
    assert expected.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, expected, atol=0.02)
    assert shares.max() > 2 * shares.min()


def test_every_label_occurs_in_every_split_of_the_default_corpus():
    assert small().counts().to_numpy().min() >= 30


def test_pull_keeps_valence_and_prefers_the_same_emotion():
    pull = simulated.pull()
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
        corpus = small(switch=switch)
        who, inside = column(corpus, "speaker"), np.ones(len(corpus) - 1, bool)
        inside[corpus.starts[1:-1] - 1] = False
        assert low <= (who[1:] != who[:-1])[inside].mean() <= high


# Words

def pattern(template):
    """A template of the lexicon as a regular expression with the groups thing and very."""
    text = re.escape(template).replace(r"\{thing\}", f"(?P<thing>{'|'.join(lexicon.THINGS)})")
    return text.replace(r"\{very\}", f"(?P<very>{'|'.join(lexicon.VERY)})")


def spoken(text, templates):
    """The match of a text with one of the templates, followed by an event or not: (match, event's text)."""
    for template in templates:
        if found := re.fullmatch(pattern(template) + "(?P<event> By the way, .*)?", text):
            return found
    return None


def test_every_sentence_comes_from_the_lexicon_and_fits_its_label_and_kind():
    seen = set()
    for row in small().table.itertuples():
        templates = {"plain": lexicon.PLAIN[LABELS[row.label]], "ambiguous": lexicon.AMBIGUOUS,
                     "referential": lexicon.REFERENTIAL}[row.text_kind]
        found = spoken(row.text, templates)
        assert found, row
        seen.add((row.text_kind, row.label))
        if found["event"]:
            assert any(re.fullmatch(" " + pattern(e), found["event"]) for e in lexicon.EVENTS.values()), row
    assert len(seen) == 18  # every kind with every label


def test_the_intensifier_grows_with_the_intensity():
    by_word = {word: [] for word in lexicon.VERY}
    for row in small().table.itertuples():
        found = spoken(row.text, lexicon.PLAIN[LABELS[row.label]])
        if row.text_kind == "plain" and found.groupdict().get("very"):
            by_word[found["very"]].append(row.intensity)
    ranges = [(min(v), max(v)) for v in by_word.values()]
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))


def test_a_referential_reply_follows_the_event_that_decides_it():
    table, count = small().table, 0
    for i in np.flatnonzero(table["text_kind"] == "referential"):
        reply, before = table.loc[i], table.loc[i - 1]
        found = spoken(reply["text"], lexicon.REFERENTIAL)
        assert found["event"] is None  # it points back and does nothing else
        thing = found["thing"]
        assert reply["dialogue"] == before["dialogue"] and reply["speaker"] != before["speaker"]
        assert before["text"].endswith(lexicon.EVENTS[LABELS[reply["label"]]].format(thing=thing))
        count += 1
    assert count == table["text"].str.contains("By the way").sum() > 500  # and no event leads nowhere


def test_shares_of_silent_words_are_as_set():
    """Fewer referential ones than asked for: only a reply to another's turn can point back."""
    shares = small().table["text_kind"].value_counts(normalize=True)
    assert shares["ambiguous"] == pytest.approx(0.15, abs=0.025) and 0.10 < shares["referential"] < 0.25
    only_plain = simulated.generate("tiny", ambiguous=0, referential=0)
    assert set(only_plain.table["text_kind"]) == {"plain"}
    assert set(simulated.generate("tiny", ambiguous=1, referential=0).table["text_kind"]) == {"ambiguous"}


def test_only_plain_words_tell_the_emotion_by_themselves():
    corpus = small()
    x, y, kind = corpus.vectors["text"], column(corpus, "label"), column(corpus, "text_kind")
    event = corpus.table["text"].str.contains("By the way").to_numpy()
    score, chance = {}, {}
    for name in ("plain", "ambiguous", "referential"):
        train, test = halves(corpus, (kind == name) & ~event)
        score[name] = accuracy(x, y, train, test)
        chance[name] = np.bincount(y[test]).max() / len(test)
    assert score["plain"] > chance["plain"] + 0.5
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
        assert (shown == "masked").mean() == pytest.approx(0.25, abs=0.03)
        assert ((shown != "masked") & (shown != label)).mean() == pytest.approx(0.05, abs=0.015)
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
    assert score["masked"] < 0.05 and score["shown"] > 0.3


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
    assert (guess == decoy).mean() > 0.5 > 3 * (guess == y[lying]).mean()


def test_speakers_have_an_offset_of_their_own_where_set():
    for offset in (0.0, 2.0):
        corpus = small(offset=offset, masked=1.0, incongruent=0.0)
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
    ({"persistence": 1.2}, r"persistence = 1\.2 is not a probability"),
    ({"masked": -0.1}, r"masked = -0\.1 is not a probability"),
    ({"switch": float("nan")}, "switch = nan is not a probability"),
    ({"persistence": 0.7, "contagion": 0.5}, r"persistence \+ contagion is more than 1"),
    ({"ambiguous": 0.7, "referential": 0.5}, r"ambiguous \+ referential is more than 1"),
    ({"masked": 0.9, "incongruent": 0.2}, r"masked \+ incongruent is more than 1"),
    ({"dialogues": (4, 0, 4)}, r"dialogues \(4, 0, 4\)"),
    ({"turns": (0, 3)}, r"turns \(0, 3\)"),
    ({"turns": (5, 4)}, r"turns \(5, 4\)"),
    ({"dims": (4, 0, 4)}, r"dims \(4, 0, 4\) must be positive"),
    ({"persistance": 0.2}, r"unknown .*setting 'persistance'\. Did you mean 'persistence'"),
])
def test_settings_that_make_no_sense_are_refused(changes, problem):
    with pytest.raises(UsageError, match=problem) as caught:
        simulated.generate("tiny", **changes)
    assert "\n" not in str(caught.value)


def test_an_unknown_preset_is_an_error_that_says_what_there_is():
    with pytest.raises(UsageError, match=r"unknown preset 'smal'\. Did you mean 'small'\? There is: small, tiny"):
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
