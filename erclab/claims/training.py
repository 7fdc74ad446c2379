"""The runs that claims need, trained as a sweep, and what is kept of them.

Seed by seed, so that a ledger that was stopped has whole seeds. On a simulated corpus the run of seed s is trained on
the corpus of corpus seed s and evaluated on fresh dialogues that all runs share: the interval is then about the
training procedure in this world, not about one draw of its training data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from erclab import corpora, models, runs, sweep
from erclab.analysis import mechanisms
from erclab.analysis.evaluation import evaluate
from erclab.analysis.tallies import dialogues_of, of_record, tally
from erclab.claims import folded, splits
from erclab.claims.evidence import GUESS, PUBLISHED, SUM, Kept, Shelf
from erclab.core.errors import RunError, UsageError, unknown
from erclab.core.progress import bar
from erclab.corpora import CORPORA, Corpus, simulated
from erclab.published.claims import Book, Claim
from erclab.runs import Record, RunSpec
from erclab.runs.code import older

NOT_SETTINGS = ("model", "modalities", "task", "words", "world")  # of an arm; the others are settings of its model
MEASURED = 200  # fresh dialogues from which a mechanism is measured: attributions and attention cost more than scores


@dataclass
class Plan:
    """The runs of some claims on one corpus.

    Attributes:
        name: of the corpus.
        book: the claims and arms.
        claims: those that are asked for.
        seeds: of the runs.
        protocol: `fresh` and `profile` of the claims, or of the rehearsal.
        recipe: fields of every recipe that a rehearsal changes.
        data: the folder of a real corpus.
        beside: more arms, see `Book.beside`.
        tuning: arm -> the settings that were tried for it, of arms that were tuned (`erclab.claims.tuning`).
    """

    name: str
    book: Book
    claims: Sequence[Claim]
    seeds: Sequence[int]
    protocol: Mapping[str, Any]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""
    beside: Sequence[str] = ()
    tuning: Mapping[str, Any] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether the corpus is generated."""
        return self.name in simulated.NAMES

    @property
    def folds(self) -> int | str | None:
        """How the corpus is cross-validated; None where it has splits."""
        return self.book.protocol["folds"].get(self.name, {}).get("by")

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms of the claims and those beside them, each once."""
        return tuple(dict.fromkeys([*(arm for claim in self.claims for arm in claim.arms), *self.beside]))

    def source(self, arm: str, seed: int) -> dict[str, Any]:
        """The corpus of a run, as a sweep has it."""
        if not self.simulated:
            four = self.book.arms[arm].get("task") == "emotion4"
            return {"name": corpus_name(self.book, self.name), "data": self.data} | ({"emotion4": True} if four else {})
        world = self.book.arms[arm].get("world")
        return {"name": self.name, "seed": seed} | ({"world": dict(world)} if world else {})

    def question(self, arm: str) -> dict[str, Any]:
        """The arguments of `runs.plan` for an arm, without corpus and seeds."""
        given = self.book.arms[arm]
        changes = {key: value for key, value in given.items() if key not in NOT_SETTINGS}
        if models.info(given["model"]).kind == "trained":
            changes |= self.recipe
        return {"model": given["model"], "profile": self.protocol["profile"], "modalities": given.get("modalities"),
                "task": given.get("task"), "words": given.get("words"), **changes}

    def grid(self, arm: str, seed: int) -> Mapping[str, Any]:
        """One run as a sweep."""
        asked = self.question(arm)
        known = {key: asked.pop(key) for key in ("model", "profile", "modalities", "task", "words")}
        return {"models": [known["model"]], "corpora": [self.source(arm, seed)], "seeds": [seed],
                "profile": known["profile"], "settings": asked,
                **({"modalities": ["+".join(known["modalities"])]} if known["modalities"] else {}),
                **({"tasks": [known["task"]]} if known["task"] else {}),
                **({"words": known["words"]} if known["words"] else {})}


class Corpora:
    """The corpora of a plan, each read once; of simulated ones also the fresh dialogues."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self._read: dict[tuple, Corpus] = {}

    def of(self, arm: str, seed: int) -> Corpus:
        """The corpus on which a run is trained."""
        given, text_as = self.plan.source(arm, seed), self._text_as(arm)
        key = ("trained", text_as, repr(given))
        if key not in self._read:
            options = {k: x for k, x in given.items() if k not in ("name", "data")}
            # Corpora of other seeds are not needed again: seeds come one after the other.
            for old in [k for k in self._read if k[0] == "trained" and self.plan.simulated and k[1] == text_as]:
                del self._read[old]
            self._read[key] = corpora.load(given["name"], given.get("data") or None, text_as=text_as, **options)
        return self._read[key]

    def fresh(self, arm: str, dialogues: int | None = None) -> Corpus:
        """The fresh dialogues on which a run is evaluated."""
        world = self.plan.book.arms[arm].get("world")
        frames = self._text_as(arm) == "tokens"
        key = ("fresh", frames, repr(world))
        if key not in self._read:
            asked = self.plan.protocol["fresh"]
            self._read[key] = splits.fresh_dialogues(self.plan.name, asked, frames=frames, world=world)
        whole = self._read[key]
        return whole if dialogues is None or dialogues >= len(whole.starts) - 1 else whole.select(
            np.arange(whole.starts[dialogues]))

    def _text_as(self, arm: str) -> str:
        given = self.plan.book.arms[arm]
        return "tokens" if given["model"] == splits.ORACLE else models.info(given["model"]).text_as


