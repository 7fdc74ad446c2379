"""The protocol audit: inflation by choices on the test split (O3), metric conventions (O5), leakage (O6), and what the
papers leave out (O9).

Where the study keeps runs of a corpus (`erclab.analysis.kept`, made by `tools/protocol.py` in the profile smoke), an
exhibit is computed from them and needs no training; on another corpus it asks for its runs as any exhibit does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.figure import Figure

from erclab import models
from erclab.analysis import conventions, inflation, kept, leftout, plays
from erclab.analysis.sequences import learnable
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits import lacks
from erclab.exhibits.catalogue import Exhibit, Groups
from erclab.figures import protocol as figures
from erclab.runs import Question

INFLATION, CONVENTIONS, LEFT_OUT = "inflation", "conventions", "left_out"  # names of the files of kept runs
LONG = {"epochs": 100, "patience": None}
LONG_MODELS = ("bc-lstm", "m2fnet")  # 100 epochs are half a minute
SHUFFLED = ", shuffled labels"
LAW_CORPORA = ("simulated-lesson", "iemocap-text-audio", "meld")  # long trainings, where they are kept
SCORED = ("sdt", "m2fnet", "bc-lstm", "linear", "constant")
SCORED_TASKS = ("emotion", "sentiment")


def runs_of(corpus: Corpus, what: str, groups: Groups | None = None) -> dict[str, list[kept.KeptRun]]:
    """The kept runs of a corpus, or those of the exhibit's own questions.

    Raises:
        RunError: the file of kept runs is damaged.
    """
    if groups:
        return kept.of_records(groups)
    return kept.read(kept.place(corpus.name, what))


def _unless_kept(what: str, plan: Callable[..., Mapping[str, Question]]) -> Callable[..., Mapping[str, Question]]:
    """No questions where the study keeps the runs of the very corpus."""
    return lambda corpus, *other: {} if kept.has(corpus, what) else plan(corpus, *other)


def inflation_questions(corpus: Corpus, other: Corpus | None) -> dict[str, Question]:
    """O3. Long trainings of fast models, on the corpus and on the one with shuffled training labels."""
    found = {}
    for name in LONG_MODELS:
        title = models.info(name).title
        found[title] = Question(name, {**LONG, "task": corpus.tasks[0]})
        found[title + SHUFFLED] = Question(name, {**LONG, "task": corpus.tasks[0]}, on_other=True)
    return found


def inflation_table(corpus: Corpus, groups: Groups, other: Corpus | None) -> pd.DataFrame:
    """O3: see `erclab.analysis.inflation.by_choice`."""
    return inflation.by_choice(runs_of(corpus, INFLATION, groups), corpus)


def inflation_figure(corpus: Corpus, groups: Groups | None = None) -> Figure:
    """O3 as a picture: inflation against the epochs and the runs that were tried."""
    runs = runs_of(corpus, INFLATION, groups)
    metric = next(iter(runs.values()))[0].metric[0]
    scale = metrics.scale(metric)
    epochs = {name: figures.band_of(
        [inflation.jackknifed(lambda i, x=x, e=e: x[i, e].mean(), len(x)) for e in range(x.shape[1])], scale)
        for name, some in runs.items() for x in [inflation.by_epochs(some)]}
    best = {name: {by: figures.band_of(found, scale) for by, found in inflation.by_runs(some).items()}
            for name, some in runs.items() if len(some) > 2}
    first = next(iter(runs))
    whole = inflation.whole_inflation(runs[first], corpus).text(scale, 1 if scale == 100 else 3)
    return figures.inflation_curves(epochs, best, dashed=[name for name in runs if name.endswith(SHUFFLED)],
                             unit=f"{metrics.title(metric)} ({'points' if scale == 100 else 'as it is'})",
                             title=f"{first}: the test split's choice adds {whole}")


def inflation_laws() -> pd.DataFrame:
    """O3 over corpora: the law of each group of long trainings that the study keeps, see
    `erclab.analysis.inflation.laws`. Index: corpus, model."""
    found = {name: inflation.laws(kept.read(kept.place(name, INFLATION))) for name in LAW_CORPORA
             if kept.place(name, INFLATION).exists()}
    return pd.concat({name: made for name, made in found.items() if len(made)}, names=["corpus", "model"])


def law_figure() -> Figure:
    """The laws as a picture, a panel per corpus: inflation against the epochs that were tried, for one run and for the
    best of several."""
    panels: dict[str, dict[str, pd.DataFrame]] = {}
    for name in (name for name in LAW_CORPORA if kept.place(name, INFLATION).exists()):
        runs = {title: x for title, x in kept.read(kept.place(name, INFLATION)).items() if not title.endswith(SHUFFLED)}
        for title in inflation.laws(runs).index:
            most = min(inflation.MOST, len(runs[title]) - 1)
            grid = inflation.grid_of(runs[title], most=most)
            laws = [inflation.fitted_law(grid, form) for form in inflation.FORMS]
            law, some = min(laws, key=lambda one: one.error), grid[grid["runs"].isin([1, most])]
            panels.setdefault(name, {})[title] = some.assign(
                law=[law.at(e, R) for e, R in zip(some["epochs"], some["runs"], strict=True)])
    return figures.law_panels(panels, scale=100, ylabel="inflation (points)")


def law_words(table: pd.DataFrame | None = None) -> str:
    """The laws of models that had something to learn, a sentence each, with numbers from `inflation_laws`."""
    made = inflation_laws() if table is None else table
    said = []
    for (corpus, model), row in made.iterrows():
        if model.endswith(SHUFFLED):
            continue
        form = {"root": "the square root of the logarithm of the epochs and runs tried",
                "log": "the logarithm of the epochs and runs tried"}[row["form"]]
        spans = [f"{row[f'{e} x {R}']:.1f} [{row[f'{e} x {R}, low']:.1f}, {row[f'{e} x {R}, high']:.1f}] points {what}"
                 for e, R, what in ((10, 1, "at 10 epochs"), (100, 1, "at 100"), (100, 5, "at 100 with the best of 5 "
                                                                                         "runs"))]
        said.append(f"{model} on {corpus}: inflation grows with {form} (residuals {row['error']:.2f} points), "
                    f"{', '.join(spans)} ({row['seeds']} seeds).")
    return " ".join(said)


def inflation_by_model(corpus: Corpus, groups: Groups | None = None) -> Figure:
    """O3 of many models in their own recipes: the inflation of whole trainings, with its interval."""
    made = inflation_table(corpus, groups or {}, None).query("runs == 1").groupby(level=0, sort=False).last()
    made = made.assign(name=[f"{name} ({row.epochs} epochs, {row.seeds} seeds)" for name, row in made.iterrows()],
                       value=made["inflation"])
    return figures.intervals(
        made, xlabel="inflation (points), 95 % over seeds and dialogues", matters=100 * inflation.MATTERS,
        title=f"Inflation is 0 or more by construction; the median is {made['value'].median():.1f} points")


def convention_questions(corpus: Corpus) -> dict[str, Question]:
    """O5. Models that predict the emotion and the sentiment of a corpus, as far as it has them."""
    found = {}
    for task in SCORED_TASKS:
        for name in SCORED:
            if task in corpus.tasks:
                found[f"{models.info(name).title}, {task}"] = Question(name, {"task": task})
    return found


def convention_scores(corpus: Corpus, groups: Groups | None = None):
    """O5: see `erclab.analysis.conventions.scores`; models go by their titles."""
    by_model: dict[str, list[kept.KeptRun]] = {}
    for name, runs in runs_of(corpus, CONVENTIONS, groups).items():
        by_model.setdefault(name.rpartition(", ")[0], []).extend(runs)
    return conventions.scores(by_model, corpus)


def convention_figure(table: pd.DataFrame) -> Figure:
    """O5 as a picture: how far each convention moves a score, of the model that it moves most.

    Args:
        table: see `erclab.analysis.conventions.compared`.
    """
    rows = table[table["of"] != ""].reset_index()
    top = rows.loc[rows["spread"].abs().idxmax()]
    names = [f"{row.task}, {row.quantity}: {row.convention} ({row.of})" for row in rows.itertuples()]
    return figures.intervals(
        rows.assign(name=names, value=rows["spread"]), matters=100 * conventions.MATTERS,
        title=f"{top['of']}, the same predictions: {top['spread']:+.0f} [{top['low']:.0f}, {top['high']:.0f}] points",
        xlabel="difference from the first convention of that name (points)")


def left_out_questions(corpus: Corpus) -> dict[str, Question]:
    """O9. Every model of `leftout.ALTERNATIVES` that can read the corpus, as it is here and with each alternative."""
    found = {}
    for name in leftout.ALTERNATIVES:
        sequence = models.info(name).view == "sequence"
        seen = learnable(corpus) if sequence else corpus.modalities
        if not seen or (sequence and "text" not in seen) or len(seen) < 2:
            continue
        for key, changes in leftout.choices_of(name).items():
            found[key] = Question(name, {"modalities": seen, "task": corpus.tasks[0], **changes})
    return found


def left_out_table(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """O9: see `erclab.analysis.leftout.details`."""
    return leftout.details({corpus.name: leftout.sensitivities(runs_of(corpus, LEFT_OUT, groups), corpus)})


def left_out_figure(corpus: Corpus, groups: Groups | None = None) -> Figure:
    """O9 as a picture: what each other choice does to the score, with its interval."""
    runs = runs_of(corpus, LEFT_OUT, groups)
    table = leftout.sensitivities(runs, corpus)
    told = table["verdict"].isin(["higher", "lower"]).sum()
    titles = [f"{models.info(row.model).title}: {row.alternative}" for row in table.itertuples()]
    return figures.intervals(
        table.assign(name=titles, value=table["difference"]), matters=100 * leftout.MATTERS,
        xlabel=f"difference in {leftout.chosen_score(runs)} (points)",
        title=f"{told} of {len(table)} other choices change the score beyond their interval")


def leakage_table(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """O6: the stored table of a corpus that the study has measured, else `erclab.analysis.plays.without_plays`, which
    takes minutes; then a row per trained model and scripted play, where the study keeps runs without the play."""
    made = plays.stored_table(corpus) if plays.measured(corpus) else plays.without_plays(corpus)
    return pd.concat([made, plays.trained_of(corpus.name)]) if kept.has(corpus, plays.TRAINED) else made


def plays_table(name: str = "iemocap-text-audio") -> pd.DataFrame:
    """O6 from what the study keeps of a corpus by its name: the same as `leakage_table` there."""
    made = plays.stored_of(name).drop(columns="corpus")
    return pd.concat([made, plays.trained_of(name)]) if kept.place(name, plays.TRAINED).exists() else made


def plays_words(table: pd.DataFrame | None = None) -> str:
    """The scripted half as a paragraph, each number from the table (`plays_table`)."""
    rows = (plays_table() if table is None else table).xs("scripted", level="part")
    said = [f"{reader} {row['seen']:.0f} with the play and {row['unseen']:.0f} without it ({row['difference']:+.0f} "
            f"[{row['low']:.0f}, {row['high']:.0f}])"
            for reader, row in rows.iterrows()]
    orders = [" > ".join(rows[way].sort_values(ascending=False, kind="stable").index) for way in (plays.SEEN,
                                                                                                  plays.UNSEEN)]
    order = ("The order of the readers stays: " + orders[0] if orders[0] == orders[1] else
             f"The order of the readers changes from {orders[0]} to {orders[1]}")
    return ("Weighted F1 on the scripted test dialogues, and the difference from equally many other dialogues left out "
            f"of training: {'; '.join(said)}. {order}.")


def leakage_figure(table: pd.DataFrame) -> Figure:
    """O6 as a picture: what each reader loses on a play that training lacks, beside equally many others left out.

    Args:
        table: see `erclab.analysis.plays.without_plays`.
    """
    parts = [part for part in ("scripted", "improvised") if part in table.index.get_level_values("part")] or ["all"]
    rows = table[table.index.get_level_values("part").isin(parts)].reset_index()
    return figures.intervals(
        rows.assign(name=[f"{row.part}: {row.reader}" for row in rows.itertuples()], value=rows["difference"]),
        matters=100 * plays.MATTERS, xlabel="weighted F1 without the play, minus without others (points)",
        title=f"{(rows['high'] < 0).sum()} of {len(rows)} scores fall beyond their interval without the play")


def _words_or_vectors(corpus: Corpus) -> str:
    return "" if corpus.has_words or corpus.modalities else "it has neither words nor vectors"


EXHIBITS = (
    Exhibit("O3", "Inflation: best test epoch and best of several runs, beside the choice on validation",
            "utterance vectors", inflation_table, _unless_kept(INFLATION, inflation_questions),
            lambda corpus, other: lacks.all_of(lacks.vectors(), lacks.task())(corpus), two=True,
            second=inflation.shuffled),
    Exhibit("O5", "Metric conventions: one prediction file, every way to score it", "vectors, emotion or sentiment",
            lambda corpus, groups: conventions.compared(convention_scores(corpus, groups)),
            _unless_kept(CONVENTIONS, convention_questions), lacks.all_of(lacks.vectors(), lacks.task(*SCORED_TASKS))),
    Exhibit("O6", "Leakage: readers without the play that a test utterance is from", "emotions, words or vectors",
            leakage_table, check=lacks.all_of(lacks.task("emotion"), _words_or_vectors)),
    Exhibit("O9", "What the papers leave out, our choice, and what another choice does",
            "vectors of two modalities", left_out_table, _unless_kept(LEFT_OUT, left_out_questions), lacks.vectors(2)),
)
