"""HCT-MG's tables and figures (H1 to H9). Those of words are in `word_figures`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import gates, incongruity, statistics
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits import ablation, lacks, word_figures
from erclab.exhibits import sequence_tables as tables
from erclab.exhibits.catalogue import Exhibit, Runs
from erclab.figures import style
from erclab.runs import Question, Record

PAPER = "hct-mg"
COMPARED = ("hct-mg", "mult", "lmf-mult", "lmr-cbt", "lf-lstm", "ef-lstm")
HYPER = ("learning_rate", "batch_size", "hidden", "kernel", "plateau_patience", "epochs", "layers", "heads",
         "self_layers", "optimiser", "clip")  # the last three are not in the paper's Table 8
EXAMPLES = 8  # rows of H5; the paper has four


def _seen(corpus: Corpus, **changes) -> dict:
    return {"modalities": tables.modalities(corpus), "task": corpus.tasks[0], **changes}


def alone_questions(corpus: Corpus) -> dict[str, Question]:
    """The quick probes of one modality each, by whose disagreement utterances are chosen where nothing was planted."""
    if incongruity.planted(corpus):
        return {}
    return {f"{word_figures.PROBE}{m}": Question("linear-pooled", {"modalities": (m,), "task": corpus.tasks[0]})
            for m in tables.modalities(corpus)}


def crossmodal_questions(corpus: Corpus) -> dict[str, Question]:
    """H1 and H3: a model in which the text attends to voice and to face."""
    return {"MulT": Question("mult", _seen(corpus))} | alone_questions(corpus)


def self_attention_questions(corpus: Corpus) -> dict[str, Question]:
    """H2: the same self-attention over the text alone and, as in the paper, over HCT-MG's enhanced text."""
    return {"text alone": Question("mult", _seen(corpus, modalities=("text",))),
            "(A + V) to T": Question("hct-mg", _seen(corpus, primary="text"))} | alone_questions(corpus)


def enhanced_questions(corpus: Corpus) -> dict[str, Question]:
    """H6: HCT-MG with the text as its primary, so that there is an enhanced text in every seed."""
    return {"MulT": Question("mult", _seen(corpus)),
            "HCT-MG": Question("hct-mg", _seen(corpus, primary="text"))} | alone_questions(corpus)


def hard_questions(corpus: Corpus) -> dict[str, Question]:
    """H5: the two models of the paper's Table 3."""
    return {"MulT": Question("mult", _seen(corpus)), "HCT-MG": Question("hct-mg", _seen(corpus))} | alone_questions(
        corpus)


def gate_questions(corpus: Corpus) -> dict[str, Question]:
    """H7: the model with its gate."""
    return {"HCT-MG": Question("hct-mg", _seen(corpus))}


def primary_questions(corpus: Corpus) -> dict[str, Question]:
    """H8: gating first, then each modality as the primary that never changes."""
    return {"gating": Question("hct-mg", _seen(corpus))} | {
        f"primary {m}": Question("hct-mg", _seen(corpus, primary=m)) for m in tables.modalities(corpus)}


def comparison(corpus: Corpus, found: Runs) -> pd.DataFrame:
    """H4. Table 2: the models on the corpus's task, with their sizes, and the paper's rows."""
    return tables.table(found, corpus, PAPER)


