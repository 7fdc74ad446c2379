"""The baseline that reads words: what it learns from, what it must not see, and what is known at best."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from erclab import models, runs
from erclab.core.batches import Flat
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.simulated.oracle import posterior
from erclab.corpora.views import flat
from erclab.models.tfidf import TfidfProbe

MOODS = ("glad", "furious", "weary")


def heard(texts, labels, before=None):
    labels = np.asarray(labels)
    return Flat(np.zeros((len(labels), 0)), labels, np.full_like(labels, -1 if labels.ndim == 1 else np.nan),
                np.array(texts, dtype=object), np.array(before or [""] * len(labels), dtype=object))


def spoken(count, seed=0, mood="{}"):
    """Sentences in which one word tells the label, among things that do not."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    things = rng.choice(["the bus", "a letter", "my sister", "the rain"], count)
    words = [mood.format(MOODS[y]) for y in labels]
    return [f"Look at {thing}, I am {word} now." for thing, word in zip(things, words, strict=True)], labels


def fitted(train, valid, **settings):
    model = TfidfProbe(TfidfProbe.Config(3, **settings))
    return model, model.fit(train, valid)


def test_a_word_tells_the_label_and_its_characters_tell_a_spelling_that_training_never_had():
    model, curve = fitted(heard(*spoken(60)), heard(*spoken(30, 1)))
    assert [row["penalty"] for row in curve] == list(model.config.penalties)
    for mood in ("{}", "{}er"):
        texts, labels = spoken(30, 2, mood)
        assert (model.predict(heard(texts, labels)).argmax(1) == labels).all(), mood


def test_the_turn_before_counts_with_context_alone():
    """Turns with a mood have no label themselves; the answers to them have one."""
    texts, labels = spoken(60)
    answers = [f"Hm, {i % 4}." for i in range(60)]
    part = heard([*texts, *answers], [*[-1] * 60, *labels], [*[""] * 60, *texts])
    right = {context: (fitted(part, part, context=context)[0].predict(part)[60:].argmax(1) == labels).mean()
             for context in (False, True)}
    assert right[True] == 1 and right[False] < 0.6


def test_it_is_a_logistic_regression_on_the_vectors_of_training_chosen_on_validation():
    """As scikit-learn has it, by hand: neither vocabulary nor weights come from the validation split."""
    rng = np.random.default_rng(3)
    def part(n):
        labels = rng.integers(3, size=n)
        said = [" ".join([*rng.choice(["la", "le", "li", "lo", "lu"], 4), *([MOODS[y]] * (rng.random() < 0.6))])
                for y in labels]
        return said, labels
    (x, y), (vx, vy) = part(80), part(60)
    model, curve = fitted(heard(x, y), heard(vx, vy), penalties=(0.1, 1.0, 10.0))
    both = [TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True).fit(x),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit(x)]
    train, valid = (np.hstack([v.transform(texts).toarray() for v in both]) for texts in (x, vx))
    expected = [LogisticRegression(C=c, max_iter=10_000, tol=1e-9).fit(train, y) for c in (0.1, 1.0, 10.0)]
    scores = [f1_score(vy, e.predict(valid), average="weighted") for e in expected]
    assert [row["valid"]["weighted_f1"] for row in curve] == pytest.approx(scores)
    best = expected[int(np.argmax(scores))]
    np.testing.assert_allclose(np.exp(model.predict(heard(vx, vy))), best.predict_proba(valid), atol=2e-3)


@pytest.mark.parametrize("task", ["sentiment", "dimensional", "emotion4"])
def test_other_tasks(task):
    texts, labels = spoken(60)
    column = (labels == 1).astype(float)
    targets = {"sentiment": 3 * column[:, None] - 1, "dimensional": np.stack([column, np.full(60, np.nan)], 1),
               "emotion4": np.stack([column, 1 - column, 0 * column, column], 1)}[task]
    model = TfidfProbe(TfidfProbe.Config(8 if task == "emotion4" else targets.shape[1], task))
    part = heard(texts, targets)
    model.fit(part, part)
    found = model.predict(part)
    if task == "emotion4":
        assert (found.reshape(-1, 4, 2).argmax(2) == targets).all()
    else:
        np.testing.assert_allclose(found[:, 0], targets[:, 0], atol=0.3)


