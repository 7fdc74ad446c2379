"""DialogueTRM's tables and figures (Mao et al. 2020, arXiv 2010.07637): D1 to D7.

The case study (D7) is drawn in `erclab.exhibits.dialoguetrm_cases`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab import models, published
from erclab.analysis import statistics
from erclab.core import metrics
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.exhibits import ablation, ceilings, dialoguetrm_cases, lacks
from erclab.exhibits.catalogue import Exhibit, Runs
from erclab.exhibits.scores import TITLES
from erclab.figures import style
from erclab.models.dialoguetrm.windows import contexts
from erclab.runs import Question, Record
from erclab.training.recipes import family

MODEL = "dialoguetrm"
COMPARED = ("bc-lstm", "dialoguernn", MODEL)  # of the models in Tables 2 and 3 those that erclab has
PAPER_SPEAKERS, PAPER_TARGET, PAPER_WINDOW = (1, 1, 2, 1, 3, 2, 1, 2), 7, 3  # Table 1, counted from 1 as there


def preference(*dependent: str) -> tuple[tuple[str, str], ...]:
    """The Config's `context`: these modalities in context, the others free of it."""
    return tuple((m, "dependent" if m in dependent else "free") for m in MODALITIES)


# D1

def context_sets(corpus: Corpus, runs: Runs | None = None) -> pd.DataFrame:
    """Table 1: the two contexts of a target, in the paper's example and in a conversation of the corpus.

    x²₃ is what the second speaker says, as the third turn of all. The corpus's conversation is the first of its test
    split with as many turns as the example (its first eight are shown), or else its longest one.
    """
    own = _example(corpus)
    columns = {"the paper's example": (PAPER_SPEAKERS, PAPER_TARGET),
               f"{corpus.name}, {own[0]}": (own[1], min(PAPER_TARGET, len(own[1])))}
    return pd.DataFrame({name: _sets(*given) for name, given in columns.items()}).rename_axis(f"K = {PAPER_WINDOW}")


def _example(corpus: Corpus) -> tuple[str, tuple[int, ...]]:
    """The name of a conversation of the corpus, and who speaks in its first turns, numbered from 1."""
    lengths = np.diff(corpus.starts)
    there = np.flatnonzero(corpus.dialogue_splits == "test")
    there = there if len(there) else np.arange(len(lengths))
    enough = there[lengths[there] >= len(PAPER_SPEAKERS)]
    i = int(enough[0]) if len(enough) else int(there[lengths[there].argmax()])
    start = corpus.starts[i]
    speakers = pd.factorize(corpus.table["speaker"].iloc[start:corpus.starts[i + 1]])[0] + 1
    return corpus.table["dialogue"].iloc[start], tuple(speakers[:len(PAPER_SPEAKERS)].tolist())


def _sets(speakers: Sequence[int], target: int) -> dict[str, str]:
    found = contexts(speakers, target - 1, PAPER_WINDOW)
    def said(turns: Sequence[int]) -> str:
        return "{" + ", ".join(_symbol(speakers[t], t + 1) for t in turns) + "}"

    return {"conversation X": said(range(len(speakers))), "target": _symbol(speakers[target - 1], target),
            "individual context": said(found.individual), "conversational context": said(found.conversational)}


def _symbol(speaker: int, turn: int) -> str:
    up, down = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"), str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return f"x{str(speaker).translate(up)}{str(turn).translate(down)}"


# D2 and D3

def compared(corpus: Corpus, task: str) -> dict[str, Question]:
    """DialogueTRM beside the models of its tables, by title."""
    return {models.info(name).title: Question(name, {"task": task}) for name in COMPARED}


def per_class(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """Table 2: "ACC" (which is the recall) and F1 of each emotion, and their averages weighted by support; percent.

    One row per model, mean ± deviation over seeds, and below it what the paper prints, where it is for this corpus.
    A recall without a sample is "–". The average ACC is the accuracy.
    """
    rows = {}
    for title, records in runs.items():
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


def affect(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """Table 3: Pearson's r of valence, arousal, expectancy and power; mean ± deviation over seeds, and as published.

    A dimension that the corpus does not have, or a constant prediction, is "–".
    """
    rows = {}
    for title, records in runs.items():
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
    """Metric -> value that the paper prints of the model of these runs on this corpus."""
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == exhibit) & (table["model"] == records[0].spec["model"])]
    return dict(zip(own["metric"], own["value"], strict=True))


def _settings_printed(exhibit: str, corpus: Corpus) -> dict[str, float] | None:
    """Setting -> F1 that the paper prints of DialogueTRM on this corpus; None where it prints nothing."""
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == exhibit) & (table["model"] == MODEL)]
    return dict(zip(own["setting"], own["value"], strict=True)) or None


# D4

TEXT_ONLY, GATE_TRM = "text only", "Gate+TRM (MGIF)"