def hard_samples(corpus: Corpus, found: Runs) -> pd.DataFrame:
    """H5. Table 3: the most incongruent utterances by rule, with the truth and what the models say; then, what the
    paper does not print, how the models do on all incongruent ones and on all others.

    A label is the one that most seeds predict, with how many; a value is the mean over seeds.
    """
    selected = incongruity.select(corpus, word_figures.alone(found))
    models, rows = {name: found[name] for name in ("MulT", "HCT-MG")}, {}
    order = {int(row): i for i, row in enumerate(selected.index)}
    truth = _truth(corpus, models["MulT"][0])
    voted = {name: _voted(records) for name, records in models.items()}
    for row in incongruity.examples(selected, corpus, EXAMPLES):
        rows[f"{row}"] = {"words": corpus.table["text"].iloc[row], "incongruent": selected.loc[row, "why"],
                          "truth": truth[order[row]]} | {name: said[order[row]] for name, said in voted.items()}
    for name, at in (("all incongruent", selected["incongruent"]), ("all others", ~selected["incongruent"])):
        cells = {m: _score(records, corpus, at.to_numpy()) for m, records in models.items()}
        rows[f"{name} ({int(at.sum())})"] = {"words": "", "incongruent": "", "truth": _measure(models["MulT"][0].task),
                                             **cells}
    if incongruity.planted(corpus) and models["MulT"][0].task == "emotion":
        rows["of these, says what is shown"] = {"words": "", "incongruent": "", "truth": "share", **{
            m: _believes(records, corpus) for m, records in models.items()}}
    return pd.DataFrame(rows).T.rename_axis("utterance")


def _truth(corpus: Corpus, record: Record) -> list[str]:
    """The labels of the test split in words, in row order."""
    values = corpus.targets("test", record.task)
    if record.task == "emotion":
        return [corpus.labels[v] if v >= 0 else "" for v in values]
    if record.task == "emotion4":
        return [" and ".join(e for e, v in zip(metrics.EMOTION4, row, strict=True) if v == 1) or "none"
                for row in values]
    return [", ".join(f"{v:+.2f}" for v in row) for row in values]


def _voted(records: Sequence[Record]) -> list[str]:
    """What the seeds say together, per test utterance."""
    if records[0].task in ("sentiment", "dimensional"):
        return incongruity.reading(records[0], np.mean([r.predictions() for r in records], axis=0))
    said = zip(*(incongruity.reading(r, r.predictions()) for r in records), strict=True)
    found = [Counter(words).most_common(1)[0] for words in said]
    return [label if len(records) == 1 else f"{label} ({n} of {len(records)})" for label, n in found]


def _measure(task: str) -> str:
    """What the last rows of H5 count."""
    return {"sentiment": "mean error", "dimensional": "mean error"}.get(task, "right")


def _score(records: Sequence[Record], corpus: Corpus, at: np.ndarray) -> str:
    """Mean and deviation over seeds of the share that is right, or of the mean absolute error, of these utterances."""
    values, truth = [], corpus.targets("test", records[0].task)[at]
    if not at.any():
        return ""
    for r in records:
        p = r.predictions()[at]
        if r.task == "emotion":
            values.append(float((p.argmax(1) == truth).mean()))
        elif r.task == "emotion4":
            values.append(float((p.reshape(len(p), -1, 2).argmax(2) == truth).mean()))
        else:
            values.append(float(np.nanmean(np.abs(p - truth))))
    return statistics.summarise(values).text(_measure(records[0].task) == "right")


def _believes(records: Sequence[Record], corpus: Corpus) -> str:
    """Of the incongruent utterances, the share of which the emotion is predicted that voice or face wrongly show."""
    lies, names = incongruity.lies(corpus), np.array(corpus.labels)
    shown = {m: corpus.table[f"{m}_shown"].to_numpy()[lies.index] for m in lies}
    values = []
    for r in records:
        said = names[r.predictions().argmax(1)]
        fooled = np.logical_or.reduce([lies[m].to_numpy() & (said == shown[m]) for m in lies])
        values.append(float(fooled[lies.any(axis=1).to_numpy()].mean()))
    return statistics.summarise(values).text()


