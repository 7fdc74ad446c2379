"""Readers beside their ceilings (O10, O11): does a model that was fitted on dialogues of a simulated world ever beat
the exact oracle of what it reads?

A reader is an estimator, an input and the part of the dialogue that it sees. All of them are trained on dialogues of a
world and tested on others of the same world. None can be more accurate in expectation than the oracle of its view, its
modalities and its context. One that is, beyond the noise of the test dialogues, has found a hole in the world: evidence
that the oracle does not count. The readers know neither the grammar nor the prototypes.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise, product

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from torch import nn

from erclab.core import paths
from erclab.core.errors import UsageError
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.corpora.simulated.generator import world_described
from erclab.corpora.simulated.oracle import posterior

Encode = Callable[[Sequence[str]], np.ndarray]  # N texts -> (N, D)
WORD = r"[\w'-]+"
# What is read -> the view of its oracle, and the modalities.
INPUTS = {"words": ("words", ("text",)), "words and pairs": ("words", ("text",)),
          "MiniLM sentences": ("words", ("text",)), "words, voice and face": ("words", MODALITIES),
          "text vectors": ("vectors", ("text",)), "all vectors": ("vectors", MODALITIES)}
# What is seen -> the context of its oracle (`oracle.CONTEXTS`); the window is one turn.
SEES = {"one turn": "utterance", "previous turn": "window", "turns before": "causal", "whole dialogue": "dialogue"}
ERRORS = 2.0  # standard errors above a ceiling that are no noise
FADE = 0.5  # the weight of a speaker's earlier (later) turn, relative to the turn after (before) it
MOST = 300  # columns for boosting, which needs dense ones: those that differ most between labels (analysis of variance)
PENALTY = 0.1  # of logistic regression
RARE = 3  # a pair of words in fewer utterances is no feature


@dataclass(frozen=True)
class Reader:
    """Attributes:
    input: what it reads, a key of `INPUTS`.
    by: "logistic regression", "boosting" (of trees) or "GRU".
    sees: a key of `SEES`.
    """

    input: str
    by: str
    sees: str

    def __str__(self) -> str:
        return f"{self.input}, {self.sees}: {self.by}"


FITTED = ("one turn", "previous turn", "whole dialogue")  # what estimators without a memory see
BY = {"logistic regression": FITTED, "boosting": FITTED, "GRU": ("one turn", "turns before", "whole dialogue")}
# Boosting finds pairs of words by itself, so it has one input of words; a GRU reads words.
READERS = tuple(Reader(read, by, sees) for read in INPUTS for by in BY for sees in BY[by]
                if (by == "logistic regression" or (by == "GRU") == (read == "words")))


def readers_with(**fields: Sequence[str]) -> tuple[Reader, ...]:
    """The readers with these values, such as `readers_with(by=["GRU"])`."""
    return tuple(r for r in READERS if all(getattr(r, name) in values for name, values in fields.items()))


def measure(train: Corpus, test: Corpus, readers: Iterable[Reader] = READERS, encode: Encode | None = None,
            told: Callable[[str], None] = lambda line: None) -> pd.DataFrame:
    """Fit the readers on all dialogues of one corpus, and compare them with the oracle on all dialogues of another.

    Args:
        train, test: simulated corpora of one world.
        encode: makes the vectors of "MiniLM sentences".
        told: called with a line for each reader that has been measured.

    Returns:
        A row per reader: `input`, `by`, `sees`, `view`; `accuracy` and `ceiling` in percent, `gap` = accuracy - ceiling
        and its standard error `se` in points (`gap_of`); the numbers of test `dialogues` and `utterances`.

    Raises:
        UsageError: a corpus is not simulated, or sentences are to be read and `encode` is not given.
    """
    world, rows = simulated.world_behind(test), []
    if world is None:
        raise UsageError(f"{test.name} is not simulated, so no ceiling is known", remedy="Take a simulated corpus.")
    truth, features, best = test.table["label"].to_numpy(), {}, {}
    for reader in readers:
        view, modalities = INPUTS[reader.input]
        if (key := (view, modalities, reader.sees)) not in best:
            found = posterior(test, world, modalities, SEES[reader.sees], window=1, view=view)
            best[key] = found.label.argmax(1) == truth
        if reader.by == "GRU":
            guess = recurrent(train, test, alone=reader.sees == "one turn", both=reader.sees == "whole dialogue")
        else:
            if reader.input not in features:
                features = {reader.input: tuple(_features(train, test, reader.input, encode))}  # of one input at a time
            guess = _fitted(reader, train, *(around(corpus, features[reader.input][i], reader.sees)
                                             for i, corpus in enumerate((train, test))))
        hit = guess == truth
        gap, se = gap_of(hit, best[key], test.starts)
        rows.append({**asdict(reader), "view": view, "accuracy": 100 * hit.mean(), "ceiling": 100 * best[key].mean(),
                     "gap": 100 * gap, "se": 100 * se, "dialogues": len(test.starts) - 1, "utterances": len(test)})
        told(f"{reader}: {100 * hit.mean():.2f} beside {100 * best[key].mean():.2f}, {100 * gap:+.2f} ± {100 * se:.2f}")
    return pd.DataFrame(rows)


def gap_of(hit: np.ndarray, best: np.ndarray, starts: np.ndarray) -> tuple[float, float]:
    """The difference of two accuracies on the same utterances, and its standard error over dialogues.

    Utterances of a dialogue depend on each other, so the dialogues are the units. The difference is a ratio, the sum of
    the dialogues' differences over the sum of their lengths; its variance is the usual one of a ratio of means.

    Args:
        hit, best: (N,) whether the reader, and the oracle, are right.
        starts: (dialogues + 1,) the first row of each dialogue, then N.
    """
    by_dialogue = np.add.reduceat(hit.astype(float) - best.astype(float), starts[:-1])
    lengths, n = np.diff(starts), len(starts) - 1
    gap = by_dialogue.sum() / lengths.sum()
    squares = ((by_dialogue - gap * lengths) ** 2).sum()
    return float(gap), float(np.sqrt(squares * n / (n - 1)) / lengths.sum()) if n > 1 else float("nan")


def beyond(table: pd.DataFrame) -> pd.DataFrame:
    """The readers that are above their ceiling by more than `ERRORS` standard errors."""
    return table[table["gap"] > ERRORS * table["se"]]


def gap_title(table: pd.DataFrame) -> str:
    """A title: how many readers are above their ceiling beyond the noise, and how near the nearest one comes."""
    above, nearest = len(beyond(table)), table.loc[table["gap"].idxmax()]
    who = Reader(nearest["input"], nearest["by"], nearest["sees"])
    return (f"{above or 'None'} of {len(table)} readers above the ceiling by {ERRORS:g} standard errors\n"
            f"nearest: {who}, {nearest['gap']:+.1f} ± {nearest['se']:.1f} points")


def stored(corpus: str) -> pd.DataFrame:
    """The table of `measure` that the study has of a corpus; `python tools/readers.py` makes it.

    Raises:
        UsageError: there is none of this corpus.
    """
    return pd.DataFrame(_record(corpus)["rows"])


def measured_in(corpus: Corpus) -> bool:
    """Whether the study has readers of the world of a corpus, of any corpus seed and number of dialogues."""
    try:
        worlds = simulated.world_behind(corpus), world_described(corpus.name, _record(corpus.name)["train"])
    except UsageError:
        return False
    one, other = (None if w is None else replace(w.settings, seed=0, dialogues=(1, 1, 1)) for w in worlds)
    return one is not None and one == other


def printed_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The table for people, a row per reader; ± is one standard error."""
    rows = {str(Reader(row.input, row.by, row.sees)): {
        "ceiling of": f"{row.view}, {SEES[row.sees]}", "accuracy": f"{row.accuracy:.1f}",
        "ceiling": f"{row.ceiling:.1f}", "gap": f"{row.gap:+.2f} ± {row.se:.2f}"} for row in table.itertuples()}
    return pd.DataFrame(rows).T.rename_axis("reader")


