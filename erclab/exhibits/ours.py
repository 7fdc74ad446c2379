"""Our own exhibits, in no paper: Bayes ceilings (O1), explanations against planted salience (O2), contracts (O7)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from scipy import stats
from sklearn.metrics import roc_auc_score

from erclab import contracts, models
from erclab.analysis import attribution, inside, statistics
from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus, simulated
from erclab.exhibits import ceilings, lacks
from erclab.exhibits.catalogue import Exhibit, Runs
from erclab.figures import style
from erclab.models.interface import Model
from erclab.runs import Question, Record

# What each model sees of a conversation, as the oracle names it.
CONTEXT = {"linear": "utterance", "linear-pooled": "utterance", "ef-lstm": "utterance", "mult": "utterance",
           "hct-mg": "utterance", "lmr-cbt": "utterance", "m2fnet": "causal", "dialoguetrm": "causal",
           "bc-lstm": "dialogue", "sdt": "dialogue"}
EXPLAINED = ("mult", "hct-mg")  # models of sequences whose attention is over the steps of their input
MOST = 96  # utterances that are explained; attributions cost as much as training on them would


def ceiling_questions(corpus: Corpus) -> dict[str, Question]:
    """All models that classify utterances, and the constant predictor, which knows the labels' shares only."""
    return {models.info(name).title: Question(name) for name in ("constant", *CONTEXT)}


