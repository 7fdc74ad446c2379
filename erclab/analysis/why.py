"""What mattered for the prediction of each utterance of a conversation: modalities, other turns, and words.

Columns of the tables, in units of the logit of the predicted label (of another task: of its first number):

    why: M            what modality M adds, integrated gradients from the mean of training (features of 0)
    why: M context    the part of it that comes from other turns of the dialogue
    why: turn         the other turn that adds most, in either direction; empty in a dialogue of one turn
    why: turn adds    how much this turn adds
    why: words        the words of the utterance that add most, with what each adds

A model that reads words has no gradients to them. There, modalities and words are left out one at a time: the value is
by how much the logit falls (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks"). So it is
for the words behind a text vector, where the encoder is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from erclab.analysis.attribution import integrated_gradients
from erclab.analysis.degrade import without
from erclab.analysis.explanations import by_turn
from erclab.core.batches import DialogueBatch, Flat, SequenceBatch
from erclab.corpora.views import DialogueView, View
from erclab.models.interface import Model

Ids = Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]
Encode = Callable[[Sequence[str]], np.ndarray]
MOST_WORDS = 3  # that are named for an utterance
AT_ONCE = 16  # dialogues with one word left out in one forward pass


def trained(model: Model, view: View, kind: str, *, texts: Sequence[str], steps: Sequence[Sequence[str]] | None = None,
            turns: Sequence[int] | None = None, ids: Ids | None = None, encode: Encode | None = None
            ) -> pd.DataFrame:
    """One row per utterance of a view, in row order; the columns are described above.

    Args:
        model: a trained model.
        view: the conversations as the model reads them.
        kind: of the task (`erclab.core.targets.Task`).
        texts: of the utterances.
        steps: the words of the text's steps, for a model of sequences, where they are known; without them, the words of
            a text count where there are as many as steps.
        turns: of the utterances, the numbers by which turns are named; by default their rows.
        ids: makes token ids of texts, for a model that reads words.
        encode: makes the vectors of texts as the model reads them, for a model of text vectors.
    """
    rows: dict[int, dict[str, Any]] = {}
    for batch in view.batches(1 if isinstance(view, DialogueView) else 32):
        with torch.no_grad():
            target = _target(kind, model(batch).logits)
        if isinstance(batch, SequenceBatch):
            found = _sequences(model, batch, target, texts, steps)
        elif ids is None:
            found = _dialogue(model, batch, target[0])
            if encode is not None:
                _add_words(found, model, batch, target[0], texts, encode)
        else:
            found = _words(model, batch, target[0], texts, ids)
        rows |= dict(zip(batch.rows.flatten().tolist(), found, strict=True))
    made = [rows[i] for i in sorted(rows)]
    table = pd.DataFrame(made)
    if "why: turn" in table:
        others = [row["why: turn"] for row in made]
        table["why: turn"] = pd.array([i if i is None or turns is None else turns[i] for i in others], dtype="Int64")
    if "why: words" in table:
        table["why: words"] = table["why: words"].fillna("")
    return table


def linear(model: Any, found: np.ndarray, features: np.ndarray, widths: Mapping[str, int]) -> pd.DataFrame:
    """What each modality adds to the logit of a linear probe's answer, exactly.

    Args:
        found: (N, C), its predictions.
        features: (N, D), modalities side by side.
        widths: modality -> how many columns of them it has.
    """
    adds = model.weights(found) * features  # (N, D)
    ends = np.cumsum(list(widths.values()))[:-1]
    return pd.DataFrame({f"why: {m}": x.sum(1) for m, x in zip(widths, np.split(adds, ends, axis=1), strict=True)})


def of_words(model: Any, part: Flat, kind: str) -> pd.DataFrame:
    """The words of each utterance that matter most to a baseline of words, each left out in turn: by how much the
    logarithm of the label's probability (of another task the first number) falls."""
    before, rows = model.predict(part), []
    for i, text in enumerate(map(str, part.texts if part.texts is not None else ())):
        words = text.split()
        column = int(before[i].argmax()) if kind == "classes" else int(kind == "binary")
        variants = np.array([*_without_one(words), ""], dtype=object)
        heard = None if part.texts_before is None else np.repeat(part.texts_before[i: i + 1], len(variants))
        nothing = np.repeat(part.labels[:1], len(variants), axis=0)
        after = model.predict(Flat(np.zeros((len(variants), 0), np.float32), nothing, nothing, variants, heard))
        *adds, whole = before[i, column] - after[:, column]
        rows.append({"why: text": float(whole), "why: words": _named(words, [float(x) for x in adds])})
    return pd.DataFrame(rows)


def _without_one(words: Sequence[str]) -> list[str]:
    """The text without each of its words."""
    return [" ".join([*words[:i], *words[i + 1:]]) for i in range(len(words))]


def _target(kind: str, logits: Tensor) -> Tensor:
    """The output that is explained: the predicted label; of another task the first number, or the first "present"."""
    if kind == "classes":
        return logits.argmax(-1)
    return torch.full(logits.shape[:-1], int(kind == "binary"), device=logits.device)


def _dialogue(model: Model, batch: DialogueBatch, target: Tensor) -> list[dict[str, Any]]:
    """Of one dialogue of T turns, by integrated gradients."""
    values, _ = by_turn(model, batch, target)  # modality -> (T that are explained, T that add)
    whole = torch.stack(list(values.values())).sum(0)
    return [{**{f"why: {m}": float(x[t].sum()) for m, x in values.items()},
             **{f"why: {m} context": float(x[t].sum() - x[t, t]) for m, x in values.items()},
             **_strongest(whole[t], t, batch.rows[0])} for t in range(len(whole))]