def _record(corpus: str) -> dict:
    path = paths.results_dir() / "readers" / f"{corpus}.json"
    try:
        return {"train": "", **json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError) as error:
        raise UsageError(f"no readers were measured on {corpus} ({type(error).__name__})", where=path,
                         remedy="Measure them: python tools/readers.py.") from None


def _features(train: Corpus, test: Corpus, what: str, encode: Encode | None) -> Iterator[np.ndarray | sparse.csr_array]:
    """(N, F) of each utterance of both corpora, without its neighbours."""
    if what in ("text vectors", "all vectors"):
        for corpus in (train, test):
            yield np.hstack([corpus.vectors[m] for m in INPUTS[what][1]]).astype(np.float64)
    elif what == "MiniLM sentences":
        if encode is None:
            raise UsageError("sentences are to be read, and nothing encodes them", remedy="Give encode.")
        vectors = encode([*train.table["text"], *test.table["text"]])  # of length 1
        yield from np.split(vectors * vectors.shape[1] ** 0.5, [len(train)])
    else:
        pairs = what != "words"
        reads = CountVectorizer(binary=True, ngram_range=(1, 2 if pairs else 1), token_pattern=WORD, min_df=RARE)
        reads.fit(train.table["text"])
        for corpus in (train, test):
            seen = [reads.transform(corpus.table["text"]).astype(np.float64)]
            if what == "words, voice and face":
                seen += [sparse.csr_array(corpus.vectors[m].astype(np.float64)) for m in ("audio", "visual")]
            yield sparse.hstack(seen, format="csr")


