"""DialogueTRM's tables and figures (Mao et al. 2020, arXiv 2010.07637): D1 to D7."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab import published
from erclab.analysis import ablation, cases, ceilings, context, statistics, tallies
from erclab.core import metrics
from erclab.corpora import MODALITIES, Corpus
from erclab.exhibits import lacks
from erclab.exhibits.catalogue import Exhibit, Groups, questions_about
from erclab.figures import cases as case_figures
from erclab.figures import context as context_figures
from erclab.figures import style
from erclab.figures.scores import seed_bars
from erclab.runs import Question, Record
from erclab.training.recipes import family

MODEL = "dialoguetrm"
COMPARED = ("bc-lstm", "dialoguernn", MODEL)  # the models of Tables 2 and 3 that erclab has, in the order of the rows


def preference(*dependent: str) -> tuple[tuple[str, str], ...]:
    """The Config's `context`: these modalities in context, the others free of it."""
    return tuple((m, "dependent" if m in dependent else "free") for m in MODALITIES)


# D2 and D3

def emotions(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """D2. Table 2: "ACC" (which is the recall) and F1 of each emotion, and their averages weighted by support; percent.

    One row per model, mean ± deviation over seeds, and below it the paper's row, where the paper has this corpus. A
    recall without a sample is "–". The average ACC is the accuracy.
    """
    rows = {}
    for title, records in groups.items():
        tables = [metrics.per_class(r.confusion(), r.labels) for r in records]
        row = {}
        for label in corpus.labels:
            row[f"{label} ACC"] = _over_seeds([t.loc[label, "recall"] for t in tables])
            row[f"{label} F1"] = _over_seeds([t.loc[label, "f1"] for t in tables])
        row["average ACC"] = _over_seeds(statistics.values(records, "accuracy"))
        row["average F1"] = _over_seeds(statistics.values(records, "weighted_f1"))
        rows[title] = row
        printed = _printed("D2", corpus, records)
        if printed:
            rows[f"{title}, published"] = {
                **{f"{label} {name}": printed.get(f"{label}.{metric}", "") for label in corpus.labels
                   for name, metric in (("ACC", "recall"), ("F1", "f1"))},
                "average ACC": printed.get("accuracy", ""), "average F1": printed.get("weighted_f1", "")}
    return pd.DataFrame(rows).T.rename_axis("model")


def affect(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """D3. Table 3: Pearson's r of valence, arousal, expectancy and power; and the paper's; mean ± deviation over seeds.

    A dimension that the corpus does not have is "–"; a constant prediction as well.
    """
    rows = {}
    for title, records in groups.items():
        found = [r.scores("test") for r in records]
        rows[title] = {d: _over_seeds([s.get(f"{d}.correlation") for s in found], percent=False)
                       for d in metrics.DIMENSIONS}
        printed = _printed("D3", corpus, records)
        if printed:
            rows[f"{title}, published"] = {d: printed.get(f"{d}.correlation", "") for d in metrics.DIMENSIONS}
    return pd.DataFrame(rows).T.rename_axis("model")


def _over_seeds(values: Sequence[float | None], percent: bool = True) -> str:
    values = [np.nan if v is None else v for v in values]
    return "–" if np.isnan(values).any() else statistics.summarise(values).text(percent)


def _printed(exhibit: str, corpus: Corpus, records: Sequence[Record]) -> dict[str, float]:
    """Metric -> the paper's value for the model of these runs on this corpus."""
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == exhibit) & (table["model"] == records[0].spec["model"])]
    return dict(zip(own["metric"], own["value"], strict=True))


def _settings_printed(exhibit: str, corpus: Corpus) -> dict[str, float] | None:
    """Setting -> the paper's F1 of DialogueTRM on this corpus; None where it prints none."""
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == exhibit) & (table["model"] == MODEL)]
    return dict(zip(own["setting"], own["value"], strict=True)) or None


# D4

TEXT_ONLY, GATE_TRM = "text only", "Gate+TRM (MGIF)"