def specs(plan: Plan, arm: str, corpus: Corpus, seed: int) -> RunSpec:
    """The run of an arm.

    Raises:
        UsageError: the corpus lacks what the arm needs.
    """
    question = plan.question(arm)
    return runs.plan(question.pop("model"), corpus, seeds=[seed], **question)[0]


def train_arms(plan: Plan, shelf: Shelf, folder: Path, *, jobs: int | None = None, progress: bool = True,
          said: Callable[[str], None] = lambda _: None) -> list[str]:
    """Train the runs that are missing and keep their evidence. It is safe to stop: the same call goes on.

    Args:
        folder: where the records go; runs that are there already are not trained again.
        jobs: runs at a time, one per core by default.
        said: called with a line for each arm that the corpus does not allow and for each failed run.

    Returns:
        What failed, a line each; the other runs are kept.

    Raises:
        RunError: evidence cannot be written; or the evidence that is there is of other dialogues than the protocol's.
        CorpusError: the corpus cannot be read.
    """
    found, failed, impossible = Corpora(plan), [], set[str]()
    if plan.folds:
        return _train_folds(plan, shelf, folder, found, jobs, progress, said)
    if plan.simulated:
        _use_split(plan, shelf)
    with bar(total=len(plan.seeds) * len(plan.arms), desc=f"claims on {plan.name}", unit="run", progress=progress,
             smoothing=0) as shown:
        for seed in plan.seeds:
            wanted: dict[str, list[str]] = {}
            for arm in plan.arms:
                if arm in impossible or _there(shelf, plan, arm, seed):
                    shown.update()
                    continue
                if plan.book.arms[arm]["model"] == splits.ORACLE:
                    shelf.add(arm, _oracle(plan, shelf))
                    shown.update()
                    continue
                try:
                    wanted.setdefault(specs(plan, arm, found.of(arm, seed), seed).id, []).append(arm)
                except UsageError as error:
                    impossible.add(arm)
                    shelf.note_not_here(arm, str(error))
                    said(f"{arm}: not on {plan.name} ({error})")
                    shown.update()
            done = set[str]()

            def keep_run(job: Any, record: Any, *_: Any, wanted=wanted, done=done, seed=seed) -> None:
                if isinstance(record, Record) and record.id in wanted:
                    done.add(record.id)
                    for arm in wanted[record.id]:
                        shelf.add(arm, kept_of(plan, arm, record, found, seed))
                        shown.update()

            grids = [g for ids in wanted.values() for g in sweep.grids(plan.grid(ids[0], seed))]
            if not grids:
                continue
            result = sweep.run(grids, folder=folder, jobs=jobs, progress=False, said=keep_run)
            for record in result.records:
                if record.id not in done:
                    keep_run(None, record)
            for failure in result.failures:
                failed.append(f"{failure.job.title}: {failure.error}")
                said(failed[-1])
    return failed


