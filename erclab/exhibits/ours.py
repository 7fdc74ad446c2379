"""Our own exhibits, in no paper: Bayes ceilings (O1), explanations against planted salience (O2), the constant
predictor beside printed numbers (O4), contracts (O7), and readers beside their ceilings (O10, O11)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab import contracts, models
from erclab.analysis import ceilings, readers, salience, statistics
from erclab.analysis.audit import degenerate
from erclab.contracts.rows import ROWS
from erclab.core.batches import SequenceBatch
from erclab.corpora import Corpus, simulated
from erclab.exhibits import lacks
from erclab.exhibits.catalogue import Exhibit, Groups, questions_about
from erclab.figures import explanations as explanation_figures
from erclab.figures import readers as reader_figures
from erclab.runs import Question, Record, word_baselines

PROBES = ("linear", "linear-pooled")  # fitted models that read the features; the constant predictor is the floor
EXPLAINED = ("mult", "hct-mg", "sdt")  # two with attention over the steps of their input, and one with gates


def context_of(model: str) -> str:
    """The part of the conversation that a model (a key of `MODELS`) sees, as `ceilings.CONTEXTS` calls it.

    A fitted model and a model of sequences see one utterance, or the turn before as well (`context`). A model of
    dialogues sees earlier turns if the paper's variant keeps the contract `causality`, else the whole dialogue.
    """
    info = models.info(model)
    if info.fixed.get("context"):
        return "causal"
    if info.kind == "fitted" or info.view == "sequence":
        return "utterance"
    causal = any(row.model == model and row.variant == "paper" and row.causal for row in ROWS)
    return "causal" if causal else "dialogue"


def classifiers(corpus: Corpus) -> list[str]:
    """Every trained model of the registry that classifies emotions, after the linear probes and the baselines of words,
    by what they see."""
    trained = [info.name for info in models.MODELS.values() if info.kind == "trained" and "emotion" in info.tasks]
    return sorted((*PROBES, *word_baselines(corpus), *trained),
                  key=lambda name: list(ceilings.CONTEXTS).index(context_of(name)))


def ceiling_questions(corpus: Corpus) -> dict[str, Question]:
    """O1. All `classifiers`, and the constant predictor, which uses only the shares of the labels.

    The stored table of `simulated` has all of them. The stored table of `simulated-lesson` was made when LF-LSTM,
    LMF-MulT and DialogueRNN were not in the list, and it lacks their rows until their runs are trained.
    """
    return questions_about(("constant", *classifiers(corpus)))


def against_ceilings(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """O1: accuracy of each model beside that of the oracle of what the model sees, and the share of the way from the
    constant predictor to there.

    The oracle of the words has another score than that of the vectors, and the frames hold the evidence of the vectors.
    """
    world, best = simulated.world_behind(corpus), {}
    for view, seen in (("words", ("text",)), ("vectors", corpus.modalities)):
        found = ceilings.oracle_scores(corpus, world, subsets=[seen], view=view)
        best[view] = found["accuracy"].droplevel("modalities")
    (_, base), *others = groups.items()
    floor, rows = 100 * statistics.values(base, "accuracy").mean(), {}
    for name, records in others:
        view, sees = ceilings.view_read_by(records[0]), ceilings.CONTEXTS[context_of(records[0].spec["model"])]
        scores = statistics.summarise(statistics.values(records, "accuracy"))
        top = float(best["words" if view == "words" else "vectors"][sees])
        rows[name] = {"sees": f"{view}, {sees}", "accuracy": str(scores), "oracle of these": round(top, 1),
                      "of the way": f"{(100 * scores.mean - floor) / (top - floor):.0%}"}
    return pd.DataFrame(rows).T.rename_axis("model")


def one_explanation(record: Record, corpus: Corpus, batch: SequenceBatch) -> Figure:
    """Integrated gradients of one utterance beside attention, see `erclab.analysis.salience.one_utterance`."""
    tables, title = salience.one_utterance(record, corpus, batch)
    return explanation_figures.step_attributions(tables, title=title)


def reader_gaps(corpus: Corpus) -> Figure:
    """O11: a mark per reader that the study has measured on the corpus, see `erclab.analysis.readers`."""
    table = readers.stored(corpus.name)
    return reader_figures.gaps(table, title=readers.gap_title(table), errors=readers.ERRORS)


EXHIBITS = (
    Exhibit("O1", "Bayes ceilings, and how near each model comes", "a simulated corpus", against_ceilings,
            ceiling_questions, lacks.all_of(lacks.oracle, lacks.sequences(3)), "sequence"),
    Exhibit("O2", "Attention, gates and attributions against planted salience", "a simulated corpus with sequences",
            lambda corpus, groups: salience.planted_salience(groups, corpus), lambda corpus: questions_about(EXPLAINED),
            lacks.all_of(lacks.planted, lacks.sequences(2)), "sequence"),
    Exhibit("O4", "The constant predictor beside every printed table", "nothing",
            lambda corpus, groups: degenerate.beside_constants()),
    Exhibit("O7", "Contract matrix: models × contracts, quirks on", "nothing",
            lambda corpus, groups: contracts.matrix()),
    Exhibit("O10", "Readers of words and vectors beside their ceilings", "readers measured in its world",
            lambda corpus, groups: readers.printed_gaps(readers.stored(corpus.name)), check=lacks.readers),
    Exhibit("O11", "The readers' gaps to their ceilings", "readers measured in its world",
            lambda corpus, groups: reader_gaps(corpus), check=lacks.readers),
)