def fusion_questions(corpus: Corpus) -> dict[str, Question]:
    """D4. The rows of Table 4; † has all modalities in context, as MulT must."""
    every = {"context": preference(*MODALITIES)}
    return {TEXT_ONLY: Question(MODEL, {"modalities": ("text",)}),
            "MulT†": Question(MODEL, {"fusion": "mult", **every}), "MGIF†": Question(MODEL, every),
            GATE_TRM: Question(MODEL), "Gate+Concat": Question(MODEL, {"fusion": "gate_concat"}),
            "TRM": Question(MODEL, {"fusion": "trm"})}


def fusion(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """D4. Table 4: every fusion against the text alone, which is the uplift that the paper prints.

    The columns are those of `erclab.analysis.ablation.effects`. The last ones compare with Gate+TRM, which is the
    question of the paper's ablation.
    """
    made = ablation.effects(groups, corpus, published=_settings_printed("D4", corpus), matters=ablation.ARCHITECTURE)
    others = {GATE_TRM: groups[GATE_TRM], **{k: v for k, v in groups.items() if k not in (GATE_TRM, TEXT_ONLY)}}
    against = ablation.effects(others, corpus)
    return made.assign(**{f"from {GATE_TRM}": against["difference"],
                          **{f"{column} of that": against[column] for column in ("low", "high", "matters", "verdict")}})


# D5

def preference_questions(corpus: Corpus) -> dict[str, Question]:
    """D5. Figure 3: each modality alone, and added to text that is in context, free of context and in it."""
    there, found = corpus.modalities, {}
    for m in there:
        for which, dependent in (("free", {"text"} - {m}), ("dependent", {"text", m})):
            found[f"{m}, {which}"] = Question(MODEL, {"modalities": (m,), "context": preference(*dependent)})
    others = tuple(m for m in there if m != "text")
    added = [(m,) for m in others] + ([others] if len(others) > 1 else []) if "text" in there else []
    for extra in added:
        seen, name = tuple(m for m in MODALITIES if m in ("text", *extra)), "+".join(("text*", *extra))
        for which, dependent in (("free", ("text",)), ("dependent", ("text", *extra))):
            found[f"{name}, {which}"] = Question(MODEL, {"modalities": seen, "context": preference(*dependent)})
    return found


def pairs(groups: Groups) -> dict[str, tuple[Sequence[Record], Sequence[Record]]]:
    """Name -> runs free of context and in it, of `preference_questions`."""
    names = dict.fromkeys(name.rpartition(", ")[0] for name in groups)
    return {name: (groups[f"{name}, free"], groups[f"{name}, dependent"]) for name in names}


def context_preference(corpus: Corpus, groups: Groups) -> Figure:
    """D5. Figure 3: the scores free of context and in context, and what the context gains, seed by seed.

    On a simulated corpus, the gain of the exact oracle of the vectors from earlier turns stands beside the gain of each
    modality alone.
    """
    metric, found = statistics.shown_metric(groups), pairs(groups)
    scale, share = metrics.scale(metric), metrics.is_share(metric)
    scores = {name: tuple(scale * statistics.values(records, metric) for records in sides)
              for name, sides in found.items()}
    gains = pd.DataFrame({name: ablation.differences({"free": free, "dependent": dependent}, corpus, metric).iloc[0]
                          for name, (free, dependent) in found.items()}).T
    alone = gains.loc[[name for name in found if name in MODALITIES]]
    told = (f"{(alone['low'] > 0).sum()} of {len(alone)} modalities alone gain beyond the interval"
            if (least := min(len(x) for sides in scores.values() for x in sides)) >= statistics.FEWEST else
            f"Gained ({statistics.seeds_in_words(least)}): " + ", ".join(
                f"{name} {x:+.{1 if share else 2}f}" for name, x in alone["difference"].items()))
    return context_figures.preference(
        scores, gains, ceilings.gains_from_context(corpus, metric, [name for name in found if name in MODALITIES]),
        score=metrics.TITLES[metric] + (" (%)" if share else ""), unit=" (points)" if share else "",
        title=told)


# D6

def summary_questions(corpus: Corpus) -> dict[str, Question]:
    """D6. Figure 4: three readers of BERT's features in their context, from the text alone."""
    return {"BERT alone": Question(MODEL, {"modalities": ("text",), "summary": "bert"}),
            "DialogueRNN": Question(MODEL, {"modalities": ("text",), "summary": "dialoguernn"}),
            "Transformer": Question(MODEL, {"modalities": ("text",)})}


def summaries(corpus: Corpus, groups: Groups) -> Figure:
    """D6. Figure 4: the text's score with each reader, beside the paper's scores where it has this corpus; in the title
    the paper's reader, the Transformer, less the vectors alone (BERT's in the paper), with the interval over seeds and
    dialogues."""
    metric = statistics.shown_metric(groups)
    values = {name: statistics.values(records, metric) for name, records in groups.items()}
    found = tallies.difference(groups["Transformer"], groups["BERT alone"], corpus, metric)
    percent, verdict = metrics.is_share(metric), statistics.verdict(found, ablation.smallest(metric))
    gap = found.text(metrics.scale(metric), 1 if percent else 3).removesuffix(" (one seed)")
    printed = {f"published, {name}": value for name, value in (_settings_printed("D6", corpus) or {}).items()}
    values = {"vectors alone" if name == "BERT alone" else name: x for name, x in values.items()}
    return seed_bars(values, title=f"Transformer less the vectors alone:\n{gap}{' points' * percent}, {verdict}",
                     percent=percent,
                     xlabel=f"{metrics.TITLES[metric]} of the text on the test split" + (" (%)" if percent else ""),
                     reference=printed, colours=dict.fromkeys(values, style.MODALITY["text"]))


# D7

FREE, TEXT, ALL = "text alone, no context", "text in context", "all modalities"


def case_questions(corpus: Corpus) -> dict[str, Question]:
    """D7. The text without and with its context, and all modalities."""
    return {FREE: Question(MODEL, {"modalities": ("text",), "context": preference(), "task": "emotion"}),
            TEXT: Question(MODEL, {"modalities": ("text",), "task": "emotion"}),
            ALL: Question(MODEL, {"task": "emotion"})}


def ambiguous_words(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """D7. The third point of the case study: the accuracy on ambiguous words, and the paper's on "yeah." in IEMOCAP."""
    made = cases.ambiguous_accuracy(groups, corpus)
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == "D7") & (table["metric"] == "accuracy")]
    if len(own):
        made["published (\"yeah.\")"] = pd.Series(dict(zip(own["setting"], own["value"], strict=True)))
    return made


