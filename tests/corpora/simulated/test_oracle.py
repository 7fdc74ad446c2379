"""The oracle against enumeration, against frequencies, and against what more evidence must do."""

from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from erclab.analysis import ceilings
from erclab.core.errors import CorpusError, UsageError
from erclab.corpora import MODALITIES, simulated
from erclab.corpora.interventions import LAST, OWN
from erclab.corpora.simulated import generator, grammar, lexicon, oracle
from erclab.corpora.simulated.world import Settings, World

SUBSETS = [subset for n in range(4) for subset in combinations(MODALITIES, n)]
SMALL = {"turns": (4, 4, 4), "dialogues": (3, 1, 1), "spread": 0.0, "switch": 0.7, "ambiguous": 0.2, "referential": 0.5,
         "masked": 0.3, "incongruent": 0.1, "strength": (2.0, 1.5, 1.2), "event": 1.5, "dims": (24, 18, 18), "slip":
         0.2, "contrast": 0.2, "denied": 0.3, "mistakes": 0.2, "annotators": 3}


def made(**changes):
    settings = Settings(**{**SMALL, **changes})
    return simulated.generate("small", **{**SMALL, **changes}), World(settings)


def gauss(x, mean):
    """The density of N(mean, I), less the factor that all means share."""
    return float(np.exp(-0.5 * ((x - mean) ** 2).sum() + 0.5 * (x**2).sum()))


def enumerated(corpus, world, start, stop, modalities, seen, view):
    """{turn: (C,)} of the label, by summing over every emotion of every turn, from the generative story alone.

    `seen(t)` gives the turns whose words, voices and faces count when turn t is asked for. Forms, words and shown
    emotions are summed out turn by turn, by loops.
    """
    s, C = world.settings, len(world.labels)
    rows, T = corpus.table.iloc[start:stop], stop - start
    speakers = list(rows["speaker"])
    vectors = {m: corpus.vectors[m][start:stop].astype(float) for m in modalities}
    readings = [grammar.read(text) for text in rows["text"]]
    names = [lexicon.lexicon_label(label) for label in world.labels]
    valence = [{"happy": 1, "neutral": 0, "angry": -1}[label] for label in world.labels]
    levels = {0.5: (0.7, 0.25, 0.05), 0.75: (0.15, 0.7, 0.15), 1.0: (0.05, 0.25, 0.7)}

    def spread(chosen):
        weights = np.array([world.prior[c] if c in chosen else 0.0 for c in range(C)])
        return weights / weights.sum()

    # With one emotion of each valence, each is taken for the neutral one by half, else for any other; the neutral for
    # any.
    others = [spread([c for c in range(C) if c != e]) for e in range(C)]
    taken = [others[e] if valence[e] == 0 else 0.5 * spread([valence.index(0)]) + 0.5 * others[e] for e in range(C)]
    decoys = [spread([c for c in range(C) if (valence[c] == -valence[e] if valence[e] else valence[c] != 0)])
              for e in range(C)]
    felt = [(1 - s.slip) * np.eye(C)[e] + s.slip * taken[e] for e in range(C)]
    excluded = [(1 - s.slip) * decoys[e] + s.slip * world.prior for e in range(C)]

    def of_text(t, e, level):
        """The likelihood of an utterance's form and word, an event left out."""
        reading, total = readings[t], 0.0
        plain = reading.form in ("direct", "contrast", "denied")
        form = {"direct": 1 - s.contrast - s.denied, "contrast": s.contrast, "denied": s.denied}.get(reading.form, 1.0)
        if not plain:
            return form
        for g in range(C):
            for k in range(3):
                p = excluded[e][g] / 3 if reading.form == "denied" else felt[e][g] * levels[level][k]
                if view == "words":
                    total += p * (names[g] == reading.emotion and k == reading.level)
                else:
                    # What the marks and the event add to the vector is orthogonal to the word's part.
                    total += p * gauss(vectors["text"][t], (0.5, 0.75, 1.0)[k] * world.prototypes("text")[g])
        return form * total

    def of_event(t, e):
        """The likelihood of the event at the end of turn t, where the next turn has the emotion e."""
        return sum(felt[e][g] * (names[g] == readings[t].event if view == "words" else
                                 gauss(vectors["text"][t], world.events()[g])) for g in range(C))

    def spoken(t, e):
        total = 0.0
        for level in (0.5, 0.75, 1.0):
            likelihood = 1 / 3
            for m in modalities:
                if m == "text":
                    likelihood *= of_text(t, e, level)
                else:
                    book = level * world.prototypes(m)
                    lie = sum(w * gauss(vectors[m][t], book[c]) for c, w in enumerate(decoys[e]) if w)
                    likelihood *= ((1 - s.masked - s.incongruent) * gauss(vectors[m][t], book[e])
                                   + s.incongruent * lie + s.masked * gauss(vectors[m][t], 0 * book[e]))
            total += likelihood
        return total

    def step(t, emotions):
        own = next((emotions[j] for j in range(t - 1, -1, -1) if speakers[j] == speakers[t]), None)
        other = next((emotions[j] for j in range(t - 1, -1, -1) if speakers[j] != speakers[t]), None)
        p = world.prior[emotions[t]] * (1 - s.persistence * (own is not None) - s.contagion * (other is not None))
        if own is not None:
            p += s.persistence * (own == emotions[t])
        if other is not None:
            p += s.contagion * world.pull[other, emotions[t]]
        return p

    own = [[spoken(t, e) for e in range(C)] for t in range(T)]
    after = [[of_event(t, e) if "text" in modalities and readings[t].event else 1.0 for e in range(C)]
             for t in range(T)]
    found = {t: np.zeros(C) for t in range(T)}
    for emotions in product(range(C), repeat=T):
        story = np.prod([step(t, emotions) for t in range(T)])
        for t in range(T):
            found[t][emotions[t]] += story * np.prod([
                own[j][emotions[j]] * (after[j][emotions[j + 1]] if j + 1 < T else 1.0) for j in seen(t)])
    vote = np.zeros((C, C))
    for e, ballot in product(range(C), product(range(C), repeat=3)):
        most = max(ballot.count(c) for c in ballot)
        label = next(c for c in ballot if ballot.count(c) == most)
        vote[e, label] += np.prod([(1 - s.mistakes) * (e == c) + s.mistakes * taken[e][c] for c in ballot])
    return {t: p / p.sum() @ vote for t, p in found.items()}


