"""The use of an utterance's words by models of sequences, from the forward pass that makes the prediction.

Four measures: `maps`, the frames to which a word attends; `to_burst`, how much of that goes to the planted frames;
`added`, how much attention adds to a word; `reading_weights`, the weight of a word in the classified vector. The rows
of crossmodal attention sum to 1 for every word, so the weights alone do not show which word was enhanced; the norm of
the added vector does (Kobayashi et al. 2020, "Attention is not only a weight", EMNLP).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from erclab.analysis import inside
from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.models.interface import Output
from erclab.runs import Record
from erclab.runs.looks import look

FEW = 20  # utterances; of fewer, a percentage would say more than is known

ByRow = dict[int, np.ndarray]  # corpus row -> (L,), one number per step of its text


@dataclass(frozen=True)
class Untrained:
    """A run's model with the weights of an initialisation: the control for what its attention seems to show."""

    record: Record
    seed: int = 0

    @property
    def id(self) -> str:
        """The run's."""
        return self.record.id

    @property
    def spec(self) -> dict[str, Any]:
        """The run's."""
        return self.record.spec

    def model(self) -> torch.nn.Module:
        """The model as it is before training."""
        return inside.untrained(self.record, self.seed)


@look
def maps(record: Record | Untrained, corpus: Corpus, row: int) -> dict[str, np.ndarray]:
    """Stream (such as "text_from_visual") -> (L_target, L_source), the attention of one utterance, mean over layers
    and heads; rows sum to 1.

    Raises:
        RunError, UsageError: the model has no attention over the steps of its input; or see `inside.split_view`.
    """
    output, batch, _ = next(_passes(record, corpus, [row]))
    lengths = {m: int(mask.sum()) for m, mask in batch.masks.items()}
    found = {}
    for name, weights in output.attention.items():
        target, _, source = name.partition("_from_")
        if {target, source} <= set(lengths) and weights.shape[-2:] == tuple(
                batch.masks[m].shape[1] for m in (target, source)):
            found[name] = weights[0].mean((0, 1))[:lengths[target], :lengths[source]].numpy()
    if not found:
        raise UsageError("this model's attention is not over the steps of its input", where=record.id,
                         remedy="Take MulT or HCT-MG.")
    return found


@look
def reading_weights(record: Record | Untrained, corpus: Corpus, rows: list[int]) -> ByRow:
    """How the enhanced text is read: the weight of each word in the vector of the text that is classified.

    It is the attention of the text's last step, in the last layer of the transformer over the enhanced text, mean over
    heads: the classifier reads that step. The weights of an utterance sum to 1.

    Raises:
        UsageError: as `maps`; or no transformer reads the text, because another modality is the primary.
    """
    found = {}
    for output, batch, at in _passes(record, corpus, rows):
        if "text_from_text" not in (output.attention or {}):
            raise UsageError("the text of this model is not read by self-attention", where=record.id,
                             remedy="Take MulT, or HCT-MG with primary='text'.")
        steps = batch.masks["text"].sum(1)
        for i, row in enumerate(at):
            n = int(steps[i])
            found[row] = output.attention["text_from_text"][i, -1, :, max(n - 1, 0), :n].mean(0).numpy()
    return {row: found[row] for row in rows}


@look
def added(record: Record | Untrained, corpus: Corpus, rows: list[int], source: str) -> ByRow:
    """How much crossmodal attention to `source` adds to each word, as its share of all that it adds to the utterance.

    The norm of the attention's output at the word, mean over layers; the shares of an utterance sum to 1.

    Raises:
        UsageError: as `maps`; or the text of this model does not attend to this modality.
    """
    found: ByRow = {}
    for _, batch, at, told in _passes(record, corpus, rows, watch=f"text_from_{source}"):
        norms = torch.stack(told).norm(dim=-1).mean(0)  # (B, L)
        for i, row in enumerate(at):
            x = norms[i, :int(batch.masks["text"][i].sum())].numpy()
            found[row] = x / max(float(x.sum()), 1e-12)
    return {row: found[row] for row in rows}


@look
def to_burst(record: Record | Untrained, corpus: Corpus, rows: list[int], source: str = "visual") -> ByRow:
    """How much of its attention each word gives to the frames in which the voice or the face shows the emotion, mean
    over layers and heads.

    Raises:
        UsageError: as `maps`; or the text of this model does not attend to the frames of this modality.
    """
    found, name = {}, f"text_from_{source}"
    for output, batch, at in _passes(record, corpus, rows):
        weights = (output.attention or {}).get(name)
        if weights is None or weights.shape[-2:] != tuple(batch.masks[m].shape[1] for m in ("text", source)):
            raise UsageError(f"this model has no {name.replace('_', ' ')}", where=record.id,
                             remedy="Take MulT, or HCT-MG with primary='text', of both modalities.")
        there = torch.from_numpy(inside.planted_steps(corpus, source, batch.rows.numpy(), weights.shape[-1]))
        given = (weights.mean((1, 2)) * there.unsqueeze(1)).sum(-1)  # (B, L_text)
        for i, row in enumerate(at):
            found[row] = given[i, :int(batch.masks["text"][i].sum())].numpy()
    return {row: found[row] for row in rows}


def average(tables: list[ByRow]) -> ByRow:
    """The mean over seeds, word by word."""
    return {row: np.mean([t[row] for t in tables], axis=0) for row in tables[0]}


def step_names(corpus: Corpus, row: int) -> list[str]:
    """The words of an utterance where there are as many as steps of its text; else the steps' numbers, from 1."""
    words, steps = str(corpus.table["text"].iloc[row]).split(), int(corpus.frames["text"].lengths[row])
    return words if len(words) == steps else [f"{i + 1}" for i in range(steps)]


