"""LMR-CBT's tables (L1 to L5) and figure (L6)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab import models, published
from erclab.analysis import ablation, efficiency, sequences, statistics
from erclab.corpora import Corpus
from erclab.exhibits import lacks
from erclab.exhibits.catalogue import Exhibit, Groups, compare_on_sequences
from erclab.figures import efficiency as efficiency_figures
from erclab.models.layers.unaligned import UNALIGNED
from erclab.runs import Question
from erclab.training import recipes

PAPER = "lmr-cbt"
# The models of Tables 3 to 5 that erclab has, in the order of our rows.
COMPARED = ("lmr-cbt", "mult", "lmf-mult", "lf-lstm", "ef-lstm")
MILLION = 1_000_000
# Name -> what is set differently, and the row of the paper's Table 2.
VARIANTS = {
    "BiLSTM, visual and audio into text": ({}, "[V, A] -> L"),
    "Conv1D instead of the BiLSTM": ({"text_front": "conv1d"}, "Conv1D"),
    "visual and text into audio": ({"target": "audio"}, "[V, L] -> A"),
    "text and audio into visual": ({"target": "visual"}, "[L, A] -> V"),
}


def hyper_parameters(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """L1. Table 1 and the sizes that follow from it: rows are settings and sizes; columns are the paper's corpora, each
    as printed and as here (the model's preset and the full recipe).

    `parameters that follow` are counted from the sizes of Table 1, by the paper's equations and by the authors' code.
    """
    columns = {}
    for name in UNALIGNED:
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
            "rounds to what is printed": "yes" if round(count / MILLION, 2) == printed else "no"}
    order = dict.fromkeys(what for column in columns.values() for what in column)
    made = pd.DataFrame({key: pd.Series(column, dtype=object).reindex(list(order)) for key, column in columns.items()})
    return made.fillna("").rename_axis("setting")


def variant_questions(corpus: Corpus) -> dict[str, Question]:
    """The rows of Table 2; the paper's own model comes first."""
    return {name: Question(PAPER, {"modalities": sequences.learnable(corpus), "task": corpus.tasks[0], **changes})
            for name, (changes, _) in VARIANTS.items()}


def variant_effects(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """L2. Table 2 as differences from the paper's model (`erclab.analysis.ablation.effects`), and the sizes."""
    metric = statistics.shown_metric(groups)
    theirs = sequences.printed_variants(PAPER, corpus, {name: row for name, (_, row) in VARIANTS.items()}, metric)
    made = ablation.effects(groups, corpus, metric=metric, published=theirs, matters=ablation.ARCHITECTURE)
    return made.assign(parameters=[f"{records[0].data['parameters']['all']:,}" for records in groups.values()])


def in_one_setting(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """L3, L4, L5. The models in the corpus's setting; the last of our rows names the setting that is missing."""
    made = sequences.beside_paper(groups, corpus, PAPER)
    missing, _, why = sequences.missing_setting(corpus).partition(": ")
    ours = made.index.get_level_values("whose").str.startswith("ours").sum()
    note = pd.DataFrame("", index=pd.MultiIndex.from_tuples([(f"ours, {missing}", f"none: {why}")],
                                                            names=made.index.names), columns=made.columns)
    return pd.concat([made.iloc[:ours], note, made.iloc[ours:]])


def size_against_score(corpus: Corpus, groups: Groups) -> Figure:
    """L6. Figure 1: score against parameters, ours on this corpus beside the points of the paper on MOSEI."""
    ours = efficiency.of_runs(groups)
    rank = efficiency.rank_correlation(ours.astype({"parameters": float, "score": float}))
    return efficiency_figures.size_against_score(
        {f"{corpus.name}: rank correlation {rank:+.2f}": ours, "the paper, MOSEI, unaligned": efficiency.theirs()},
        ylabel="F1 (%)",
        title=f"Fewest parameters: {ours.index[0]}; scores from {100 * ours['score'].min():.0f} to "
              f"{100 * ours['score'].max():.0f} %")


def _ask(task: str):
    return lambda corpus: compare_on_sequences(corpus, COMPARED, task)


def _check(*tasks: str, least: int = 2) -> lacks.Check:
    return lacks.all_of(lacks.sequences(least), lacks.task(*tasks))


EXHIBITS = (
    Exhibit("L1", "hyper-parameters and the sizes that follow (Table 1)", "nothing", hyper_parameters,
            view="sequence"),
    Exhibit("L2", "Conv1D against BiLSTM, and the direction of fusion (Table 2)", "sequences of three modalities",
            variant_effects, variant_questions, _check(least=3), view="sequence"),
    Exhibit("L3", "four emotions, one against the rest (Table 3)", "sequences and emotion4", in_one_setting,
            _ask("emotion4"), _check("emotion4"), view="sequence"),
    Exhibit("L4", "sentiment, beside CMU-MOSI (Table 4)", "sequences and sentiment", in_one_setting,
            _ask("sentiment"), _check("sentiment"), view="sequence"),
    Exhibit("L5", "sentiment, beside CMU-MOSEI (Table 5)", "sequences and sentiment", in_one_setting,
            _ask("sentiment"), _check("sentiment"), view="sequence"),
    Exhibit("L6", "score against number of parameters (Figure 1)", "sequences", size_against_score,
            lambda corpus: compare_on_sequences(corpus, (*COMPARED, "hct-mg")), _check(), view="sequence"),
)
