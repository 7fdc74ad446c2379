"""Inner values of a trained model (gates, attention), per utterance, from its forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from erclab import models, runs
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import RunError, UsageError
from erclab.corpora import Corpus
from erclab.corpora.simulated.observe import LEAD_SECONDS
from erclab.corpora.views import View
from erclab.models.interface import Model, Output
from erclab.runs import Record
from erclab.runs.looks import look

Read = Callable[[Output, DialogueBatch | SequenceBatch], Mapping[str, Tensor]]


@torch.inference_mode()
def per_utterance(record: Record, corpus: Corpus, read: Read, split: str = "test", *, attention: bool = False,
                  batch_size: int = 32, model: Model | None = None) -> pd.DataFrame:
    """A table of one row per utterance of a split (index: corpus rows), in row order.

    Args:
        read: (output, batch) -> column -> (B, T) for dialogues or (B,) for sequences.
        attention: the model also returns its attention weights.
        model: another one of the same configuration (`untrained`); the trained one by default.

    Raises:
        RunError, UsageError: see `split_view`.
    """
    batches = split_view(record, corpus, split).batches(batch_size)
    return _table(model or record.model(), batches, read, attention=attention)


def _table(model: Model, batches: Iterable, read: Read, *, attention: bool = False) -> pd.DataFrame:
    """What `read` finds in the forward pass over these batches, one row per utterance, in row order."""
    parts = []
    for batch in batches:
        there = batch.rows >= 0
        columns = {name: x[there].numpy() for name, x in read(model(batch, attention=attention), batch).items()}
        parts.append(pd.DataFrame(columns, index=batch.rows[there].numpy()))
    return pd.concat(parts).sort_index()


def split_view(record: Record, corpus: Corpus, split: str) -> View:
    """A split as the run's model reads it, with the standardiser of its training. The corpus is that of training, or
    another one that fits the run: of the same labels and widths.

    Raises:
        RunError: the corpus is another one, and what was fitted in training was not kept.
        UsageError: the corpus does not fit the run.
        CorpusError: the split is empty or without labels.
    """
    check_fitted(record, corpus)
    return runs.views(record, corpus, splits=[split])[split]


def check_fitted(record: Record, corpus: Corpus) -> None:
    """Refuse another corpus than that of training where what was fitted in training was not kept.

    Raises:
        RunError: the run must be made again.
    """
    if record.spec["fingerprint"] != corpus.fingerprint and record.fitted is None:
        raise RunError("an older version of erclab made the run and did not keep what was fitted on its corpus",
                       where=record.id, remedy="Run it again with --force (in a notebook: force=True).")


def groups(view: View, size: int, most: int | None = None) -> list[np.ndarray]:
    """The items of each batch, as `View.batches` makes them; of a long split, batches at even distances with about
    `most` items (neighbouring batches have similar lengths)."""
    order = np.argsort(-view.lengths, kind="stable")
    found = [order[i : i + size] for i in range(0, len(order), size)]
    count = len(found) if most is None else min(-(-most // size), len(found))
    return [found[i] for i in np.linspace(0, len(found) - 1, count).round().astype(int)]


def check_corpus(record: Record, corpus: Corpus) -> None:
    """Refuse a corpus that a run was not trained on.

    Raises:
        UsageError: names the right one.
    """
    if record.spec["fingerprint"] != corpus.fingerprint:
        raise UsageError("the run was trained on another corpus", where=record.id,
                         remedy=f"Load {record.spec['corpus']} with the features that it was trained on.")


def untrained(record: Record, seed: int | None = None) -> Model:
    """A model of the run's configuration with random weights: the control for what attention or a gate seems to have
    learnt (Adebayo et al. 2018, "Sanity Checks for Saliency Maps"). By default with the run's own seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(record.spec["seed"] if seed is None else seed)
        return models.build(record.spec["model"], record.spec["settings"]).eval()


def gate_weights(record: Record, corpus: Corpus, split: str = "test", *, model: Model | None = None) -> pd.DataFrame:
    """SDT: the weight of each modality in the multimodal gate, columns modalities.

    The gate is a softmax over modalities for every feature; this is its mean over features, so a row sums to 1.
    `model` as in `per_utterance`.

    Raises:
        RunError, UsageError: the run saw one modality only, so there is no gate; or see `split_view`.
    """
    modalities = record.spec["modalities"]
    if len(modalities) < 2:
        raise UsageError("one modality has no multimodal gate", where=record.id)
    return per_utterance(record, corpus, lambda output, _: {
        m: output.aux["multimodal_gate"][..., i, :].mean(-1) for i, m in enumerate(modalities)}, split, model=model)