def fusions(corpus: Corpus) -> dict[str, Question]:
    """Table 4's rows; † has all modalities in context, as MulT must."""
    every = {"context": preference(*MODALITIES)}
    return {TEXT_ONLY: Question(MODEL, {"modalities": ("text",)}),
            "MulT†": Question(MODEL, {"fusion": "mult", **every}), "MGIF†": Question(MODEL, every),
            GATE_TRM: Question(MODEL), "Gate+Concat": Question(MODEL, {"fusion": "gate_concat"}),
            "TRM": Question(MODEL, {"fusion": "trm"})}


def fusion(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """Table 4: every fusion against the text alone, which is the uplift that the paper prints.

    See `erclab.exhibits.ablation.table` for the columns. The last two compare with Gate+TRM instead, over the same
    seeds: what the paper's ablation of the fusion is about.
    """
    made = ablation.table(runs, published=_settings_printed("D4", corpus))
    others = {GATE_TRM: runs[GATE_TRM], **{k: v for k, v in runs.items() if k not in (GATE_TRM, TEXT_ONLY)}}
    against = ablation.table(others)
    return made.assign(**{f"from {GATE_TRM}": against["difference"], "verdict of that": against["verdict"]})


# D5

def preferences(corpus: Corpus) -> dict[str, Question]:
    """Figure 3: each modality alone, and added to text that is in context, free of context and in it."""
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


def pairs(runs: Runs) -> dict[str, tuple[Sequence[Record], Sequence[Record]]]:
    """Name -> runs free of context and in it, of the settings of `preferences` that are there."""
    names = dict.fromkeys(name.rpartition(", ")[0] for name in runs)
    return {name: (runs[f"{name}, free"], runs[f"{name}, dependent"]) for name in names}


def context_preference(corpus: Corpus, runs: Runs) -> Figure:
    """Figure 3: left the scores free of context and in it, right what the context gains, seed by seed.

    On a simulated corpus the exact oracle's gain from what was said before stands beside that of each modality alone.
    """
    metric, found = ablation.chosen_metric(runs), pairs(runs)
    oracle = oracle_gains(corpus, metric, [name for name in found if name in MODALITIES])
    factor, digits = (1, 2) if metric in metrics.PLAIN else (100, 1)
    made, ((left, right),) = style.figure(1, 2, figsize=(13, 5))
    gained = {}
    for i, (name, sides) in enumerate(found.items()):
        values = [factor * statistics.values(records, metric) for records in sides]
        for j, (x, colour, hatch) in enumerate(zip(values, (style.SKY, style.BLUE), ("//", ""), strict=True)):
            left.bar(i + 0.38 * (j - 0.5), x.mean(), 0.38, color=colour, hatch=hatch, edgecolor="white",
                     label=None if i else ("free of context", "in context")[j])
            left.plot(np.full(len(x), i + 0.38 * (j - 0.5)), x, "o", color="black", ms=3)
        gained[name] = statistics.paired(values[1], values[0])
        _gain(right, i, values, gained[name], first=i == 0)
        if name in oracle:
            right.plot(i + 0.25, oracle[name], "*", color=style.ORANGE, ms=14, mec="black", zorder=5,
                       label="the exact oracle" if i == 0 else None)
    ticks = {"xticks": range(len(found)), "xticklabels": [name.replace("+", "\n+ ") for name in found]}
    unit = "" if factor == 1 else " (points)"
    left.set(**ticks, title="Free of context, and in it", ylabel=TITLES[metric] + (" (%)" if factor > 1 else ""))
    right.set(**ticks, title=_what_context_is_worth(gained, digits), ylabel=f"gained from context{unit}",
              xlim=(-0.5, len(found) - 0.5))
    right.axhline(0, color="black", lw=1)
    for axis in (left, right):
        made.legend(*axis.get_legend_handles_labels(), ncols=3,
                    loc=f"outside lower {'left' if axis is left else 'right'}")
    if any("*" in name for name in found):
        left.set_xlabel("text*: the text is in context")
    return made


def _gain(axis, i: int, values: Sequence[np.ndarray], found: Mapping[str, float], first: bool) -> None:
    n = min(map(len, values))
    if not np.isnan(found["low"]):
        axis.plot([i, i], [found["low"], found["high"]], color=style.BLUE, lw=2.5,
                  label="95 % interval over seeds" if first else None)
    axis.plot(np.full(n, i), values[1][:n] - values[0][:n], "o", color="black", ms=4, zorder=3,
              label="each seed" if first else None)


def _what_context_is_worth(gained: Mapping[str, Mapping[str, float]], digits: int) -> str:
    alone = [f"{name} {found['difference']:+.{digits}f}" for name, found in gained.items() if name in MODALITIES]
    return "Gained: " + ", ".join(alone)


def oracle_gains(corpus: Corpus, metric: str, modalities: Sequence[str]) -> dict[str, float]:
    """Modality -> points that the exact oracle gains from what was said before; empty unless the corpus is simulated
    and the metric one that the oracle has."""
    world = simulated.world_behind(corpus)
    if world is None or metric not in ("accuracy", "weighted_f1", "macro_f1"):
        return {}
    table = ceilings.table(corpus, world, subsets=[(m,) for m in modalities])[TITLES[metric]]
    return {m: float(table[m, ceilings.CONTEXTS["causal"]] - table[m, ceilings.CONTEXTS["utterance"]])
            for m in modalities}


def gains_by_words(gains: pd.DataFrame, oracle: pd.DataFrame | None = None) -> Figure:
    """What the conversation gains, by modality and kind of words, and the exact oracle's gain as stars.

    Args:
        gains: see `erclab.analysis.context.gains`.
        oracle: see `erclab.exhibits.ceilings.context_gain`; None where nobody knows it.
    """
    kinds = list(dict.fromkeys(gains.index.get_level_values("words")))
    names = list(dict.fromkeys(gains.index.get_level_values("modality")))
    made, ((axis,),) = style.figure(figsize=(10, 5))
    for i, (kind, colour, hatch) in enumerate(zip(kinds, style.CYCLE, ("", "//", ".."), strict=False)):
        at = np.arange(len(names)) + 0.27 * (i - (len(kinds) - 1) / 2)
        rows = gains.xs(kind, level="words").reindex(names)
        axis.bar(at, rows["gain"], 0.27, yerr=rows["deviation"], color=colour, hatch=hatch, edgecolor="white",
                 label=f"{kind} words", error_kw={"capsize": 3, "lw": 1.2})
        if oracle is not None:
            axis.plot(at, oracle["gain"].xs(kind, level="words").reindex(names), "*", color=style.YELLOW, mec="black",
                      ms=13, ls="", label="the exact oracle" if i == len(kinds) - 1 else None)
    axis.axhline(0, color="black", lw=1)
    (name, kind), most = gains["gain"].idxmax(), gains["gain"].max()
    axis.set(xticks=range(len(names)), xticklabels=names, ylabel="accuracy gained from context (points)",
             title=f"Most is gained by {name}, on {kind} words: {most:+.0f} points")
    axis.legend()
    return made


# D6

def summaries(corpus: Corpus) -> dict[str, Question]:
    """Figure 4: what reads the features of BERT in their context, of the text alone."""
    return {"BERT alone": Question(MODEL, {"modalities": ("text",), "summary": "bert"}),
            "DialogueRNN": Question(MODEL, {"modalities": ("text",), "summary": "dialoguernn"}),
            "Transformer": Question(MODEL, {"modalities": ("text",)})}


def temporal(corpus: Corpus, runs: Runs) -> Figure:
    """Figure 4: the text's score with each, beside the published ones where they are for this corpus."""
    metric = ablation.chosen_metric(runs)
    values = {name: statistics.values(records, metric) for name, records in runs.items()}
    base, *rest = values
    best = max(rest, key=lambda name: values[name].mean())
    found = statistics.paired(values[best], values[base])
    percent = metric not in metrics.PLAIN
    gap = f"{100 * found['difference']:+.1f} points" if percent else f"{found['difference']:+.3f}"
    title = f"{best} over BERT alone: {gap} ({ablation.verdict(found)})"
    printed = {f"published, {name}": value for name, value in (_settings_printed("D6", corpus) or {}).items()}
    return style.seed_bars(values, title=title, percent=percent, reference=printed,
                         xlabel=f"{TITLES[metric]} of the text on the test split" + (" (%)" if percent else ""),
                         colours=dict.fromkeys(values, style.MODALITY["text"]))


EXHIBITS = (
    Exhibit("D1", "the two contexts of a target", "a dialogue", context_sets, lacks=lacks.dialogues),
    Exhibit("D2", "recall and F1 per emotion beside bc-LSTM and DialogueRNN", "utterance vectors, emotions", per_class,
            lambda corpus: compared(corpus, "emotion"), lacks.all_of(lacks.task("emotion"), lacks.vectors())),
    Exhibit("D3", "correlations of valence, arousal, expectancy and power", "utterance vectors, affect dimensions",
            affect, lambda corpus: compared(corpus, "dimensional"),
            lacks.all_of(lacks.task("dimensional"), lacks.vectors())),
    Exhibit("D4", "fusions: MulT, gates and Transformer, each alone", "vectors of text and another modality", fusion,
            fusions, lacks.vectors(2, "text")),
    Exhibit("D5", "context-free against context-dependent, by modality", "utterance vectors in dialogues",
            context_preference, preferences, lacks.all_of(lacks.vectors(), lacks.dialogues)),
    Exhibit("D6", "what summarises textual context", "text vectors in dialogues", temporal, summaries,
            lacks.all_of(lacks.vectors(1, "text"), lacks.dialogues)),
    Exhibit("D7", "case study: what all modalities mend of the text", "vectors of text and another modality, emotions",
            dialoguetrm_cases.case_study, dialoguetrm_cases.questions,
            lacks.all_of(lacks.task("emotion"), lacks.vectors(2, "text"), lacks.dialogues)),
)