def around(corpus: Corpus, x: np.ndarray | sparse.csr_array, sees: str) -> np.ndarray | sparse.csr_array:
    """(N, F) features of utterances -> (N, k F) with those of the turns that a reader sees.

    "previous turn": also the turn before, in other columns if it is of another speaker. "whole dialogue": also the turn
    before and the turn after; and of the turns before and after, the own and the others' separately, a sum in which
    the weight of a turn halves (`FADE`) with every turn of its kind that is nearer.
    """
    if sees == "one turn":
        return x
    speaker = pd.factorize(corpus.table["dialogue"] + "/" + corpus.table["speaker"])[0]
    first, last = np.zeros(len(corpus), bool), np.zeros(len(corpus), bool)
    first[corpus.starts[:-1]], last[corpus.starts[1:] - 1] = True, True
    rows = np.arange(len(corpus))

    def shift(at: np.ndarray, by: int) -> sparse.csr_array:
        return sparse.csr_array((np.ones(len(at)), (at, at + by)), shape=(len(corpus),) * 2)

    if sees == "previous turn":
        same = np.append(False, speaker[1:] == speaker[:-1])
        maps = [shift(rows[~first & same], -1), shift(rows[~first & ~same], -1)]
    else:
        maps = [shift(rows[~first], -1), shift(rows[~last], 1)]
        for step, own in product((-1, 1), (True, False)):
            weights = [_fading(speaker[a:b], step, own) for a, b in pairwise(corpus.starts)]
            maps.append(sparse.block_diag(weights, format="csr"))
    parts = [x, *(sparse.csr_array(m) @ x for m in maps)]
    return sparse.hstack(parts, format="csr") if sparse.issparse(x) else np.hstack(parts)


def _fading(speaker: np.ndarray, step: int, own: bool) -> np.ndarray:
    """(T, T) the weight of each turn's (row's) earlier (step -1) or later (1) turns of the same or other speakers."""
    time = np.arange(len(speaker))
    seen = (((time[None, :] - time[:, None]) * step > 0)
            & ((speaker[None, :] == speaker[:, None]) == own)).astype(float)
    nearer = seen.cumsum(1) if step > 0 else seen[:, ::-1].cumsum(1)[:, ::-1]
    return np.where(seen > 0, FADE ** (nearer - 1), 0.0)


def _fitted(reader: Reader, train: Corpus, x: np.ndarray | sparse.csr_array, new: np.ndarray | sparse.csr_array
            ) -> np.ndarray:
    """The labels that an estimator of scikit-learn gives to the rows of `new`."""
    label = train.table["label"]
    if reader.by == "logistic regression":
        return LogisticRegression(C=PENALTY, max_iter=150, tol=1e-3).fit(x, label).predict(new)
    with warnings.catch_warnings(action="ignore"):  # of constant columns: no event comes before a turn of one's own
        chosen = SelectKBest(f_classif, k=min(MOST, x.shape[1])).fit(x, label)
    x, new = (part.toarray() if sparse.issparse(part) else part for part in map(chosen.transform, (x, new)))
    model = HistGradientBoostingClassifier(max_iter=40, learning_rate=0.25, max_leaf_nodes=15, random_state=0,
                                           early_stopping=False)
    return model.fit(x, label).predict(new)