# Three emotions are enough for every mechanism, and make enumeration possible.
@pytest.fixture(autouse=True)
def three_emotions(request, monkeypatch):
    if "enumeration" in request.node.name:
        from erclab.corpora.simulated import world
        monkeypatch.setitem(world.SCHEMES, "iemocap", {"happy": 3, "neutral": 4, "angry": 5})


ENUMERATED = {2: 1, 3: 7}  # speakers -> a seed whose second dialogue has all kinds of words


@pytest.mark.parametrize("speakers", [(0.0, 1.0), (0.0, 0.0, 1.0)], ids=["two", "three"])
@pytest.mark.parametrize(("modalities", "view"), [(m, v) for m in SUBSETS for v in oracle.VIEWS
                                                  if "text" in m or v == "words"],
                         ids=lambda x: x if isinstance(x, str) else "+".join(x))
def test_it_equals_enumeration(speakers, modalities, view):
    corpus, world = made(speakers=speakers, seed=ENUMERATED[len(speakers)])
    contexts = {("dialogue", 0): lambda t: range(4), ("causal", 0): lambda t: range(t + 1),
                ("utterance", 0): lambda t: [t], ("window", 1): lambda t: range(max(0, t - 1), t + 1),
                ("window", 2): lambda t: range(max(0, t - 2), t + 1)}
    start, stop = corpus.starts[1:3]
    rows = corpus.table.iloc[start:stop]
    assert rows["speaker"].nunique() == len(speakers)
    assert {"denied", "referential"} <= set(rows["form"]) and {"direct", "contrast"} & set(rows["form"])
    for (context, window), seen in contexts.items():
        ours = oracle.posterior(corpus, world, modalities, context, window, view=view).label[start:stop]
        truth = enumerated(corpus, world, start, stop, modalities, seen, view)
        np.testing.assert_allclose(ours, np.stack([truth[t] for t in range(4)]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("view", ["words", "vectors"])
def test_the_oracle_of_some_turns_equals_enumeration(view):
    corpus, world = made(speakers=(0.0, 1.0), seed=ENUMERATED[2])
    start, stop = corpus.starts[1:3]
    who = corpus.speaker_index[start:stop]
    part = corpus.select(np.arange(start, stop))
    for name, seen in {OWN: lambda t: [j for j in range(4) if who[j] == who[t]],
                       LAST["others"]: lambda t: [j for j in range(t) if who[j] != who[t]] + [t]}.items():
        ours = ceilings.hearing(part, world, ceilings.HEARD[name], split=part.dialogue_splits[0], view=view)
        truth = enumerated(corpus, world, start, stop, MODALITIES, seen, view)
        np.testing.assert_allclose(ours, np.stack([truth[t] for t in range(4)]), rtol=0, atol=1e-10)


@pytest.fixture(scope="module")
def default():
    corpus = simulated.generate("small", dialogues=(400, 0, 0), seed=11)
    return corpus, World(simulated.PRESETS["small"])


@pytest.fixture(scope="module")
def posterior(default):
    """The oracle on `default`. Several tests read the same posteriors, each of which takes about a second."""
    @cache
    def found(modalities=MODALITIES, context="dialogue", window=3, view="vectors"):
        return oracle.posterior(*default, modalities, context, window, view=view)

    return found


def worst_bin(p, hit):
    """The largest difference, over ten bins that hold 2 % of the mass or more, of probability and frequency."""
    bins = np.minimum((p * 10).astype(int), 9)
    return max(abs(p[bins == b].mean() - hit[bins == b].mean()) for b in range(10) if (bins == b).mean() >= 0.02)


@pytest.mark.parametrize(("modalities", "view"), [(("text",), "words"), (("text",), "vectors"), (("audio",), "vectors"),
                                                  (MODALITIES, "vectors")], ids=str)
@pytest.mark.parametrize("context", oracle.CONTEXTS)
def test_it_is_calibrated(default, posterior, modalities, view, context):
    """What it calls 70 % likely happens in 70 % of the cases."""
    corpus, _ = default
    p = posterior(modalities, context, view=view).emotion
    hit = np.eye(p.shape[1])[corpus.table["label"]]
    # A bin that holds 2 % of these probabilities has a standard error of up to 1.8 points.
    assert len(corpus) > 6_000 and worst_bin(p, hit) < 0.045


@pytest.mark.long
@pytest.mark.parametrize("mistakes", [0.0, 0.2])
@pytest.mark.parametrize(("modalities", "view"), [(("text",), "words"), (("text",), "vectors"), (("audio",), "vectors"),
                                                  (MODALITIES, "words"), (MODALITIES, "vectors")], ids=str)
def test_it_is_calibrated_to_one_percent(modalities, view, mistakes):
    """Of about 8,000 dialogues and 120,000 turns; about a minute each."""
    corpus = simulated.generate("small", dialogues=(8_000, 0, 0), seed=21, mistakes=mistakes)
    world, hit = simulated.world_behind(corpus), np.eye(6)[corpus.table["label"]]
    for context in ("utterance", "causal", "dialogue"):
        p = oracle.posterior(corpus, world, modalities, context, view=view).label
        assert worst_bin(p, hit) < 0.01, context


@pytest.mark.parametrize("modalities", [("text",), MODALITIES], ids="+".join)
@pytest.mark.parametrize("context", ["utterance", "causal", "dialogue"])
def test_words_tell_more_than_vectors_and_frames_tell_as_much(default, posterior, modalities, context):
    corpus, _ = default
    words, vectors, frames = (posterior(modalities, context, view=view) for view in oracle.VIEWS)
    gain = log_score(corpus, words) - log_score(corpus, vectors)
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))
    np.testing.assert_array_equal(frames.emotion, vectors.emotion)