def _train_folds(plan: Plan, shelf: Shelf, folder: Path, found: Corpora, jobs: int | None, progress: bool,
                 said: Callable[[str], None]) -> list[str]:
    """`train_arms` on a corpus that is cross-validated."""
    failed, impossible, by = [], set[str](), plan.folds
    wanted = [(arm, plan.question(arm), seed) for seed in plan.seeds for arm in plan.arms
              if plan.book.arms[arm]["model"] != splits.ORACLE and not _there(shelf, plan, arm, seed)]
    name = corpus_name(plan.book, plan.name)
    with bar(total=len(wanted), desc=f"claims on {plan.name}", unit="arm", progress=progress, smoothing=0) as shown:
        for arm, seed, pooled in folded.trained_in_folds(wanted, name, plan.data, by, folder, jobs):
            shown.update()
            if isinstance(pooled, UsageError):
                if arm not in impossible:
                    shelf.note_not_here(arm, str(pooled))
                    said(f"{arm}: not on {plan.name} ({pooled})")
                impossible.add(arm)
            elif isinstance(pooled, str):
                failed.append(f"{arm}, seed {seed}: {pooled}")
                said(failed[-1])
            else:
                corpus, record = found.of(arm, seed), pooled.records[0]
                about = {**_about(plan, arm, record, seed), "scores": pooled.scores(),
                         "folds": [r.id for r in pooled.records]}
                for of_one_fold in ("protocols", "curve"):
                    del about[of_one_fold]
                arrays = _compact(SUM, folded.sums(pooled, corpus, by, "sound"))
                if record.info.kind == "trained":
                    arrays |= _compact(PUBLISHED, folded.sums(pooled, corpus, by, "published"))
                shelf.add(arm, Kept(about, arrays))
    return failed


def corpus_name(book: Book, name: str) -> str:
    """The corpus behind a name of the claims: a corpus that is cross-validated may have a name of its own."""
    return book.protocol["folds"].get(name, {}).get("corpus", name)


def _use_split(plan: Plan, shelf: Shelf) -> None:
    there = splits.load(shelf.folder)
    if there is None:
        there = splits.split_of(splits.fresh_dialogues(plan.name, plan.protocol["fresh"], frames=False))
        there.save(shelf.folder)
    count = int(there.dialogue.max()) + 1
    if count != plan.protocol["fresh"]["dialogues"]:
        raise RunError(f"the evidence is about {count} fresh dialogues, the protocol about "
                       f"{plan.protocol['fresh']['dialogues']}", where=shelf.folder,
                       remedy="Choose another folder (--evidence).")
    shelf.split = there


def _there(shelf: Shelf, plan: Plan, arm: str, seed: int) -> bool:
    """Whether today's code and today's rules have evidence of this run."""
    return any((e.fixed or e.seed == seed) and not _older(e) for e in shelf.arm(arm))


def _older(e: Kept) -> bool:
    spec = e.about.get("spec")
    return spec is not None and older(models.info(spec["model"]), spec["code"])


def kept_of(plan: Plan, arm: str, record: Record, found: Corpora, seed: int) -> Kept:
    """The evidence of a finished run."""
    about = _about(plan, arm, record, seed)
    if not plan.simulated:
        corpus = found.of(arm, seed)
        parts = splits.parts_of(corpus)
        arrays = _compact(SUM, of_record(record, corpus, parts=parts).sums)
        if record.info.kind == "trained":
            arrays |= _compact(PUBLISHED, of_record(record, corpus, protocol="published").sums)
        arrays |= _students(record, corpus, parts)
        return Kept(about, arrays)
    fresh = found.fresh(arm)
    predicted = evaluate(record, fresh).predictions
    arrays = {GUESS: _guess(record.target.kind, predicted, fresh.targets("test", record.target.name))}
    students = _students_of(record)
    if students:
        arrays |= mechanisms.measure(record, fresh, students)
    if rest := [name for name in mechanisms.names_for(record) if name not in students]:
        arrays |= mechanisms.measure(record, found.fresh(arm, MEASURED), rest)
    return Kept(about, arrays)


def _students_of(record: Record) -> list[str]:
    """The students whose predictions are kept; like the run's own they are of all test dialogues."""
    return [name for name in mechanisms.names_for(record) if name.startswith("students.")]


