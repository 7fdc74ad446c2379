"""Lists of runs that answer one question together."""

from __future__ import annotations

from erclab import models, runs
from erclab.corpora import Corpus
from erclab.runs import Record


def comparison(corpus: Corpus, model: str = "sdt", *, seeds: int = 3, profile: str = "smoke",
               protocol: str = "sound", progress: bool = True) -> dict[str, list[Record]]:
    """A model beside what it must beat: title -> runs, in the order of a table.

    All modalities, then each alone (where there are several), then the linear probes and the constant predictor,
    which see the same vectors.
    """
    question = {"seeds": seeds, "profile": profile, "protocol": protocol, "progress": progress}
    name = models.info(model).title
    table = {}
    if len(corpus.modalities) > 1:
        table[f"{name}, all modalities"] = runs.run(model, corpus, **question)
    for m in corpus.modalities:
        table[f"{name}, {m} alone"] = runs.run(model, corpus, modalities=[m], **question)
    for baseline in ("linear", "linear-balanced", "constant"):
        records = runs.run(baseline, corpus, profile=profile)
        table[records[0].title] = records
    return table
