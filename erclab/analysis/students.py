"""Scores of SDT's students, one per modality, beside the fused prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from torch import nn

from erclab import runs
from erclab.analysis import robustness, statistics
from erclab.analysis.inside import check_corpus
from erclab.core import metrics
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.models.interface import Output
from erclab.runs import Record


class StudentHead(nn.Module):
    """A trained SDT whose logits are those of one of its students."""

    def __init__(self, model: nn.Module, modality: str):
        super().__init__()
        self.model, self.modality, self.config = model, modality, model.config

    def forward(self, batch: DialogueBatch) -> Output:
        """An `Output` whose logits (B, T, C) are the student's and not the fused ones."""
        return Output(self.model(batch).aux[f"student.{self.modality}"])


def student_scores(records: Sequence[Record], corpus: Corpus, metric: str = "weighted_f1", split: str = "test"
                   ) -> pd.DataFrame:
    """One row per run, a column per modality: the score of that modality's student.

    A student reads one modality at the end, but its stream has attended to the others before.

    Raises:
        UsageError: a run of another model, or of another corpus.
    """
    rows = []
    for r in records:
        if r.spec["model"] != "sdt":
            raise UsageError(f"{r.title} has no students", where=r.id, remedy="Take runs of sdt.")
        check_corpus(r, corpus)
        view, model = runs.views(r.spec, corpus, splits=[split])[split], r.model()
        rows.append({m: robustness.score_on(StudentHead(model, m), view, metric) for m in r.spec["modalities"]})
    return pd.DataFrame(rows)


def students_learn(settings: Mapping) -> bool:
    """Whether a run's students learn anything, from labels or from a teacher."""
    return any(settings["loss_weights"][1:])


def teaching_gains(groups: Mapping[str, Sequence[Record]], corpus: Corpus, reference: str) -> pd.DataFrame:
    """The gain of the students by each kind of teaching over the setting `reference`, in points, paired over seeds.

    Rows: setting and modality; columns difference, low and high of its 95 % interval, and verdict. A setting in which
    students learn nothing is left out.
    """
    metric = statistics.shown_metric(groups)
    base, rows, scale = student_scores(groups[reference], corpus, metric), {}, metrics.scale(metric)
    for name, records in groups.items():
        if name == reference or not students_learn(records[0].spec["settings"]):
            continue
        for m, x in student_scores(records, corpus, metric).items():
            found = statistics.difference(x, base[m], pairs=True)
            rows[name, m] = {key: scale * found[key] for key in ("difference", "low", "high")} | {
                "verdict": statistics.verdict(found)}
    return pd.DataFrame(rows).T.rename_axis(["teaching", "student"])