def case_study(corpus: Corpus, groups: Groups) -> Figure:
    """D7. A conversation of the first seed with its predictions; the mistakes of the text that all modalities correct,
    by emotion; and the accuracy on ambiguous words."""
    text, every = groups[TEXT], groups[ALL]
    return case_figures.case_study(cases.corrected_conversation(text[0], every[0], corpus),
                                   cases.rectified(text, every, corpus), ambiguous_words(corpus, groups))


EXHIBITS = (
    Exhibit("D1", "the two contexts of a target", "a dialogue", lambda corpus, groups: context.context_sets(corpus),
            check=lacks.dialogues),
    Exhibit("D2", "recall and F1 per emotion beside bc-LSTM and DialogueRNN", "utterance vectors, emotions", emotions,
            lambda corpus: questions_about(COMPARED, task="emotion"),
            lacks.all_of(lacks.task("emotion"), lacks.vectors())),
    Exhibit("D3", "correlations of valence, arousal, expectancy and power", "utterance vectors, affect dimensions",
            affect, lambda corpus: questions_about(COMPARED, task="dimensional"),
            lacks.all_of(lacks.task("dimensional"), lacks.vectors())),
    Exhibit("D4", "fusions: MulT, gates and Transformer, each alone", "vectors of text and another modality", fusion,
            fusion_questions, lacks.vectors(2, "text")),
    Exhibit("D5", "context-free against context-dependent, by modality", "utterance vectors in dialogues",
            context_preference, preference_questions, lacks.all_of(lacks.vectors(), lacks.dialogues)),
    Exhibit("D6", "what summarises textual context", "text vectors in dialogues", summaries, summary_questions,
            lacks.all_of(lacks.vectors(1, "text"), lacks.dialogues)),
    Exhibit("D7", "case study: what all modalities mend of the text", "vectors of text and another modality, emotions",
            case_study, case_questions,
            lacks.all_of(lacks.task("emotion"), lacks.vectors(2, "text"), lacks.dialogues)),
)
