"""Scores with intervals of every model in its plain setting on each corpus that has evidence, beside what bounds them.

A model's plain setting is the arm of the claims that changes nothing of the model, with all modalities of the corpus.
Beside it: a constant predictor (that of the evidence, or the best single answer to the test split, which no constant
exceeds), and of a simulated corpus the exact oracle. Scores cost minutes of processor time over all corpora; they are
kept in `data/results/claims/scores.json` with a digest of the evidence, and `of_corpora` computes what is new.

The rehearsal of the claims is left out: its models have hardly learned.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from erclab import models
from erclab.analysis.ceilings import CONTEXTS
from erclab.analysis.statistics import Sampled
from erclab.analysis.tallies import ALL, Tally, dialogues_of, sampled, tally
from erclab.claims import book as books
from erclab.claims import splits
from erclab.claims.derived import Derived
from erclab.claims.evidence import Kept, Shelf, digest_of
from erclab.core import metrics
from erclab.core.errors import RunError, UsageError
from erclab.corpora import simulated
from erclab.corpora.simulated.oracle import posterior
from erclab.published.claims import Book

FILE = "scores.json"
VERSION = 2  # raise it where a score is computed in another way
NONE = float("nan")
CONSTANT, ORACLE = "constant", splits.ORACLE
FIVE = ("dialoguetrm", "sdt", "m2fnet", "hct-mg", "lmr-cbt")
BASES = ("bc-lstm", "linear", "linear-pooled", "persistence")  # what the five are compared with
DIALOGUES, SEQUENCES = "a dialogue of vectors", "one utterance as sequences"
# Task -> the score by which models are compared here: the one that the claims use most.
PRIMARY = {"emotion": "weighted_f1", "emotion4": "positive_f1", "sentiment": "correlation",
           "dimensional": "correlation"}
PLAIN = {"model", "modalities", "task", "words"}  # what an arm in plain setting may say


@dataclass(frozen=True)
class Score:
    """The scores of one model on a corpus, with their intervals over seeds and dialogues.

    Attributes:
        corpus, task: where.
        model: a key of `models.MODELS`, "constant" or "oracle".
        title: as a table shows it.
        reads: what the model sees, `DIALOGUES` or `SEQUENCES`.
        seeds, dialogues: 0 seeds of what has none.
        parameters, code: of the runs; 0 and "" of what has none.
        values: metric -> (value, low, high) in its unit; NaN where one seed gives no interval.
    """

    corpus: str
    task: str
    model: str
    title: str
    reads: str
    seeds: int = 0
    dialogues: int = 0
    parameters: int = 0
    code: str = ""
    values: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The score by which models are compared here."""
        return next(iter(self.values))


@dataclass(frozen=True)
class Gap:
    """How much higher one model scores than another, paired by seed and dialogue, with its interval.

    Attributes:
        first: the two are the best and the next best of those that read the same.
    """

    corpus: str
    task: str
    reads: str
    model: str
    base: str
    value: float
    low: float
    high: float
    seeds: int
    first: bool = False


@dataclass(frozen=True)
class Cost:
    """What the runs of one model on a corpus took: seconds of one thread over all runs that are kept, and where."""

    corpus: str
    model: str
    runs: int
    seconds: float
    machines: tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """All of one corpus, from evidence with a digest."""

    corpus: str
    digest: str
    scores: tuple[Score, ...] = ()
    gaps: tuple[Gap, ...] = ()
    costs: tuple[Cost, ...] = ()


def corpora_with_evidence(book: Book, where: Path | None = None) -> list[str]:
    """The corpora of the claims that have evidence, in their order, without the rehearsal's."""
    there = where or books.folder()
    return [name for name in books.corpora_of(book) if name and name != book.rehearsal["corpus"]
            and any((there / name).glob("*.zip"))]


def of_corpora(book: Book, where: Path | None = None, *, again: bool = False) -> list[Scores]:
    """The scores of every corpus that has evidence: those that are kept, computed where the evidence is another one.

    Args:
        again: compute all.

    Raises:
        RunError: evidence, or the file of scores, is damaged.
    """
    found = KEPT.current(_digests(book, where), lambda name: computed(book, name, where), where, again=again)
    # With the digits of the file, so that a page does not depend on what was kept.
    return from_text(as_text(list(found.values())))


def outdated(book: Book, where: Path | None = None) -> list[str]:
    """The corpora whose scores are missing, or kept of other evidence, or have no evidence any more."""
    return KEPT.outdated(_digests(book, where), where)


def _digests(book: Book, where: Path | None) -> dict[str, str]:
    there = where or books.folder()
    return {name: digest_of(there / name, str(VERSION)) for name in corpora_with_evidence(book, where)}


