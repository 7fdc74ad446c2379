"""M2FNet's tables and figures (Gao 2026, doi 10.65102/is2026859): M1 to M5."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab import models, published
from erclab.analysis import ablation, scores, statistics
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits import lacks
from erclab.exhibits.catalogue import Exhibit, Groups, questions_about
from erclab.figures import heat
from erclab.figures.scores import learning_and_training_scores
from erclab.models.m2fnet import ABLATIONS
from erclab.runs import Question, word_baselines
from erclab.training.recipes import family

MODEL, TITLE = "m2fnet", "M2FNet"
# Of the paper's Table 4 the models that read dialogues of vectors, and two more models and two baselines of ours; M4
# also has the baselines of words, where the corpus has words.
COMPARED = (MODEL, "bc-lstm", "dialoguernn", "sdt", "linear", "constant")
F1 = ("weighted_f1", "macro_f1")


def itself(corpus: Corpus) -> dict[str, Question]:
    """The model with its recipe."""
    return questions_about([MODEL], task="emotion")


# M1

def learning_of_m2fnet(corpus: Corpus, groups: Groups) -> Figure:
    """M1. Figure 2: loss, accuracy and F1 per epoch; mean and deviation over seeds.

    The loss is that of the training split (with dropout). The scores are those of the validation split, because a
    training scores only the validation split in every epoch. Stars are each seed's scores on the training split in its
    chosen epoch, by the stored weights without dropout: their distance from the curve is overfitting.
    """
    records = groups[TITLE]
    names = ("accuracy", "weighted_f1")
    seen = [scores.training_scores(r, corpus) for r in records]
    gap = np.mean([s["weighted_f1"] - r.scores("valid")["weighted_f1"] for s, r in zip(seen, records, strict=True)])
    stars = pd.DataFrame([{metrics.TITLES[m]: s[m] for m in names} | {"epoch": r.epoch()}
                          for s, r in zip(seen, records, strict=True)])
    weighted = records[0].spec["recipe"]["class_weights"]
    return learning_and_training_scores(
        scores.curve(records, "train.total"),
        {metrics.TITLES[m]: scores.curve(records, f"valid.{m}") for m in names}, stars,
        titles={"accuracy": "Accuracy", "weighted F1": f"F1: {100 * gap:.0f} points less than in training"},
        loss_label="weighted loss per utterance" if weighted else "loss per utterance")


# M2 and M3

def class_table(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """M2. Table 3: precision, recall, F1 and support, beside the paper's where it has this corpus."""
    made = scores.class_report(groups[TITLE])
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == "M2") & (table["model"] == MODEL)]
    for part in (*scores.PARTS, "support") if len(own) else ():
        printed = dict(zip(own["metric"], own["value"], strict=True))
        made[f"published {part}"] = [printed.get(f"{name}.{part}", printed.get(name) if part == "f1" else None)
                                     for name in made.index]
    return made


def confusion_of_m2fnet(corpus: Corpus, groups: Groups) -> Figure:
    """M3. Figure 3: the confusion matrix, counts averaged over seeds, titled with its two largest mistakes."""
    records = groups[TITLE]
    (one, most), (other, next_) = scores.mistakes(records)["share"].head(2).items()
    title = (f"{TITLE}: {one[0]} taken for {one[1]} in {most:.0f} %,\n{other[0]} for {other[1]} in {next_:.0f} % of "
             f"its utterances")
    return heat.confusion_matrices({title: scores.mean_confusion(records)}, records[0].labels)


# M4

def models_compared(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """M4. Table 4: weighted and macro F1, sorted by weighted F1; beside the paper's where it has this corpus, also for
    models that do not read dialogues of vectors and are not run here."""
    rows = {title: {metrics.TITLES[m]: statistics.summarise(statistics.values(records, m)).text() for m in F1}
            | {"runs": len(records), "order": statistics.values(records).mean()} for title, records in groups.items()}
    made = pd.DataFrame(rows).T.sort_values("order", ascending=False).drop(columns="order").rename_axis("model")
    table = published.scores(MODEL, family(corpus.name))
    printed = table[table["exhibit"] == "M4"].pivot(index="model", columns="metric", values="value")
    if printed.empty:
        return made
    printed = printed.rename(index=lambda name: models.info(name).title,
                             columns={m: f"published {metrics.TITLES[m]}" for m in F1})
    return made.join(printed[[f"published {metrics.TITLES[m]}" for m in F1]], how="outer").reindex(
        [*made.index, *printed.index.difference(made.index)])


# M5

def ablation_questions(corpus: Corpus) -> dict[str, Question]:
    """M5. Table 5: the model, without the parts of `ABLATIONS`, and without class weights."""
    rows = {"full": {}, **ABLATIONS, "without weighted loss": {"class_weights": False}}
    return {name: Question(MODEL, {"task": "emotion", **changes}) for name, changes in rows.items()}


def ablated(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """M5. Table 5 twice, by weighted and by macro F1 (columns with "macro" before them): see `ablation.effects`."""
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == "M5") & (table["model"] == MODEL)]
    weighted, macro = (ablation.effects(groups, corpus, metric=m, published=_by_setting(own, m),
                                        matters=ablation.ARCHITECTURE) for m in F1)
    macro = macro.drop(columns=["runs", "interval over", "matters"])
    macro = macro.rename(columns=lambda c: c if c.startswith("macro") else f"macro {c}")
    return weighted.join(macro)


def _by_setting(own: pd.DataFrame, metric: str) -> dict[str, float] | None:
    rows = own[own["metric"] == metric]
    return dict(zip(rows["setting"], rows["value"], strict=True)) or None


WHERE = lacks.all_of(lacks.task("emotion"), lacks.vectors())
NEEDS = "utterance vectors, emotions"
EXHIBITS = (
    Exhibit("M1", "loss, accuracy and F1 per epoch", NEEDS, learning_of_m2fnet, itself, WHERE),
    Exhibit("M2", "precision, recall, F1 and support per emotion", NEEDS, class_table, itself, WHERE),
    Exhibit("M3", "confusion matrix", NEEDS, confusion_of_m2fnet, itself, WHERE),
    Exhibit("M4", "comparison on weighted and macro F1", NEEDS, models_compared,
            lambda corpus: questions_about((*COMPARED, *word_baselines(corpus)), task="emotion"), WHERE),
    Exhibit("M5", "without transformer fusion, GRU or weighted loss", NEEDS, ablated, ablation_questions, WHERE),
)