class WordGru(nn.Module):
    """Word and speaker embeddings, a GRU, or one in each direction, and the classes at each word."""

    def __init__(self, words: int, speakers: int, classes: int, both: bool, dim: int = 48, hidden: int = 80):
        super().__init__()
        self.word, self.speaker = nn.Embedding(words, dim), nn.Embedding(speakers, dim)
        self.gru = nn.GRU(dim, hidden, batch_first=True, bidirectional=both)
        self.out = nn.Linear((1 + both) * hidden, classes)

    def forward(self, word: torch.Tensor, speaker: torch.Tensor) -> torch.Tensor:
        """(B, L) indices -> (B, L, C)."""
        return self.out(self.gru(self.word(word) + self.speaker(speaker))[0])


def recurrent(train: Corpus, test: Corpus, *, alone: bool, both: bool = False, epochs: int = 8, seed: int = 0
              ) -> np.ndarray:
    """(N,) the labels that a GRU over the words gives to the test utterances, at the last word of each.

    Args:
        alone: it begins anew with every turn; otherwise with every dialogue, and remembers the turns before.
        both: a second GRU reads the dialogue from its end. Padding comes before a shorter dialogue's last word there.
    """
    reads = CountVectorizer(token_pattern=WORD).fit(train.table["text"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        people = max(c.table.groupby("dialogue")["speaker"].nunique().max() for c in (train, test))
        model = WordGru(len(reads.vocabulary_) + 1, int(people), len(train.labels), both)
        optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
        batches = _streams(train, reads, alone, 32)
        plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=epochs * len(batches))
        for _ in range(epochs):
            for i in torch.randperm(len(batches)).tolist():
                word, speaker, label, _ = batches[i]
                loss = nn.functional.cross_entropy(model(word, speaker).flatten(0, 1), label.flatten(),
                                                   ignore_index=-1)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                plan.step()
    guess = np.zeros(len(test), int)
    with torch.inference_mode():
        for word, speaker, _, row in _streams(test, reads, alone, 64):
            guess[row[row >= 0]] = model(word, speaker).argmax(-1)[row >= 0]
    return guess


def _streams(corpus: Corpus, reads: CountVectorizer, alone: bool, dialogues: int) -> list[tuple[torch.Tensor, ...]]:
    """Batches of about so many dialogues, each sequence padded at its end: (B, L) words, speakers, and at the last word
    of a turn its label and its row, elsewhere -1. Sequences of a batch have about the same length."""
    split, known = reads.build_analyzer(), reads.vocabulary_
    words = [[known.get(word, len(known)) for word in split(text)] for text in corpus.table["text"]]
    speaker = corpus.table.groupby("dialogue")["speaker"].transform(lambda s: pd.factorize(s)[0]).to_numpy(int)
    starts = np.arange(len(corpus) + 1) if alone else corpus.starts
    label, sequences = corpus.table["label"].to_numpy(), []
    for a, b in pairwise(starts):
        lengths = [len(words[row]) for row in range(a, b)]
        ends, stream = np.cumsum(lengths) - 1, np.full((4, sum(lengths)), -1)
        stream[0], stream[1] = np.concatenate(words[a:b]), np.repeat(speaker[a:b], lengths)
        stream[2, ends], stream[3, ends] = label[a:b], np.arange(a, b)
        sequences.append(torch.from_numpy(stream))
    size = dialogues * 8 if alone else dialogues
    order = sorted(range(len(sequences)), key=lambda i: sequences[i].shape[1])
    batches = []
    for first in range(0, len(order), size):
        part = [sequences[i].T for i in order[first : first + size]]
        found = nn.utils.rnn.pad_sequence(part, batch_first=True, padding_value=-1)  # (B, L, 4)
        batches.append((found[..., 0].clamp(min=0), found[..., 1].clamp(min=0), found[..., 2], found[..., 3].numpy()))
    return batches