def _students(record: Record, corpus: Corpus, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """On a real corpus: the sums of each student's predictions."""
    names = _students_of(record)
    guesses = mechanisms.measure(record, corpus, names) if names else {}
    truth, dialogue = corpus.targets("test", record.target.name), dialogues_of(corpus, "test")
    found: dict[str, np.ndarray] = {}
    for name, guess in guesses.items():
        found |= _compact(f"{name}|", tally(record.target, truth, guess, dialogue, parts).sums)
    return found


def _compact(begin: str, sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sums of dialogues as they are kept, under names that begin so: counts in the smallest type that holds them, other
    sums in float32."""
    def small(x: np.ndarray) -> np.ndarray:
        counts = (x == np.round(x)).all() and x.min() >= 0 and x.max() < 65536
        return x.astype((np.uint8 if x.max() < 256 else np.uint16) if counts else np.float32)
    return {begin + name: small(x) for name, x in sums.items()}


def _guess(kind: str, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Predictions as they are kept: classes as indices, binary labels as zeros and ones, numbers as float16."""
    if kind == "classes":
        return predictions.argmax(1).astype(np.uint8)
    if kind == "binary":
        return predictions.reshape(len(predictions), -1, 2).argmax(2).astype(np.uint8)
    return predictions[:, :truth.shape[1]].astype(np.float16)


def _about(plan: Plan, arm: str, record: Record, seed: int) -> dict[str, Any]:
    """What is kept of a record. A fitted baseline has a seed where the corpus varies with it, else 0. The scores of
    each epoch have four digits: a curve needs no more."""
    def short(scores: Mapping[str, Any]) -> dict[str, Any]:
        return {name: x if x is None else round(x, 4) for name, x in scores.items()}

    curve = [{"epoch": row["epoch"], **{split: short(row[split]) for split in ("valid", "test") if split in row}}
             for row in record.data["curve"] if "epoch" in row]
    protocols = {name: {key: x for key, x in found.items() if key != "confusion"}
                 for name, found in record.data["protocols"].items()}
    last = record.data["curve"][-1].get("model", {}) if record.data["curve"] else {}
    fixed = record.info.kind == "fitted" and not plan.simulated
    return {"id": record.id, "seed": 0 if fixed else seed, "fixed": fixed, "spec": record.spec,
            "target": record.target.as_dict(), "chosen_by": record.chosen_by, "protocols": protocols, "curve": curve,
            "primary": last.get("primary"), "parameters": record.data["parameters"]["all"],
            "seconds": record.data.get("wall_time_s"), "environment": record.data.get("environment"),
            "tuning": plan.tuning.get(arm), **_registered(plan.book),
            "made": datetime.now(UTC).strftime("%Y-%m-%d")}


def _registered(book: Book) -> dict[str, Any]:
    """The rules as they are when evidence is made."""
    return {"rules": book.sha256, "registered": {claim.id: book.digest(claim) for claim in book.claims}}


def _oracle(plan: Plan, shelf: Shelf) -> Kept:
    """The oracle's predictions as evidence; exact, without a run."""
    names = simulated.world_of(simulated.NAMES[plan.name]).labels
    target = {"name": "emotion", "kind": "classes", "names": list(names)}
    about = {"id": f"oracle-{plan.name}", "seed": 0, "fixed": True, "spec": None, "target": target,
             **_registered(plan.book)}
    return Kept(about, {GUESS: shelf.split.oracle.astype(np.uint8)})


def applicable(book: Book, name: str, ids: Iterable[str] = ()) -> list[Claim]:
    """The claims that a corpus can test: those that name the corpus; of the rehearsal's corpus, all that name a
    simulated one.

    Raises:
        UsageError: there is no such claim or corpus, or a claim cannot be tested on the corpus.
    """
    if corpus_name(book, name) not in CORPORA:
        raise unknown("corpus", name, CORPORA)
    rehearsal = name == book.rehearsal["corpus"]
    able = [c for c in book.claims if name in c.corpora or (rehearsal and any(x in simulated.NAMES for x in c.corpora))]
    if not ids:
        return able
    asked = [book.find(i) for i in ids]
    for claim in asked:
        if claim not in able:
            raise UsageError(f"{claim.id} cannot be tested on {name}", remedy=f"It can be on "
                             f"{', '.join(claim.corpora) or 'none: ' + claim.limits}.")
    return asked


def planned(book: Book, name: str, ids: Iterable[str] = (), *, data: str = "", seeds: Sequence[int] | None = None
            ) -> Plan:
    """The plan of the claims on a corpus: the protocol's seeds, or those of the rehearsal on its corpus. A plan of all
    claims has the arms beside them, too."""
    claims, rehearsal = applicable(book, name, ids), name == book.rehearsal["corpus"]
    if CORPORA[corpus_name(book, name)].needs_data and not data:
        raise UsageError(f"the corpus '{name}' needs a folder", remedy="Give it (--data FOLDER).")
    protocol = {**book.protocol, **({"fresh": book.rehearsal["fresh"]} if rehearsal else {})}
    default = book.rehearsal["seeds"] if rehearsal else book.protocol["seeds"]
    return Plan(name, book, claims, tuple(seeds or default), protocol, book.rehearsal["recipe"] if rehearsal else {},
                data, () if ids else book.beside.get(name, ()))

