"""Scores of SDT's students, one per modality, beside the fused prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import nn

from erclab import runs
from erclab.analysis import ablation, robustness, statistics, tallies
from erclab.analysis.inside import check_corpus
from erclab.analysis.tallies import Tally
from erclab.core import metrics
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.models.interface import Output
from erclab.runs import Record
from erclab.runs.looks import look
from erclab.training import loop


class StudentHead(nn.Module):
    """A trained SDT whose logits are those of one of its students."""

    def __init__(self, model: nn.Module, modality: str):
        super().__init__()
        self.model, self.modality, self.config = model, modality, model.config

    def forward(self, batch: DialogueBatch) -> Output:
        """An `Output` whose logits (B, T, C) are the student's and not the fused ones."""
        return Output(self.model(batch).aux[f"student.{self.modality}"])


@look
def student_guesses(record: Record, corpus: Corpus, split: str = "test") -> dict[str, np.ndarray]:
    """Modality -> what that modality's student predicts on a split: of classes (N,) indices, else (N, C).

    Raises:
        UsageError: a run of another model, or of another corpus.
    """
    if record.spec["model"] != "sdt":
        raise UsageError(f"{record.title} has no students", where=record.id, remedy="Take runs of sdt.")
    check_corpus(record, corpus)
    view, model = runs.views(record.spec, corpus, splits=[split])[split], record.model()
    found = {m: loop.predictions(StudentHead(model, m), view, robustness.BATCH) for m in record.spec["modalities"]}
    return {m: x.argmax(1) for m, x in found.items()} if record.target.kind == "classes" else found


def student_tallies(records: Sequence[Record], corpus: Corpus, split: str = "test") -> dict[str, list[Tally]]:
    """Modality -> the predictions of that modality's student, one tally per run.

    A student reads one modality at the end, but its stream has attended to the others before.

    Raises:
        UsageError: a run of another model, or of another corpus.
    """
    found: dict[str, list[Tally]] = {}
    for r in records:
        said = student_guesses(r, corpus, split)
        truth, dialogue = corpus.targets(split, r.target.name), tallies.dialogues_of(corpus, split)
        for m, x in said.items():
            found.setdefault(m, []).append(tallies.tally(r.target, truth, x, dialogue))
    return found


def student_scores(records: Sequence[Record], corpus: Corpus, metric: str = "weighted_f1", split: str = "test"
                   ) -> pd.DataFrame:
    """One row per run, a column per modality: the score of that modality's student, see `student_tallies`."""
    return pd.DataFrame({m: [float(tallies.scored(one, metric, np.ones(one.dialogues))) for one in of_runs]
                         for m, of_runs in student_tallies(records, corpus, split).items()})


def students_learn(settings: Mapping) -> bool:
    """Whether a run's students learn anything, from labels or from a teacher."""
    return any(settings["loss_weights"][1:])


def teaching_gains(groups: Mapping[str, Sequence[Record]], corpus: Corpus, reference: str) -> pd.DataFrame:
    """The gain of the students by each kind of teaching over the setting `reference`, in points, paired over seeds and
    test dialogues.

    Rows: setting and modality; columns difference, low and high of its 95 % interval over seeds and dialogues, and
    verdict. A setting in which students learn nothing is left out.
    """
    metric = statistics.shown_metric(groups)

    def of(name: str) -> dict[str, statistics.Sampled]:
        found = student_tallies(groups[name], corpus)
        return {m: tallies.sampled(some, metric) for m, some in found.items()}

    base, rows, scale = of(reference), {}, metrics.scale(metric)
    for name, records in groups.items():
        if name == reference or not students_learn(records[0].spec["settings"]):
            continue
        for m, x in of(name).items():
            found = (x - base[m]).estimate()
            low, high = found.interval()
            rows[name, m] = {"difference": scale * found.value, "low": scale * low, "high": scale * high,
                             "verdict": statistics.verdict(found, ablation.smallest(metric))}
    return pd.DataFrame(rows).T.rename_axis(["teaching", "student"])