def pair_gates(record: Record, corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """DialogueTRM: z of Eq. 6, the share of the first of each pair, mean over features; columns such as text_audio.

    Raises:
        RunError, UsageError: the run has no such gates; or see `split_view`.
    """
    if record.spec["settings"].get("fusion") not in ("mgif", "gate_concat") or len(record.spec["modalities"]) < 2:
        raise UsageError("this run has no gates of pairs", where=record.id,
                         remedy="Take a DialogueTRM of two or more modalities with fusion 'mgif' or 'gate_concat'.")
    return per_utterance(record, corpus, lambda output, _: {
        name.removeprefix("gate."): x.mean(-1) for name, x in output.aux.items() if name.startswith("gate.")}, split)


@look
def focus(record: Record, corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """The attention of a model of sequences to the planted steps of a simulated corpus.

    Every utterance has a salient word, and its voice and face have a burst; their places are known. Per stream of
    attention (rows, such as "text_from_audio"): `attention`, the share of the attention that goes to the planted
    steps, mean over layers, heads, queries and utterances; `uniform`, the share by equal attention to all steps;
    `ratio` of the two.

    Raises:
        UsageError: the corpus is not simulated, or the model has no attention over the steps of its input.
    """
    if "burst_start" not in corpus.table:
        raise UsageError(f"{corpus.name} does not say where the emotion is", remedy="Use a simulated corpus.")
    table = per_utterance(record, corpus, lambda output, batch: _shares(output, batch, corpus), split, attention=True)
    streams = sorted({c.rpartition(".")[0] for c in table.columns})
    means = pd.DataFrame({s: {"attention": table[f"{s}.attention"].mean(), "uniform": table[f"{s}.uniform"].mean()}
                          for s in streams}).T
    return means.assign(ratio=means["attention"] / means["uniform"])


def _shares(output: Output, batch: SequenceBatch, corpus: Corpus) -> dict[str, Tensor]:
    columns = {}
    for name, weights in output.attention.items():
        target, _, source = name.partition("_from_")
        if not {target, source} <= set(batch.masks) or weights.shape[-1] != batch.masks[source].shape[1]:
            continue
        there = torch.from_numpy(planted_steps(corpus, source, batch.rows.numpy(), weights.shape[-1]))
        there &= batch.masks[source]
        share = (weights * there[:, *[None] * (weights.dim() - 2), :]).sum(-1)  # (B, ..., Lq)
        share = share.flatten(1, -2).mean(1)  # (B, Lq)
        asks = batch.masks[target] if batch.masks[target].shape == share.shape else torch.ones_like(share)
        columns[f"{name}.attention"] = (share * asks).sum(1) / asks.sum(1).clamp(min=1)
        columns[f"{name}.uniform"] = there.sum(1) / batch.masks[source].sum(1).clamp(min=1)
    if not columns:
        raise UsageError("this model's attention is not over the steps of its input", remedy="Take MulT or HCT-MG.")
    return columns


def focus_ratios(records: Sequence[Record], corpus: Corpus) -> pd.DataFrame:
    """The `ratio` of `focus`: a row per stream of attention, a column per run."""
    return pd.concat([focus(r, corpus)["ratio"] for r in records], axis=1, keys=range(len(records)))


def mean_pair_gates(records: Sequence[Record], corpus: Corpus) -> pd.DataFrame:
    """DialogueTRM: `pair_gates`, mean over runs."""
    return sum(pair_gates(r, corpus) for r in records) / len(records)


def planted_steps(corpus: Corpus, modality: str, rows: np.ndarray, length: int) -> np.ndarray:
    """(B, L) bool: the steps of these utterances that show the emotion."""
    table, step = corpus.table.iloc[rows], np.arange(length)
    if modality == "text":
        return table["salient_word"].to_numpy()[:, None] == step
    seconds = (step + 0.5) / corpus.frames[modality].rate + LEAD_SECONDS[modality]
    return ((table["burst_start"].to_numpy()[:, None] <= seconds) & (seconds <= table["burst_end"].to_numpy()[:, None]))


@torch.inference_mode()
def depends_on_batch(record: Record, corpus: Corpus, sizes: tuple[int, int] = (1, 32), split: str = "test",
                     most: int | None = None) -> pd.DataFrame:
    """How a model's predictions for the same utterances depend on the size of their batch.

    Args:
        sizes: of the small and of the large batches. A small batch has neighbours of one large batch.
        most: dialogues or utterances that are read, see `groups`; all by default.

    Returns:
        Per utterance the emotion predicted (`small`, `large` batch) and `distance`, half the sum of the absolute
        differences between the two distributions: 0 for the same, 1 for nothing in common.

    Raises:
        RunError, UsageError: see `split_view`.
    """
    def probabilities(output: Output, _) -> dict[str, Tensor]:
        p = output.logits.softmax(-1)
        return {str(i): p[..., i] for i in range(p.shape[-1])}

    view, model, few = split_view(record, corpus, split), record.model(), sizes[0]
    chosen = groups(view, sizes[1], most)
    cut = [items[i : i + few] for items in chosen for i in range(0, len(items), few)]
    small, large = (_table(model, (view.batch(items) for items in parts), probabilities) for parts in (cut, chosen))
    return pd.DataFrame({"small": small.to_numpy().argmax(1), "large": large.to_numpy().argmax(1),
                         "distance": (small - large).abs().sum(axis=1) / 2})