def against_ceilings(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """O1: accuracy of each model beside the best that anybody could have from what it sees, and the share of the way
    from the constant predictor to there."""
    known = ceilings.table(corpus, simulated.world_behind(corpus), subsets=[corpus.modalities])
    known = known["accuracy"].droplevel("modalities")
    (_, base), *others = runs.items()
    floor, rows = 100 * statistics.values(base, "accuracy").mean(), {}
    for name, records in others:
        seen = CONTEXT[records[0].spec["model"]]
        scores = statistics.summarise(statistics.values(records, "accuracy"))
        top = float(known[ceilings.CONTEXTS[seen]])
        rows[name] = {"sees": ceilings.CONTEXTS[seen], "accuracy": str(scores), "oracle": round(top, 1),
                      "of the way": f"{(100 * scores.mean - floor) / (top - floor):.0%}"}
    return pd.DataFrame(rows).T.rename_axis("model")


def explained_questions(corpus: Corpus) -> dict[str, Question]:
    """The models of sequences with attention, and SDT for its gates."""
    return {models.info(name).title: Question(name) for name in (*EXPLAINED, "sdt")}


def explanations(corpus: Corpus, runs: Runs, most: int = MOST) -> pd.DataFrame:
    """O2: do attention, attributions and gates find what was planted?

    A row per model and what explains it. Steps (attention streams, integrated gradients): is a planted step first
    (`hit`, the pointing game; `chance`, of any step), and how often does a planted step score above another (`auroc`)?
    Modalities (gates, Shapley values): how often does one that speaks score above one that is silent (`auroc` over
    utterances)? `random` is the same with untrained weights; `difference` is of the areas, trained minus random, with
    the 95 % interval over utterances, where there are any to be paired. All are means over runs.
    """
    found = []
    for title, records in runs.items():
        for record in records:
            trained, control = record.model(), inside.untrained(record)
            if record.spec["model"] in EXPLAINED:
                a, b = (_steps(record, corpus, m, most) for m in (trained, control))
                found += [{"model": title, "explained by": name, **_compared(a[name], b.get(name))} for name in a]
                a, b = (_shapley(record, corpus, m, most) for m in (trained, control))
            else:
                a, b = (_gates(record, corpus, m) for m in (trained, control))
            found += [{"model": title, "explained by": name, "auroc": a[name], "random": b[name],
                       "difference": a[name] - b[name]} for name in a]
    table = pd.DataFrame(found).groupby(["model", "explained by"], sort=False).mean()
    return table[["hit", "chance", "auroc", "random", "difference", "low", "high"]].astype(float).round(3)


def explanation_bars(table: pd.DataFrame) -> Figure:
    """The areas of `explanations`: trained as bars, untrained as diamonds, and the half that knows nothing."""
    made, ((axis,),) = style.figure(figsize=(10, 1.6 + 0.36 * len(table)))
    names = [f"{model}: {what}" for model, what in table.index]
    kinds = {"attention": style.BLUE, "integrated gradients": style.ORANGE, "Shapley": style.PURPLE,
             "gate": style.GREEN}
    for kind, colour in kinds.items():
        at = [i for i, name in enumerate(names) if kind in name]
        axis.barh(at, table["auroc"].iloc[at] - 0.5, left=0.5, color=colour, height=0.65, label=kind)
    axis.plot(table["random"], range(len(table)), "D", color="black", ms=6, label="random weights")
    axis.axvline(0.5, color=style.GREY, ls="--", lw=1.5)
    above = int(((table["auroc"] - table["random"]) > 0.05).sum())
    axis.set(yticks=range(len(table)), yticklabels=names, xlim=(0.2, 1), ylim=(len(table) - 0.4, -0.6),
             xlabel="probability that what was planted scores above what was not",
             title=f"{above} of {table['random'].notna().sum()} explanations find it better than random weights do")
    axis.tick_params(axis="y", labelsize=10)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", alpha=0.3)
    made.legend(loc="outside lower center", ncols=5, fontsize=11)
    return made


def one_explanation(record: Record, corpus: Corpus, batch: SequenceBatch) -> Figure:
    """Integrated gradients of one utterance, step by step, beside the attention that each step gets; what was planted
    is shaded. It is the first of the batch whose words, voice and face all say something.

    Raises:
        UsageError: the batch has no such utterance.
    """
    rows, model = batch.rows.numpy(), record.model()
    names = list(batch.features)
    speaks = np.all([attribution.shown(corpus, m, rows) for m in names], axis=0)
    if not speaks.any():
        raise UsageError("in no utterance of the batch all modalities speak", remedy="Take a larger batch.")
    i = int(speaks.argmax())
    scores, _ = attribution.integrated_gradients(model, batch)
    with torch.no_grad():
        output = model(batch, attention=True)
    streams = attribution.attended(output, batch)
    made, axes = style.figure(len(names), 1, figsize=(10, 2.2 * len(names) + 0.8))
    for axis, m in zip(axes[:, 0], names, strict=True):
        steps = int(batch.masks[m][i].sum())
        x = scores[m][i, :steps].numpy()
        axis.bar(range(steps), x, color=style.MODALITY[m], label="integrated gradients")
        planted = attribution.truth(corpus, m, batch)[i, :steps].numpy()
        for at in np.flatnonzero(planted):
            axis.axvspan(at - 0.5, at + 0.5, color=style.YELLOW, alpha=0.5, lw=0, zorder=0)
        given = [w[i, :steps].numpy() for name, w in streams.items() if name.endswith(f"_from_{m}")]
        if given:
            other = axis.twinx()
            other.plot(range(steps), np.mean(given, axis=0), color="black", marker="o", ms=3, lw=1.2)
            other.set(ylim=(0, None), ylabel="attention")
            other.grid(visible=False)
        axis.set(ylabel="added to logit", title=m, xlim=(-0.6, steps - 0.4))
        words = corpus.table["text"].iloc[rows[i]].split()
        if m == "text" and len(words) == steps:
            axis.set(xticks=range(steps))
            axis.set_xticklabels(words, fontsize=11, rotation=30, ha="right")
    said, true = corpus.labels[int(output.logits[i].argmax())], corpus.labels[corpus.table["label"].iloc[rows[i]]]
    made.suptitle(f"Why {record.title} says {said} (true: {true}). Bars: attribution, line: attention, shaded: planted",
                  fontsize=12)
    return made


def contract_matrix(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """O7: models × contracts, of small random models of each kind; quirks of the authors' code break the ones that they
    must. It needs neither corpus nor runs."""
    return contracts.matrix()


def _steps(record: Record, corpus: Corpus, model: Model, most: int) -> dict[str, pd.DataFrame]:
    """What explains steps -> `attribution.pointing` per utterance."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for batch in attribution.batches(record, corpus, most=most):
        with torch.no_grad():
            scores = {f"attention {stream.replace('_', ' ')}": (stream.rpartition("_")[2], x) for stream, x in
                      attribution.attended(model(batch, attention=True), batch).items()}
        gradients, _ = attribution.integrated_gradients(model, batch)
        scores |= {f"integrated gradients, {m}": (m, x) for m, x in gradients.items()}
        for name, (m, x) in scores.items():
            parts.setdefault(name, []).append(
                attribution.pointing(x, attribution.truth(corpus, m, batch), batch.masks[m]))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def _compared(trained: pd.DataFrame, control: pd.DataFrame | None) -> dict[str, float]:
    """Without a control if the untrained model has no such stream: HCT-MG's follow from the primary that is chosen."""
    scores = {"hit": trained["hit"].mean(), "chance": trained["chance"].mean(), "auroc": trained["auroc"].mean()}
    if control is None:
        return scores
    difference = (trained["auroc"] - control["auroc"]).dropna()
    half = stats.sem(difference) * stats.t.ppf(0.975, len(difference) - 1) if len(difference) > 1 else np.nan
    mean = difference.mean()
    return scores | {"random": control["auroc"].mean(), "difference": mean, "low": mean - half, "high": mean + half}


def _shapley(record: Record, corpus: Corpus, model: Model, most: int) -> dict[str, float]:
    """Shapley value of each modality -> area over utterances, of those that speak above those that are silent."""
    values: dict[str, list[np.ndarray]] = {}
    speaks: dict[str, list[np.ndarray]] = {}
    for batch in attribution.batches(record, corpus, most=most):
        for m, x in attribution.modality_shapley(model, batch).items():
            values.setdefault(m, []).append(x.numpy())
            speaks.setdefault(m, []).append(attribution.shown(corpus, m, batch.rows.numpy()))
    return {f"Shapley value, {m}": _area(np.concatenate(speaks[m]), np.concatenate(values[m])) for m in values}


def _gates(record: Record, corpus: Corpus, model: Model) -> dict[str, float]:
    weights = inside.gate_weights(record, corpus, model=model)
    return {f"gate, {m}": _area(attribution.shown(corpus, m, weights.index.to_numpy()), weights[m].to_numpy())
            for m in weights}


def _area(speaks: np.ndarray, scores: np.ndarray) -> float:
    return float(roc_auc_score(speaks, scores)) if 0 < speaks.sum() < len(speaks) else float("nan")


def _simulated(corpus: Corpus) -> str:
    return "" if simulated.world_behind(corpus) else "nobody knows its oracle"


EXHIBITS = (
    Exhibit("O1", "Bayes ceilings, and how near each model comes", "a simulated corpus", against_ceilings,
            ceiling_questions, lacks.all_of(_simulated, lacks.sequences(3)), "sequence"),
    Exhibit("O2", "Attention, gates and attributions against planted salience", "a simulated corpus with sequences",
            explanations, explained_questions, lacks.all_of(lacks.planted, lacks.sequences(2)), "sequence"),
    Exhibit("O7", "Contract matrix: models × contracts, quirks on", "nothing", contract_matrix),
)


