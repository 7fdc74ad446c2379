"""LMR-CBT's tables (L1 to L5) and figure (L6)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab import models, published
from erclab.analysis import statistics
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits import ablation, efficiency, lacks
from erclab.exhibits import sequence_tables as tables
from erclab.exhibits.catalogue import Exhibit, Runs
from erclab.figures import style
from erclab.runs import Question
from erclab.training import recipes

PAPER = "lmr-cbt"
COMPARED = ("lmr-cbt", "mult", "lmf-mult", "lf-lstm", "ef-lstm")
# Name -> what is set differently, and the row of the paper's Table 2.
VARIANTS = {
    "BiLSTM, visual and audio into text": ({}, "[V, A] -> L"),
    "Conv1D instead of the BiLSTM": ({"text_front": "conv1d"}, "Conv1D"),
    "visual and text into audio": ({"target": "audio"}, "[V, L] -> A"),
    "text and audio into visual": ({"target": "visual"}, "[L, A] -> V"),
}


def hyper_parameters(corpus: Corpus, found: Runs) -> pd.DataFrame:
    """L1. Table 1 with what follows from it: rows are settings and sizes, columns the paper's corpora and how each is
    printed and is here (the model's preset and the full recipe).

    `parameters that follow` are counted from the sizes of Table 1, in the paper's equations and in the authors' code.
    """
    columns = {}
    for name in tables.FAMILIES:
        theirs = published.settings(PAPER, name)
        said = dict(zip(theirs["what"], theirs["value"], strict=True))
        recipe = recipes.recipe_for(PAPER, f"{name}-mult", "full").recipe
        cls = models.info(PAPER).cls
        config = cls.paper(name)
        ours = {what: getattr(config if hasattr(config, what) else recipe, what) for what in said}
        sizes = published.parameters(PAPER, name).query("unit == 'million' and paper == @PAPER", engine="python")
        printed = float(sizes["value"].iloc[0])
        count = models.parameter_count(cls(config))
        columns[name, "published"] = said | {"parameters, as printed": f"{printed:.2f} M"}
        columns[name, "ours"] = ours | {
            "parameters that follow": f"{count:,}", "the authors' code": f"{models.parameter_count(cls(official)):,}"
            if (official := cls.official(name)) else "",
            "rounds to what is printed": "yes" if round(count / tables.MILLION, 2) == printed else "no"}
    order = dict.fromkeys(what for column in columns.values() for what in column)
    made = pd.DataFrame({key: pd.Series(column, dtype=object).reindex(list(order)) for key, column in columns.items()})
    return made.fillna("").rename_axis("setting")


def variant_questions(corpus: Corpus) -> dict[str, Question]:
    """The rows of Table 2; the paper's own model comes first."""
    return {name: Question(PAPER, {"modalities": tables.modalities(corpus), "task": corpus.tasks[0], **changes})
            for name, (changes, _) in VARIANTS.items()}


def variants(corpus: Corpus, found: Runs) -> pd.DataFrame:
    """L2. Table 2 as differences from the paper's model, paired over seeds, and the sizes."""
    metric = ablation.chosen_metric(found)
    theirs = tables.chosen(PAPER, corpus, {name: row for name, (_, row) in VARIANTS.items()}, metric)
    made = ablation.table(found, metric=metric, published=theirs)
    return made.assign(parameters=[f"{records[0].data['parameters']['all']:,}" for records in found.values()])


def _compared(task: str):
    def questions(corpus: Corpus) -> dict[str, Question]:
        return tables.questions(corpus, COMPARED, task)
    return questions


def comparison(corpus: Corpus, found: Runs) -> pd.DataFrame:
    """L3, L4, L5. The models in the setting that the corpus comes in; the last of our rows says which is missing."""
    made = tables.table(found, corpus, PAPER)
    missing, _, why = tables.missing_setting(corpus).partition(": ")
    ours = made.index.get_level_values("whose").str.startswith("ours").sum()
    note = pd.DataFrame("", index=pd.MultiIndex.from_tuples([(f"ours, {missing}", f"none: {why}")],
                                                            names=made.index.names), columns=made.columns)
    return pd.concat([made.iloc[:ours], note, made.iloc[ours:]])


def size_against_score(corpus: Corpus, found: Runs) -> Figure:
    """L6. Figure 1: score against parameters, ours on this corpus beside the points of the paper on MOSEI."""
    task = next(iter(found.values()))[0].task
    metric = {"sentiment": "f1_non0"}.get(task, metrics.SELECT[task][0])
    rows = {}
    for title, records in found.items():
        if size := records[0].data["parameters"]["all"]:
            score = statistics.summarise(statistics.values(records, metric))
            rows[title] = {"parameters": size, "score": score.mean, "deviation": score.deviation, "metric": metric}
    ours = pd.DataFrame(rows).T.infer_objects().sort_values("parameters")
    rank = efficiency.rank_correlation(ours.astype({"parameters": float, "score": float}))
    made = efficiency.size_against_score({f"{corpus.name}: rank correlation {rank:+.2f}": ours,
                                          "the paper, MOSEI, unaligned": efficiency.theirs()}, ylabel="F1 (%)")
    made.suptitle(f"{ours.index[0]} is the smallest, {ours['score'].astype(float).idxmax()} the best", weight="bold",
                  fontsize=style.STYLE["axes.titlesize"])
    return made


def _sequences(*tasks: str, least: int = 2):
    needed = [tables.lacks(least)]
    return lacks.all_of(*needed, *([lacks.task(*tasks)] if tasks else [tables.lacks_tasks]))


EXHIBITS = (
    Exhibit("L1", "hyper-parameters and the sizes that follow (Table 1)", "nothing", hyper_parameters,
            view="sequence"),
    Exhibit("L2", "Conv1D against BiLSTM, and the direction of fusion (Table 2)", "sequences of three modalities",
            variants, variant_questions, lacks.all_of(tables.lacks(3), tables.lacks_tasks), view="sequence"),
    Exhibit("L3", "four emotions, one against the rest (Table 3)", "sequences and emotion4", comparison,
            _compared("emotion4"), _sequences("emotion4"), view="sequence"),
    Exhibit("L4", "sentiment, beside CMU-MOSI (Table 4)", "sequences and sentiment", comparison,
            _compared("sentiment"), _sequences("sentiment"), view="sequence"),
    Exhibit("L5", "sentiment, beside CMU-MOSEI (Table 5)", "sequences and sentiment", comparison,
            _compared("sentiment"), _sequences("sentiment"), view="sequence"),
    Exhibit("L6", "score against number of parameters (Figure 1)", "sequences", size_against_score,
            lambda corpus: tables.questions(corpus, (*COMPARED, "hct-mg")), _sequences(), view="sequence"),
)