def _add_words(found: list[dict[str, Any]], model: Model, batch: DialogueBatch, target: Tensor, texts: Sequence[str],
               encode: Encode) -> None:
    """Add the words that matter for each turn of one dialogue, by its text vector without each of them."""
    words = [texts[row].split() for row in batch.rows[0].tolist()]
    turn_of = [t for t, those in enumerate(words) for _ in those]
    if not turn_of:
        return
    vectors = torch.from_numpy(encode([text for those in words for text in _without_one(those)])).to(batch.mask.device)
    adds: list[list[float]] = [[] for _ in words]
    with torch.no_grad():
        before = model(batch).logits[0]
        for first in range(0, len(turn_of), AT_ONCE):
            turns = turn_of[first : first + AT_ONCE]
            text = batch.features["text"].expand(len(turns), -1, -1).clone()
            text[torch.arange(len(turns)), turns] = vectors[first : first + AT_ONCE]
            copies = repeated(batch, len(turns))
            after = model(replace(copies, features=copies.features | {"text": text})).logits
            for i, t in enumerate(turns):
                adds[t].append(float(before[t, target[t]] - after[i, t, target[t]]))
    for row, those, values in zip(found, words, adds, strict=True):
        row["why: words"] = _named(those, values)


def _strongest(adds: Tensor, t: int, rows: Tensor) -> dict[str, Any]:
    """The turn other than t that adds most."""
    if len(adds) < 2:
        return {"why: turn": None, "why: turn adds": np.nan}
    size = adds.abs()
    size[t] = -1
    other = int(size.argmax())
    return {"why: turn": int(rows[other]), "why: turn adds": float(adds[other])}


def _sequences(model: Model, batch: SequenceBatch, target: Tensor, texts: Sequence[str],
               steps: Sequence[Sequence[str]] | None) -> list[dict[str, Any]]:
    """Of B utterances, by integrated gradients over their steps."""
    values, _ = integrated_gradients(model, batch, target=target)
    found = []
    for i, row in enumerate(batch.rows.tolist()):
        found.append({f"why: {m}": float(x[i].sum()) for m, x in values.items()})
        if "text" in values:
            n = int(batch.masks["text"][i].sum())
            names = texts[row].split() if steps is None else list(steps[row])
            if len(names) == n:
                found[-1]["why: words"] = _named(names, values["text"][i, :n].tolist())
    return found


def _words(model: Model, batch: DialogueBatch, target: Tensor, texts: Sequence[str], ids: Ids) -> list[dict[str, Any]]:
    """Of one dialogue of a model that reads words, by leaving out one thing at a time."""
    turns = batch.shape[1]
    names = list(dict(model.config.dims))
    at = torch.arange(turns)
    with torch.no_grad():
        before = model(batch).logits[0][at, target]
        every = {m: torch.zeros(turns, turns) for m in names}
        for m in names:
            for other in range(turns):
                lost = (at == other).unsqueeze(0).to(batch.mask.device)
                every[m][:, other] = (before - model(_less(batch, m, lost)).logits[0][at, target]).cpu()
        found = []
        for t in range(turns):
            words = texts[int(batch.rows[0, t])].split()
            adds = [float(before[t] - x) for x in _each_left_out(model, batch, t, words, int(target[t]), ids)]
            row = {f"why: {m}": float(x[t].sum()) for m, x in every.items()}
            row |= {f"why: {m} context": float(x[t].sum() - x[t, t]) for m, x in every.items()}
            whole = torch.stack([x[t] for x in every.values()]).sum(0)
            found.append(row | _strongest(whole, t, batch.rows[0]) | {"why: words": _named(words, adds)})
    return found


def _less(batch: DialogueBatch, modality: str, lost: Tensor) -> DialogueBatch:
    """The batch in which some turns lack a modality; the text is in the tokens alone."""
    if modality in batch.features or batch.tokens is None:
        return without(batch, modality, lost)
    return replace(batch, tokens=batch.tokens.masked_fill(lost[..., None], -1))


def _each_left_out(model: Model, batch: DialogueBatch, turn: int, words: Sequence[str], target: int, ids: Ids
                   ) -> Iterator[Tensor]:
    """The logit of a turn without each of its words."""
    tokens = batch.tokens
    variants = _without_one(words)
    if tokens is None or not variants:
        return
    values, starts = ids(variants)
    for first in range(0, len(variants), AT_ONCE):
        part = range(first, min(first + AT_ONCE, len(variants)))
        copies = tokens.expand(len(part), -1, -1).clone()
        for copy, i in zip(copies, part, strict=True):
            new = torch.from_numpy(values[starts[i]:starts[i + 1]]).to(copy)[: copy.shape[1]]
            copy[turn] = -1
            copy[turn, : len(new)] = new
        yield from model(repeated(batch, len(part), tokens=copies)).logits[:, turn, target].cpu()


def repeated(batch: DialogueBatch, copies: int, **changes: Any) -> DialogueBatch:
    """A batch of one dialogue, several times, with changes."""
    def many(x: Tensor) -> Tensor:
        return x.expand(copies, *x.shape[1:])

    return replace(batch, **{"features": {m: many(x) for m, x in batch.features.items()}, "mask": many(batch.mask),
                             "speakers": many(batch.speakers), "rows": many(batch.rows),
                             "labels": many(batch.labels), "places": None, **changes})


def _named(words: Sequence[str], adds: Sequence[float]) -> str:
    """The words that add most, with what each adds."""
    order = sorted(range(len(words)), key=lambda i: (-abs(adds[i]), i))[:MOST_WORDS]
    return ", ".join(f"{words[i]} {adds[i]:+.2f}" for i in order)