def test_mistakes_of_annotators_lower_the_ceiling_by_what_they_change():
    """The accuracy of the oracle is the mean of its largest probability, also under mistakes."""
    accuracy = {}
    for mistakes in (0.0, 0.3):
        corpus, world = made(mistakes=mistakes, annotators=1, dialogues=(700, 0, 0), turns=(4, 6, 8), spread=0.3)
        p = oracle.posterior(corpus, world).label
        accuracy[mistakes] = (p.argmax(1) == corpus.table["label"]).mean()
        assert accuracy[mistakes] == pytest.approx(p.max(1).mean(), abs=0.02)
        emotion = oracle.posterior(corpus, world).emotion
        true = (emotion.argmax(1) == corpus.table["emotion"]).mean()
        assert true == pytest.approx(accuracy[0.0], abs=0.015)
    assert accuracy[0.0] - 0.3 < accuracy[0.3] < accuracy[0.0] - 0.1


def log_score(corpus, found):
    return np.log(found.emotion[np.arange(len(corpus)), corpus.table["label"]])


@pytest.fixture(scope="module")
def few():
    """A smaller corpus, where what is compared are the means of many posteriors: their errors are known."""
    return simulated.generate("small", dialogues=(120, 0, 0), seed=12), World(simulated.PRESETS["small"])


def test_more_modalities_never_lower_its_score(few):
    corpus, _ = few
    for context in ("utterance", "causal"):
        score = {subset: log_score(corpus, oracle.posterior(*few, subset, context)) for subset in SUBSETS}
        for smaller, larger in combinations(SUBSETS, 2):
            if set(smaller) < set(larger):
                gain = score[larger] - score[smaller]
                assert gain.mean() > -3 * gain.std() / np.sqrt(len(gain)), (smaller, larger, context)


@pytest.mark.slow
def test_more_context_never_lowers_its_score(few):
    corpus, _ = few
    steps = [("utterance", {}), ("window", {"window": 1}), ("window", {"window": 4}), ("causal", {}), ("dialogue", {})]
    for modalities in (("text",), ("visual",), MODALITIES):
        scores = [log_score(corpus, oracle.posterior(*few, modalities, context, **options))
                  for context, options in steps]
        for less, more in pairwise(scores):
            gain = more - less
            assert gain.mean() > -3 * gain.std() / np.sqrt(len(gain))