def stored_scores(where: Path | None = None) -> list[Scores]:
    """The scores that are kept; none without the file.

    Raises:
        RunError: the file is damaged.
    """
    return list(KEPT.stored(where).values())


def from_text(text: str) -> list[Scores]:
    """The scores that `as_text` described."""
    def plain(x: Any) -> Any:
        if isinstance(x, dict):
            return {key: plain(value) for key, value in x.items()}
        return NONE if x is None else tuple(map(plain, x)) if isinstance(x, list) else x

    def rows(cls: type, some: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
        return tuple(cls(**{key: plain(x) for key, x in row.items()}) for row in some)

    return [Scores(one["corpus"], one["digest"], rows(Score, one["scores"]), rows(Gap, one["gaps"]),
                   rows(Cost, one["costs"])) for one in json.loads(text)]


def as_text(found: Sequence[Scores]) -> str:
    """The file of scores: a model per line, six significant digits."""
    def short(x: Any) -> Any:
        if isinstance(x, Mapping):
            return {key: short(value) for key, value in x.items()}
        if isinstance(x, float):
            return None if np.isnan(x) else float(f"{x:.6g}")
        return [short(value) for value in x] if isinstance(x, tuple) else x

    def line(x: Any) -> str:
        return json.dumps(short(asdict(x)), ensure_ascii=False)

    parts = []
    for one in found:
        rows = ",\n".join(f'"{name}": [\n' + ",\n".join(map(line, getattr(one, name))) + "]"
                          for name in ("scores", "gaps", "costs"))
        parts.append(f'{{"corpus": {json.dumps(one.corpus)}, "digest": "{one.digest}",\n{rows}}}')
    return "[" + ",\n".join(parts) + "]\n"


def computed(book: Book, name: str, where: Path | None = None) -> Scores:
    """The scores on one corpus, from its evidence."""
    there = (where or books.folder()) / name
    shelf = books.shelf_of(name, where)
    scores: list[Score] = []
    gaps: list[Gap] = []
    costs: dict[str, dict[str, Kept]] = {}
    quantities: dict[tuple[str, str], dict[str, tuple[list[int], Sampled]]] = {}
    plain = plain_arms(book, shelf)
    constants = {task for model, task, _ in plain if model == CONSTANT}
    for run in (run for arm in shelf.arms() for run in shelf.arm(arm) if run.about.get("spec")):
        costs.setdefault(run.about["spec"]["model"], {})[run.id] = run
    for (model, task, title), arm in plain.items():
        kept = shelf.arm(arm)
        first, reads = kept[0], SEQUENCES if model == ORACLE or _view(model) == "sequence" else DIALOGUES
        spec, like = first.about.get("spec") or {"code": ""}, first.target.like
        each = {}
        for metric in _metrics(first):
            try:
                each[metric] = sampled([k.tally for k in kept], metric)
            except UsageError:  # a scale on which the score is not defined
                continue
        scores.append(Score(name, task, model, title, reads, 0 if first.fixed else len(kept), first.tally.dialogues,
                            int(first.about.get("parameters") or 0), spec["code"], _values(each)))
        quantities.setdefault((task, reads), {})[model] = ([k.seed for k in kept], each[PRIMARY[like]])
        if task not in constants and like != "emotion4":
            constants.add(task)
            scores.append(_constant(name, first))
    for (task, reads), each in quantities.items():
        gaps += _gaps(name, task, reads, each)
    if name in simulated.NAMES and shelf.split is not None:
        scores += _oracles(book, name, shelf.split)
    spent = tuple(Cost(name, model, len(runs), round(sum(_seconds(k) for k in runs.values()), 1),
                       tuple(sorted({_machine(k) for k in runs.values()}))) for model, runs in sorted(costs.items()))
    return Scores(name, digest_of(there, str(VERSION)), tuple(scores), tuple(gaps), spent)


def plain_arms(book: Book, shelf: Shelf) -> dict[tuple[str, str, str], str]:
    """(model, task, title) -> the arm in its plain setting that reads the most modalities."""
    best: dict[tuple[str, str, str], tuple[int, int, str]] = {}
    for arm in shelf.arms():
        given = book.arms.get(arm)
        if given is None or set(given) - PLAIN:
            continue
        kept = shelf.arm(arm)
        spec = kept[0].about.get("spec") or {"modalities": (), "words": ""}
        words = f" fine-tuned on words ({spec['words']})" if spec["words"] else ""
        oracle = given["model"] == ORACLE
        title = "exact oracle, one utterance" if oracle else models.info(given["model"]).title + words
        key = (given["model"], kept[0].target.name, title)
        rank = (len(spec["modalities"]), len(kept), arm)
        best[key] = max(best.get(key, rank), rank)
    return {key: arm for key, (_, _, arm) in best.items()}


def _view(model: str) -> str:
    return models.info(model).view


def _metrics(kept: Kept) -> list[str]:
    target = kept.target
    own = [f"{name}.correlation" for name in target.names] if target.name == "dimensional" else []
    return [*_order(target.like), *own]


def _order(like: str) -> list[str]:
    """The scores of a task, the one by which models are compared first."""
    return sorted(metrics.HEADLINES[like], key=lambda m: m != PRIMARY[like])


def _values(each: Mapping[str, Sampled]) -> dict[str, tuple[float, float, float]]:
    found = {metric: one.estimate() for metric, one in each.items()}
    return {metric: (one.value, *one.interval()) for metric, one in found.items()}


def _constant(name: str, kept: Kept) -> Score:
    """The best single answer to this test split. The correlation of a constant is 0 by convention."""
    target, like, D = kept.target, kept.target.like, kept.tally.dialogues
    about = {"corpus": name, "task": target.name, "model": CONSTANT, "title": "constant predictor", "reads": "",
             "dialogues": D}
    if target.kind == "numbers":
        return Score(values={PRIMARY[like]: (0.0, 0.0, 0.0)}, **about)
    counts = kept.tally.sums[ALL]  # (D, C, C), row = truth
    answered = np.zeros_like(counts)
    answered[..., int(counts.sum((0, 2)).argmax())] = counts.sum(-1)
    return Score(values=_values(_each(Tally(target, {ALL: answered}, fixed=True), _metrics(kept))), **about)


def _each(one: Tally, names: Iterable[str]) -> dict[str, Sampled]:
    return {metric: sampled([one], metric) for metric in names}


def _oracles(book: Book, name: str, split: splits.Split) -> list[Score]:
    """Of a simulated corpus: the exact posterior from all vectors of a dialogue, on the dialogues of the evidence.

    Raises:
        RunError: the corpus gives other dialogues today than those of the evidence.
    """
    fresh = splits.fresh_dialogues(name, book.protocol["fresh"], frames=False)
    truth, dialogue = fresh.targets("test", "emotion"), dialogues_of(fresh, "test")
    if not np.array_equal(truth, split.truth["emotion"]):
        raise RunError(f"the fresh dialogues of {name} are not those of the evidence", where=name,
                       remedy="Train the evidence again: erclab claims --train.")
    found, target = [], fresh.task("emotion")
    for context in ("causal", "dialogue"):
        seen = posterior(fresh, simulated.world_behind(fresh), context=context, split="test").label.argmax(1)
        one = tally(target, truth, seen, dialogue, fixed=True)
        found.append(Score(name, "emotion", ORACLE, f"exact oracle, {CONTEXTS[context]}", DIALOGUES,
                           dialogues=one.dialogues, values=_values(_each(one, _order("emotion")))))
    return found


def _gaps(name: str, task: str, reads: str, each: Mapping[str, tuple[list[int], Sampled]]) -> list[Gap]:
    """Each of the five against each base; and the best model of a task against the next one."""
    order = sorted((m for m in each if m != ORACLE), key=lambda m: -each[m][1].estimate().value)
    pairs = [(a, b) for a in FIVE if a in each for b in BASES if b in each]
    leading = tuple(order[:2])
    pairs += [(order[0], order[1])] if len(order) > 1 else []
    found = []
    for a, b in dict.fromkeys(pairs):
        common = _common(each[a], each[b])
        if common is not None:
            one = (common[0] - common[1]).estimate()
            found.append(Gap(name, task, reads, a, b, one.value, *one.interval(), one.seeds, (a, b) == leading))
    return found


def _common(a: tuple[list[int], Sampled], b: tuple[list[int], Sampled]) -> tuple[Sampled, Sampled] | None:
    """Two quantities on the seeds that both have; None without one."""
    seeds = [s for s in a[0] if s in b[0]]

    def of(seeds_there: list[int], one: Sampled) -> Sampled:
        rows = [seeds_there.index(s) for s in seeds]
        return Sampled(one.seeds[rows], one.drawn[rows], one.dialogues)

    if a[1].fixed or b[1].fixed:
        return a[1], b[1]
    return (of(*a), of(*b)) if seeds else None


def _seconds(kept: Kept) -> float:
    """Of a run on one thread; of a run in folds that of its first fold, times the folds."""
    return float(kept.about.get("seconds") or 0.0) * len(kept.about.get("folds") or [1])


def _machine(kept: Kept) -> str:
    there = kept.about.get("environment") or {}
    threads = there.get("threads")
    return ", ".join(str(x) for x in (
        there.get("hardware"), f"{threads} thread{'s' * (threads != 1)}" if threads else None,
        f"Python {there['python']}" if "python" in there else None,
        f"PyTorch {there['torch']}" if "torch" in there else None) if x)


KEPT = Derived(FILE, "scores", lambda text: {one.corpus: one for one in from_text(text)})