def gate_pace(corpus: Corpus, found: Runs) -> Figure:
    """H7. Figures 6 and 7: the weight of each modality at every batch of the first epoch, and its mean per epoch."""
    paths = [gates.pace(r) for r in found["HCT-MG"]]
    made, axes = style.figure(1, 2, figsize=(12, 4.4))
    styles = dict(zip(style.MODALITY, ("-", "--", "-."), strict=True))
    for i, path in enumerate(paths):
        for m, weights in path.items():
            look = {"color": style.MODALITY[m], "ls": styles[m], "lw": 2, "label": None if i else m}
            axes[0, 0].plot(np.arange(1, weights.shape[1] + 1), weights[0], **look)
            axes[0, 1].plot(np.arange(1, len(weights) + 1), weights.mean(1), marker="o", ms=3, **look)
    first = Counter(max(path, key=lambda m, path=path: path[m][0, -1]) for path in paths)
    last = Counter(r.data["curve"][-1]["model"]["primary"] for r in found["HCT-MG"])
    axes[0, 0].set(xlabel="batch of the first epoch", ylabel="weight of the modality",
                   title=f"After one epoch ahead:\n{_counted(first, len(paths))}")
    axes[0, 1].set(xlabel="epoch", ylabel="mean weight in the epoch",
                   title=f"In the end the primary:\n{_counted(last, len(paths))}")
    axes[0, 1].xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].legend()
    return made


def _counted(found: Counter, of: int) -> str:
    return ", ".join(f"{name} {count} of {of}" for name, count in found.most_common())


def primaries(corpus: Corpus, found: Runs) -> pd.DataFrame:
    """H8. Table 4: differences from gating, paired over seeds; `chosen`, what the gate had chosen in the end."""
    metric = ablation.chosen_metric(found)
    names = {"gating": "unaligned"} | {name: name for name in found if name != "gating"}
    made = ablation.table(found, metric=metric, published=tables.chosen(PAPER, corpus, names, metric))
    last = Counter(r.data["curve"][-1]["model"]["primary"] for r in found["gating"])
    return made.assign(chosen=[_counted(last, len(found["gating"]))] + [""] * (len(found) - 1))


def settings(corpus: Corpus, found: Runs) -> pd.DataFrame:
    """H9. Tables 5 to 8: sizes of the splits, sampling rates, shapes and hyper-parameters, here and in the paper."""
    return tables.settings(PAPER, corpus, HYPER)


def _lacks(least: int, *needed: str):
    return lacks.all_of(tables.lacks(least, *needed), tables.lacks_tasks)


THREE = _lacks(3, "text", "audio", "visual")

EXHIBITS = (
    Exhibit("H1", "which frames the words attend to (Experiment 1, Figure 1)", "sequences of text and visual",
            word_figures.frames_by_words, crossmodal_questions, _lacks(2, "text", "visual"), view="sequence"),
    Exhibit("H2", "how the text is read, with and without voice and face (Experiment 2, Figure 2)",
            "sequences of three modalities", word_figures.read_with_and_without, self_attention_questions, THREE,
            view="sequence"),
    Exhibit("H3", "what face and voice add to each word (Experiment 3, Figure 3)", "sequences of three modalities",
            word_figures.told_by_each, crossmodal_questions, THREE, view="sequence"),
    Exhibit("H4", "models beside one another, with sizes (Table 2)", "sequences of two modalities", comparison,
            lambda corpus: tables.questions(corpus, COMPARED), _lacks(2), view="sequence"),
    Exhibit("H5", "hard samples, whose modalities contradict each other (Table 3)", "sequences of two modalities",
            hard_samples, hard_questions, _lacks(2), view="sequence"),
    Exhibit("H6", "the words of the enhanced text, MulT beside HCT-MG (Figures 5 and 8)",
            "sequences of three modalities", word_figures.enhanced_text, enhanced_questions, THREE, view="sequence"),
    Exhibit("H7", "modality weights per batch and per epoch (Figures 6 and 7)", "sequences of two modalities",
            gate_pace, gate_questions, _lacks(2), view="sequence"),
    Exhibit("H8", "the primary modality fixed, against gating (Table 4)", "sequences of two modalities", primaries,
            primary_questions, _lacks(2), view="sequence"),
    Exhibit("H9", "splits, sampling rates, shapes and hyper-parameters (Tables 5 to 8)",
            "sequences of two modalities", settings, lacks=_lacks(2), view="sequence"),
)
