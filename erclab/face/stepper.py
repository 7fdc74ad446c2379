"""A conversation turn by turn: `erc.conversation`. The output is one block of HTML, which holds all that it shows.

Without scripts (an output that Jupyter does not trust yet, a page on GitHub) it is a table for each dialogue. Its
script adds a slider, so it works in a live notebook, in an exported page and without a kernel, and leaves no state
behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from erclab.analysis import incongruity
from erclab.core.errors import UsageError, some
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.face.stepper_page import Column, block
from erclab.runs import Record

Runs = Record | Sequence[Record] | Mapping[str, Record | Sequence[Record]] | None
ORACLE = {"oracle, utterance alone": "utterance", "oracle, whole dialogue": "dialogue"}


@dataclass(frozen=True)
class Conversation:
    """Dialogues turn by turn; a notebook shows them with a slider.

    Attributes:
        corpus: the name of the corpus.
        turns: dialogue -> how many turns it has.
        html: the block that a notebook shows.
    """

    corpus: str
    turns: Mapping[str, int]
    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"<conversation {', '.join(self.turns)} of {self.corpus}>"


def conversation(corpus: Corpus, runs: Runs = None, *, dialogues: int | str | Sequence[str] = 3, split: str = "test",
                 view: str = "vectors") -> Conversation:
    """Step through dialogues: speaker, words, what voice and face show, the guess of each model with its probability,
    the posterior of the Bayes-optimal oracle where the corpus is simulated, and the truth.

    The words of the corpus become a part of the notebook: do not publish that of a corpus whose licence forbids it.

    Args:
        corpus: the corpus of the runs.
        runs: what `erc.run` or `erc.compare` returned, runs, or title -> runs. Of several seeds, the first is shown.
        dialogues: how many, from the first of the split, or the ids in `corpus.table["dialogue"]`. A turn takes about
            half a kilobyte.
        split: train, valid or test; runs have predictions of valid and test.
        view: how the oracle sees the text: "words", "vectors" or "frames", as in `erc.oracle`.

    Raises:
        UsageError: an unknown dialogue, split or view, or runs of another corpus or of several tasks.
        RunError: the predictions of a run are gone.
    """
    rows = corpus.rows(split)
    ids = corpus.table["dialogue"].to_numpy()[rows]
    shown = np.isin(ids, _chosen(list(dict.fromkeys(ids)), dialogues, f"{corpus.name}, {split}"))
    models = _models(runs)
    tasks = sorted({record.task for record in models.values()}) or ["emotion"]
    if len(tasks) > 1 or tasks[0] not in corpus.tasks:
        problem = f"the tasks of the runs are {', '.join(tasks)}" if models else "it has no emotions"
        raise UsageError(problem, where=corpus.name, remedy=f"Give runs of one task of {', '.join(corpus.tasks)}.")
    truth = corpus.targets(split, tasks[0])[shown]
    kind = corpus.task(tasks[0])
    names = tuple(kind.names) if kind.kind == "classes" else ()
    columns = _oracle(corpus, rows[shown], truth, view) if names == corpus.labels else []
    columns += [_of_run(title, record, split, shown, truth, names) for title, record in models.items()]
    body = _turns(corpus, rows[shown], incongruity.values_in_words(kind, truth))
    counted = {str(d): int((ids == d).sum()) for d in dict.fromkeys(ids[shown])}
    return Conversation(corpus.name, counted, block(body, columns, names, f"{corpus.name}, {split} split"))


def _chosen(there: Sequence[str], wanted: int | str | Sequence[str], where: str) -> Sequence[str]:
    """The ids of dialogues.

    Raises:
        UsageError: none, or one that is not there.
    """
    if isinstance(wanted, bool | float) or (isinstance(wanted, int) and wanted < 1):
        raise UsageError(f"{wanted} dialogues", where=where, remedy="Give 1 or more, or their ids.")
    if isinstance(wanted, int):
        return there[:wanted]
    wanted = [wanted] if isinstance(wanted, str) else [str(d) for d in wanted]
    for d in [d for d in wanted if d not in there] or ([] if wanted else [""]):
        raise UsageError(f"unknown dialogue '{d}'" if d else "no dialogue is asked for", where=where,
                         remedy=f"There is: {some(list(there), 5)}.")
    return wanted


def _models(runs: Runs) -> dict[str, Record]:
    """Title -> the first of its runs."""
    if runs is None:
        return {}
    if isinstance(runs, Record):
        return {runs.title: runs}
    if isinstance(runs, Mapping):
        found = {str(name): x if isinstance(x, Record) else next(iter(x), None) for name, x in runs.items()}
    elif isinstance(runs, Sequence) and not isinstance(runs, str):
        found = {x.title if isinstance(x, Record) else str(x): x for x in reversed(list(runs))}
        found = dict(reversed(found.items()))
    else:
        found = {str(runs): None}
    for name, x in found.items():
        if not isinstance(x, Record):
            raise UsageError(f"{name} is no run", remedy='Give runs=erc.run("sdt", corpus), or {"a title": runs}.')
    return found


def _of_run(title: str, record: Record, split: str, shown: np.ndarray, truth: np.ndarray, names: Sequence[str]
            ) -> Column:
    """The answers of a run to the shown utterances of a split."""
    answers = record.predictions(split)
    if len(answers) != len(shown):
        raise UsageError(f"{title} has predictions of {len(answers)} utterances, and the split has {len(shown)}",
                         where=record.id, remedy="Give the corpus that the run was trained on.")
    answers = answers[shown]
    if not names or tuple(record.labels) != tuple(names):
        return Column(title, incongruity.in_words(record, answers), np.array([]))
    return _of_shares(title, np.exp(answers.astype(np.float64)), truth, names)


def _of_shares(title: str, shares: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> Column:
    best = shares.argmax(1)
    words = [f"{names[k]} {100 * p[k]:.0f} %" for k, p in zip(best, shares, strict=True)]
    return Column(title, words, best == truth, shares)


def _oracle(corpus: Corpus, rows: np.ndarray, truth: np.ndarray, view: str) -> list[Column]:
    """The posteriors of the Bayes-optimal reader of all modalities; nothing for a corpus that is not simulated."""
    world = simulated.world_behind(corpus)
    if world is None:
        return []
    part = corpus.select(rows)
    return [_of_shares(title, simulated.oracle.posterior(part, world, context=context, view=view).label, truth,
                       corpus.labels) for title, context in ORACLE.items()]


def _turns(corpus: Corpus, rows: np.ndarray, truth: Sequence[str]) -> list[dict[str, str]]:
    """One row per utterance: dialogue, turn, speaker, words, what voice and face show, and the truth, as text."""
    table = corpus.table.iloc[rows]
    seen = [""] * len(rows)
    if incongruity.has_shown(corpus):
        seen = [", ".join(f"{word} {table[f'{m}_shown'].iloc[i]}" for m, word in incongruity.WORDS.items())
                for i in range(len(rows))]
    else:
        there = {m: corpus.has(m) for m in MODALITIES if m in corpus.vectors or m in corpus.frames}
        words = {"text": "words", **incongruity.WORDS}
        seen = [", ".join(f"no {words[m]}" for m, has in there.items() if not has[row]) for row in rows]
    columns = (table[name].astype(str) for name in ("dialogue", "turn", "speaker", "text"))
    return [dict(zip(("dialogue", "turn", "speaker", "text", "seen", "truth"), row, strict=True))
            for row in zip(*columns, seen, truth, strict=True)]