def pointing_game(weights: Mapping[int, np.ndarray], corpus: Corpus, reach: int = 0) -> dict[str, float]:
    """How often the word of an utterance with the most weight is the planted one.

    Args:
        reach: a word so many steps beside the planted one is a hit as well: a convolution carries the meaning of a
            word to its neighbours, where a model may read it.

    Returns:
        `hit`, the share of utterances in which it is; `chance`, that of a word at random; `weight`, the mean share of
        the weight that the planted word (and what is within reach) has; `n` utterances.

    Raises:
        UsageError: the corpus has no planted words.
    """
    if "salient_word" not in corpus.table:
        raise UsageError(f"{corpus.name} has no planted words", remedy="Use a simulated corpus.")
    found = []
    for row, w in weights.items():
        if len(w) > 1:
            near = np.abs(np.arange(len(w)) - corpus.table["salient_word"].iloc[row]) <= reach
            found.append((near[w.argmax()], near.mean(), w[near].sum() / w.sum()))
    if not found:
        raise UsageError("no utterance has two words to choose from")
    hit, chance, weight = np.mean(found, axis=0)
    return {"hit": float(hit), "chance": float(chance), "weight": float(weight), "n": len(found)}


def evenness(attention: np.ndarray) -> float:
    """How even (L_target, L_source) attention is: its entropy over the largest possible, mean over targets; 1 for equal
    attention to all steps."""
    p = np.asarray(attention, dtype=np.float64)
    if p.shape[1] < 2:
        return 1.0
    return float((-(p * np.log(np.maximum(p, 1e-300))).sum(1) / np.log(p.shape[1])).mean())


def agreement(one: Mapping[int, np.ndarray], other: Mapping[int, np.ndarray]) -> dict[str, float]:
    """`same`, the share of utterances of which both have the same heaviest word, and what `chance` would give."""
    return {"same": float(np.mean([one[row].argmax() == other[row].argmax() for row in one])),
            "chance": float(np.mean([1 / len(w) for w in one.values()]))}


def finding(corpus: Corpus, tables: Mapping[str, ByRow], what: str) -> str:
    """A title: how often the heaviest word of an utterance is the planted one or beside it, or the same in two tables.
    Fewer than `FEW` utterances are counted.

    Args:
        tables: name -> weights of the words of the same utterances.
        what: what the weights say, such as "the text is read".
    """
    names, (one, *others) = list(tables), tables.values()
    if max(map(len, one.values())) < 2:
        return "A single word has all the weight"
    if "salient_word" in corpus.table:
        hits = {name: [pointing_game(table, corpus, reach) for reach in (0, 1)] for name, table in tables.items()}
        at, near = hits[names[0]]
        few = at["n"] < FEW
        scale, digits, unit = (at["n"], 1, "") if few else (100, 0, " %")
        told = "; ".join(f"{name} {_both(scale, at['hit'], near['hit'], digits)}{unit}"
                         for name, (at, near) in hits.items())
        utterances = f"{at['n']} utterances" if at["n"] > 1 else "one utterance"
        return (f"How often {what} at the planted word, and there or beside it, of {utterances}:\n"
                f"{told}; at random {_both(scale, at['chance'], near['chance'], digits)}{unit}")
    if not others:
        return f"Where {what} by {names[0]}"
    same = agreement(one, others[0])
    return (f"{names[0]} and {names[1]} have the same heaviest word in {100 * same['same']:.0f} % of {len(one)} "
            f"utterances\n(by chance in {100 * same['chance']:.0f} %)")


def _both(scale: float, one: float, other: float, digits: int) -> str:
    return f"{round(scale * one, digits):g} and {round(scale * other, digits):g}"


def utterances(corpus: Corpus, split: str = "test") -> list[int]:
    """Corpus rows of the utterances of a split that have two or more steps of text."""
    rows = corpus.rows(split)
    return [int(i) for i in rows[corpus.frames["text"].lengths[rows] > 1]]


@torch.inference_mode()
def _passes(record: Record | Untrained, corpus: Corpus, rows: list[int], *, watch: str = "", batch_size: int = 32
            ) -> Iterator[tuple[Output, SequenceBatch, list[int]] | tuple]:
    """The forward pass over batches of these utterances, of one split: output, batch, their rows; with `watch`, the
    name of a crossmodal transformer, also what each of its layers adds, (B, L_target, d). The longest come first, so
    that batches have little padding."""
    if not rows:
        return
    split = corpus.table["split"].iloc[rows[0]]
    view = inside.split_view(record.record if isinstance(record, Untrained) else record, corpus, split)
    place = {row: i for i, row in enumerate(view.rows.tolist())}
    model, told = record.model(), []
    if watch:
        transformers = getattr(model, "crossmodal", {})
        if watch not in transformers:
            raise UsageError(f"this model has no {watch.replace('_', ' ')}", where=record.id,
                             remedy="Take MulT, or HCT-MG with primary='text', of both modalities.")
        for layer in transformers[watch].layers:
            layer.attention.register_forward_hook(lambda module, given, out: told.append(out[0]))
    order = sorted(rows, key=lambda row: (-view.lengths[place[row]], row))
    for first in range(0, len(order), batch_size):
        part = order[first : first + batch_size]
        batch = view.batch([place[row] for row in part])
        told.clear()
        output = model(batch, attention=not watch)
        yield (output, batch, part, list(told)) if watch else (output, batch, part)
