"""Tiny corpora that look like real ones of sequences, and questions of models of a test's size."""

from dataclasses import replace

from erclab import models
from erclab.exhibits import catalogue


def quick(questions):
    """The same questions of models of a test's size."""
    small = {"epochs": 1, "hidden": 8}
    sizes = {"ef-lstm": small, "lf-lstm": small}
    return {name: q if models.info(q.model).kind == "fitted" else
            replace(q, settings={**q.settings, **sizes.get(q.model, small | {"heads": 2})})
            for name, q in questions.items()}


def exhibit(name):
    found, = catalogue.find([name])
    return found


def values_like(corpus):
    """The corpus as a real one would be: sentiment only, words that are not there, nothing known of what is shown."""
    keep = ["split", "dialogue", "turn", "speaker", "text"]
    return replace(corpus, table=corpus.table[keep].assign(text="", label=-1), labels=(),
                   annotations={"sentiment": corpus.annotations["sentiment"]})


def without_text_in_training(corpus):
    """As ICT-MMMO's: the words of the training split are not to be had."""
    text = corpus.frames["text"]
    train = set(corpus.rows("train"))
    parts = [text[i][:0] if i in train else text[i] for i in range(len(corpus))]
    return replace(values_like(corpus), frames={**corpus.frames, "text": type(text).pack(parts)})