def test_without_words_it_is_refused(tiny, tmp_path):
    nothing = heard([" ", ""] * 3, [0, 1] * 3)
    with pytest.raises(UsageError, match="needs texts in the training split"):
        fitted(nothing, nothing)
    mute = replace(tiny, table=tiny.table.assign(text=""))
    assert runs.word_baselines(mute) == () and runs.word_baselines(tiny) == ("tfidf", "tfidf-context")
    with pytest.raises(UsageError, match=r"has no words in its training split, and Words \(tf-idf\) reads nothing"):
        runs.run("tfidf", mute, folder=tmp_path)
    with pytest.raises(UsageError, match="unknown modality"):
        runs.run("tfidf", tiny, modalities=["audio"], folder=tmp_path)
    with pytest.raises(UsageError, match="no range of lengths"):
        TfidfProbe.Config(3, words=(2, 1))
    with pytest.raises(UsageError, match="most = 0"):
        TfidfProbe.Config(3, most=0)


def test_texts_of_a_split_and_of_the_turns_before(tiny):
    for split, part in flat(tiny, (), "emotion").items():
        table = tiny.table[tiny.table["split"] == split]
        assert part.features.shape == (len(table), 0) and list(part.texts) == list(table["text"])
        before = [text for _, turns in table.groupby("dialogue", sort=False) for text in ["", *turns["text"]][:-1]]
        assert list(part.texts_before) == before
        kept = replace(part, labels=np.where(np.arange(len(table)) % 2, -1, part.labels)).annotated()
        assert list(kept.texts) == list(table["text"])[::2] and list(kept.texts_before) == before[::2]


def test_on_simulated_words_it_stays_below_the_oracle_that_reads_words(tmp_path):
    """Plain words tell the emotion, words that point back tell it with the turn before."""
    corpus = simulated.generate("tiny", dialogues=(160, 8, 80))
    world, test = simulated.world_of("tiny", dialogues=(160, 8, 80)), corpus.rows("test")
    kind, truth = corpus.table["text_kind"].to_numpy()[test], corpus.targets("test")
    right, share = {}, {}
    for name, context in (("tfidf", "utterance"), ("tfidf-context", "causal")):
        record, = runs.run(name, corpus, folder=tmp_path, progress=False)
        assert list(record.spec["modalities"]) == ["text"]
        guess = record.predictions("test").argmax(1) == truth
        right[name] = {k: guess[kind == k].mean() for k in ("plain", "ambiguous", "referential")}
        best = posterior(corpus, world, ("text",), context, split="test", view="words").label.argmax(1)
        share[name] = guess.mean(), (best == truth).mean()
    assert right["tfidf"]["plain"] > right["tfidf"]["referential"] + 0.15
    assert right["tfidf-context"]["referential"] > right["tfidf"]["referential"] + 0.3
    for found, best in share.values():
        assert np.bincount(truth).max() / len(truth) + 0.02 < found < best - 0.1  # a bag of words does not solve it
    vectors = posterior(corpus, world, ("text",), "utterance", split="test").label.argmax(1) == truth
    assert share["tfidf"][1] > vectors.mean()  # vectors are the words and noise


def test_only_the_most_frequent_words_are_features():
    texts, labels = spoken(60)
    model, _ = fitted(heard([*texts, "rarely said"], [*labels, 0]), heard(texts, labels), most=5)
    assert [len(v.vocabulary_) for v in model.vectorisers] == [5, 5] and "am" in model.vectorisers[0].vocabulary_


def test_both_are_in_the_registry():
    assert [models.build(name, {"outputs": 3, **models.MODELS[name].fixed}).config.context
            for name in ("tfidf", "tfidf-context")] == [False, True]
