"""Inner values of a run as sums of each dialogue, for claims about mechanisms.

An interval over dialogues needs numbers of each dialogue (`erclab.analysis.tallies`). `measure` gives them for a split
of the corpus of training, or of fresh dialogues of the same world. The planted truth of a simulated corpus says which
word, voice and face show the emotion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch.nn.utils.rnn import pad_sequence

from erclab.analysis import inside, words
from erclab.analysis.attribution import planted_hits, shows_emotion
from erclab.analysis.incongruity import lies
from erclab.analysis.tallies import dialogues_of
from erclab.core.errors import UsageError, unknown
from erclab.corpora import Corpus
from erclab.runs import Record

BINS = 50  # of the ranks of a gate's weights
MOST = 192  # utterances that are read in batches of 1, six batches of 32
ROUNDING = 1e-4  # of a distribution; with less distance, a tie was broken by rounding
FEWEST = 4  # words of an utterance whose words are ranked
Measured = dict[str, np.ndarray]


def names_for(record: Record) -> tuple[str, ...]:
    """What can be measured in a run, by its model and settings; see `measure`."""
    spec, settings = record.spec, record.spec["settings"]
    model, seen, found = spec["model"], set(spec["modalities"]), []
    if model == "sdt":
        if len(seen) > 1 and settings.get("multimodal_fusion", "gated") == "gated":
            found += ["gate.trained", "gate.random"]
        if settings.get("unimodal_fusion", "gated") == "gated":
            found += ["filter.speaking", "filter.silent"]
        if record.target.kind == "classes":
            found += [f"students.{m}" for m in spec["modalities"]]
    if model == "mult" and {"text", "visual"} <= seen:
        found += ["word.trained", "word.random"]
    if (model == "mult" and seen == {"text"}) or (model == "hct-mg" and settings.get("primary") == "text"):
        found += ["reading"]
    by_pair = model == "mult" or (settings.get("primary"), settings.get("transformers", "pair")) == ("text", "pair")
    if model in ("mult", "hct-mg") and by_pair and {"text", "audio", "visual"} <= seen:
        found += ["agreement.congruent", "agreement.incongruent"]
    if record.info.kind == "trained" and record.target.kind == "classes" and _reads_sequences(record):
        found += ["batch"]
    return tuple(found)


def measure(record: Record, corpus: Corpus, names: Sequence[str], split: str = "test") -> Measured:
    """Numbers of each dialogue of a split from the inner values of a run.

    Args:
        corpus: that of training, or another one that fits the run, such as fresh dialogues of its world.
        names: of `names_for(record)`; the part before the point stands for all that begin with it.

    Returns:
        Float32 arrays with an axis D of dialogues first, numbered as in `tallies.dialogues_of`. Those of shape (D, 2)
        have the sum over utterances and their number.

        `word.trained`, `word.random` (D, 2): the area under the curve of the planted word against the other words, by
            the attention of each word to the frames in which the face shows the emotion, trained and with random
            weights; utterances whose text and face show it.
        `reading` (D, 2): the same area by `words.reading_weights`; utterances whose text shows the emotion.
        `agreement.congruent`, `agreement.incongruent` (D, 2): Spearman's correlation over an utterance's words of what
            the voice and what the face add to each (`words.added`); incongruent where one of the two shows another
            emotion than the true one, congruent where neither does.
        `gate.trained`, `gate.random` (D, M, 2, BINS): how many utterances have a weight of the multimodal gate in each
            bin, by modality and by silent (0) and speaking (1); see `area`. A bin has an equal share of the modality's
            utterances: the weights of an untrained gate lie within a few hundredths, which bins of equal width would
            not resolve, and an area depends on ranks alone.
        `filter.speaking`, `filter.silent` (D, 2): how far the unimodal gates are open for sources that show an emotion
            and for those that show none, mean over streams and features. Utterances are weighted so that every source
            counts alike in both: else the two would differ where one modality is silent more often than another.
        `batch` (D, 2): utterances whose prediction differs between batches of 1 and of 32; of `MOST` utterances.

        `students.M` is (N,) uint8, the class that the student of modality M predicts, in the row order of the corpus.

    Raises:
        UsageError: the run has no such values, the corpus has no planted truth, or it does not fit the run.
        RunError: the corpus is another one, and what was fitted in training was not kept.
    """
    known = names_for(record)
    for name in names:
        if not any(name in (one, one.partition(".")[0]) for one in known):
            raise unknown(f"inner value of {record.title} (run {record.id})", name, known)
    wanted = [one for one in known if one in names or one.partition(".")[0] in names]
    kinds = dict.fromkeys(one.partition(".")[0] for one in wanted)
    if "text_kind" not in corpus.table and set(kinds) - {"batch", "students"}:
        raise UsageError(f"{corpus.name} does not say where the emotion is", remedy="Use a simulated corpus.")
    found: Measured = {}
    for kind in kinds:
        found |= KINDS[kind](record, corpus, split)
    return {one: found[one] for one in wanted}


def area(counts: np.ndarray) -> np.ndarray:
    """How often a speaking modality has more weight than a silent one: the area under the curve, ties half.

    Args:
        counts: (..., M, 2, bins), silent and speaking.

    Returns:
        (...), the mean over modalities that are silent and that speak somewhere; NaN without one.
    """
    silent, speaking = (np.asarray(counts, dtype=np.float64)[..., i, :] for i in (0, 1))
    below = np.cumsum(silent, -1) - silent / 2
    pairs = silent.sum(-1) * speaking.sum(-1)  # (..., M)
    areas = (speaking * below).sum(-1) / np.where(pairs, pairs, 1)
    there = (pairs > 0).sum(-1)
    return np.where(there, areas.sum(-1) / np.maximum(there, 1), np.nan)


def _reads_sequences(record: Record) -> bool:
    if record.info.view != "any":
        return record.info.view == "sequence"
    kept = record.fitted
    return kept is not None and kept.sequences


def _sums(corpus: Corpus, split: str, rows: Sequence[int] | np.ndarray, values: np.ndarray,
          weights: np.ndarray | float = 1.0) -> np.ndarray:
    """(D, 2): per dialogue the sum of the values of these corpus rows and their number, both weighted; NaN counts
    nowhere."""
    dialogue = dialogues_of(corpus, split)
    at = dialogue[np.searchsorted(corpus.rows(split), np.asarray(rows, dtype=np.int64))]
    there, found = ~np.isnan(values), np.zeros((int(dialogue.max()) + 1, 2))
    weights = np.broadcast_to(weights, there.shape)[there]
    np.add.at(found, at[there], np.stack([weights * values[there], weights], 1))
    return found.astype(np.float32)


def _steps_that_speak(corpus: Corpus, split: str, *modalities: str) -> list[int]:
    """Rows of a split in which all of these modalities show the emotion."""
    rows = corpus.rows(split)
    return rows[np.all([shows_emotion(corpus, m, rows) for m in modalities], 0)].tolist()


def _areas(corpus: Corpus, weights: words.ByRow) -> tuple[np.ndarray, np.ndarray]:
    """Corpus rows, and the area of the planted word of each, NaN for an utterance of one word."""
    rows = np.array(list(weights), dtype=np.int64)
    if not len(rows):
        return rows, np.zeros(0)
    scores = pad_sequence([torch.from_numpy(w) for w in weights.values()], batch_first=True)
    mask = torch.arange(scores.shape[1]) < torch.tensor([[len(w)] for w in weights.values()])
    planted = torch.from_numpy(inside.planted_steps(corpus, "text", rows, scores.shape[1]))
    return rows, planted_hits(scores, planted, mask)["auroc"].to_numpy()


def _word(record: Record, corpus: Corpus, split: str) -> Measured:
    rows = _steps_that_speak(corpus, split, "text", "visual")
    sides = {"trained": record, "random": words.Untrained(record, record.spec["seed"])}
    return {f"word.{name}": _sums(corpus, split, *_areas(corpus, words.to_burst(run, corpus, rows, "visual")))
            for name, run in sides.items()}


def _reading(record: Record, corpus: Corpus, split: str) -> Measured:
    weights = words.reading_weights(record, corpus, _steps_that_speak(corpus, split, "text"))
    return {"reading": _sums(corpus, split, *_areas(corpus, weights))}


def _agreement(record: Record, corpus: Corpus, split: str) -> Measured:
    lying = lies(corpus, split)
    lying = lying[corpus.frames["text"].lengths[lying.index] >= FEWEST]
    voice, face = (words.added(record, corpus, lying.index.tolist(), m) for m in ("audio", "visual"))
    rho = pd.Series({row: _spearman(voice[row], face[row]) for row in voice}, dtype=float).reindex(lying.index)
    count = lying.sum(axis=1)
    return {f"agreement.{name}": _sums(corpus, split, rho.index[count == n].to_numpy(), rho[count == n].to_numpy())
            for name, n in (("congruent", 0), ("incongruent", 1))}


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation, NaN where one is constant (scipy takes 20 times as long and warns)."""
    x, y = rankdata(a), rankdata(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(x @ x * (y @ y)) ** 0.5
    return float(x @ y) / size if size else float("nan")


def _gate(record: Record, corpus: Corpus, split: str) -> Measured:
    dialogue, found = dialogues_of(corpus, split), {}
    for name, model in (("trained", None), ("random", inside.untrained(record))):
        weights = inside.gate_weights(record, corpus, split, model=model)
        counts = np.zeros((int(dialogue.max()) + 1, weights.shape[1], 2, BINS), dtype=np.float32)
        for i, (m, x) in enumerate(weights.items()):
            speaks = shows_emotion(corpus, m, weights.index.to_numpy()).astype(int)
            at = ((rankdata(x) - 0.5) / len(x) * BINS).astype(int)
            np.add.at(counts, (dialogue, i, speaks, at), 1)
        found[f"gate.{name}"] = counts
    return found


def _filter(record: Record, corpus: Corpus, split: str) -> Measured:
    def opened(output, _):
        return {n: torch.stack([z.mean(-1) for name, z in output.aux.items() if name.startswith("unimodal_gate.")
                                and name.endswith(f"_from_{n}")]).mean(0) for n in record.spec["modalities"]}

    table = inside.per_utterance(record, corpus, opened, split)
    rows = table.index.to_numpy()
    speaks = {n: shows_emotion(corpus, n, rows) for n in table}
    both = [n for n in table if 0 < speaks[n].sum() < len(rows)]
    found = {}
    for name, side in (("speaking", True), ("silent", False)):
        at = {n: speaks[n] == side for n in both}
        total = sum(x.sum() for x in at.values()) / max(len(both), 1)
        found[f"filter.{name}"] = sum((
            _sums(corpus, split, rows[x], table[n].to_numpy()[x], total / x.sum()) for n, x in at.items()),
            _sums(corpus, split, rows[:0], np.zeros(0)))
    return found


def _batch(record: Record, corpus: Corpus, split: str) -> Measured:
    table = inside.depends_on_batch(record, corpus, (1, 32), split, most=MOST)
    changed = (table["small"] != table["large"]) & (table["distance"] > ROUNDING)
    return {"batch": _sums(corpus, split, table.index.to_numpy(), changed.to_numpy(dtype=float))}


def _students(record: Record, corpus: Corpus, split: str) -> Measured:
    table = inside.per_utterance(record, corpus, lambda output, _: {
        f"students.{m}": output.aux[f"student.{m}"].argmax(-1) for m in record.spec["modalities"]}, split)
    return {name: x.to_numpy(dtype=np.uint8) for name, x in table.items()}


KINDS: dict[str, Callable[[Record, Corpus, str], Measured]] = {
    "word": _word, "reading": _reading, "agreement": _agreement, "gate": _gate, "filter": _filter, "batch": _batch,
    "students": _students}