def test_context_decides_referential_words_more_than_anything_else(default, posterior):
    """The field's claim that text needs context more than voice and face do has a known answer here."""
    corpus, _ = default
    label, kind = corpus.table["label"], corpus.table["text_kind"]

    def gain(modalities, rows, view="vectors"):
        alone, causal = (posterior(modalities, c, view=view).emotion.argmax(1) for c in ("utterance", "causal"))
        return accuracy_score(label[rows], causal[rows]) - accuracy_score(label[rows], alone[rows])

    for view in ("words", "vectors"):
        assert gain(("text",), kind == "referential", view) > 0.4
        assert 0.05 < gain(("text",), kind == "ambiguous", view) < 0.35  # from what went on before alone
        assert 0 <= gain(("text",), kind == "plain", view) < 0.12
    for modality in ("audio", "visual"):
        assert 0 <= gain((modality,), kind != "") < 0.12 < gain(("text",), kind != "")


def test_the_other_modalities_correct_one_that_lies(default, posterior):
    corpus, world = default
    lies = ~corpus.table["audio_shown"].isin(["masked"]) & (
        corpus.table["audio_shown"] != np.array(world.labels)[corpus.table["label"]])
    alone = posterior(("audio",)).emotion.argmax(1)
    together = posterior().emotion.argmax(1)
    assert lies.mean() == pytest.approx(world.settings.incongruent, abs=0.01)
    assert accuracy_score(corpus.table["label"][lies], alone[lies]) < 0.35
    assert accuracy_score(corpus.table["label"][lies], together[lies]) > 0.6


def test_without_evidence_it_is_the_prior(default, posterior):
    _, world = default
    p = posterior(()).emotion
    np.testing.assert_allclose(p, np.tile(world.prior, (len(p), 1)), atol=1e-9)


def test_nothing_underflows_in_a_long_conversation():
    corpus, world = made(turns=(300, 300, 300), dialogues=(1, 1, 1), strength=(6.0, 6.0, 6.0), event=6.0)
    p = oracle.posterior(corpus, world).emotion
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)


def test_sentiment_and_affect_follow_from_the_state(default, posterior):
    corpus, world = default
    found = posterior(context="causal")
    np.testing.assert_allclose(found.state.sum((1, 2)), 1, atol=1e-12)
    truth = corpus.annotations["sentiment"][:, 0]
    mean, median = found.sentiment(world), found.sentiment(world, "median")
    rng = np.random.default_rng(0)
    for other in (np.zeros(len(truth)), mean + rng.normal(scale=0.2, size=len(truth))):
        assert ((mean - truth) ** 2).mean() < ((other - truth) ** 2).mean()
        assert np.abs(median - truth).mean() < np.abs(other - truth).mean()
    assert np.abs(median - truth).mean() <= np.abs(mean - truth).mean()


def test_a_split_gives_its_rows(default):
    corpus, world = made(seed=5)
    whole = oracle.posterior(corpus, world).emotion
    np.testing.assert_array_equal(oracle.posterior(corpus, world, split="valid").emotion, whole[corpus.rows("valid")])


def test_words_of_another_language_and_vectors_of_another_encoder_are_refused():
    corpus, world = made(seed=5)
    foreign = replace(corpus, table=corpus.table.assign(text="Hello there."))
    with pytest.raises(CorpusError, match="no sentence of the simulated language"):
        oracle.posterior(foreign, world, view="words")
    with pytest.raises(UsageError, match="was not made in this world"):
        oracle.posterior(corpus.with_vectors("text", corpus.vectors["text"] * 1.1), world)


def test_the_state_stays_small_with_many_speakers():
    corpus = simulated.generate("meld", dialogues=(200, 1, 1))
    for a, b in zip(corpus.starts[:-1], corpus.starts[1:], strict=True):
        links = generator.parents(corpus.table["speaker"].to_numpy()[a:b])
        assert generator.most_live(links) <= generator.MOST_LIVE
    assert corpus.table.groupby("dialogue")["speaker"].nunique().max() >= 4


def test_another_label_order_or_width_is_refused():
    corpus, world = made()
    for other in (World(Settings(scheme="meld")), World(Settings())):
        with pytest.raises(UsageError, match="was not made in this world"):
            oracle.posterior(corpus, other)
    for wrong, said in (({"modalities": ("smell",)}, "modality"), ({"context": "past"}, "context"),
                        ({"window": -1, "context": "window"}, "negative"),
                        ({"view": "sounds"}, "view")):
        with pytest.raises(UsageError, match=said):
            oracle.posterior(corpus, world, **wrong)
