"""Equal tuning budgets: trains the draws of each model, then the best setting of each with fresh seeds.

Draws and rules are declared (`erclab.published.tuning`). The tuned models form a small ledger of their own: a claim for
each model and base, whose arms are the best settings, trained and judged as the claims of the papers are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from erclab import models, sweep
from erclab.claims import costs, splits, training
from erclab.claims.draws import Draw, Log, draw_of, draws_file, first_log, read_all_draws, read_draws, tuning_dir
from erclab.claims.evidence import Kept, Shelf
from erclab.core.errors import RunError, UsageError
from erclab.corpora import CORPORA, simulated
from erclab.published.claims import CORE, Book, Claim, Contrast, Term
from erclab.published.tuning import Declared
from erclab.runs import Record

DIVERGED = "the loss is"  # how the error of a training begins whose loss is not finite


@dataclass(frozen=True)
class TunedBook(Book):
    """A book whose arms are the best settings of draws.

    The digest of a claim follows what was declared, not what was drawn best: it is fixed before the first draw.

    Attributes:
        spaces: arm -> the digest of what was declared for its model.
    """

    spaces: Mapping[str, str] = field(default_factory=dict)

    def digest(self, claim: Claim) -> str:
        """16 hex digits of what decides the verdict of a claim."""
        decides = {"id": claim.id, "rule": self.rules[claim.rule], "corpora": claim.corpora,
                   "contrasts": [asdict(c) for c in claim.contrasts], "protocol": self.protocol,
                   "spaces": {arm: self.spaces[arm] for arm in claim.arms}}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def tuned_arm(model: str) -> str:
    """The arm of a tuned model."""
    return f"{models.info(model).title}, tuned"


def compared_pairs(declared: Declared, corpus: str) -> list[tuple[str, str]]:
    """(model, base) of each comparison on a corpus; two bases are compared once, the first of them as the model."""
    found = []
    for group in declared.groups_on(corpus):
        order = list(group.bases)
        found += [(model, base) for base in order for model in group.models if model != base and not (
            model in order and order.index(model) > order.index(base))]
    return found


def tuned_book(declared: Declared, corpus: str, logs: Mapping[str, Log]) -> TunedBook:
    """The claims that each tuned model beats each tuned base on a corpus, and the arms that draws are there for."""
    task = declared.task(corpus)
    rehearsal, score = declared.rehearses(corpus), declared.score[task]
    arms = {tuned_arm(model): {"model": model, "task": task, **log.best.settings, **budget_of(declared, model, corpus)}
            for model, log in logs.items()}
    title = {model: models.info(model).title for model in declared.spaces}
    claims = tuple(Claim(
        id=f"T-{model}-{base}", version=1, paper="", where="", tier=CORE, exhibits=("O13",), rule="SUP",
        claim=f"{title[model]} beats {title[base]}, both tuned", corpora=(corpus,),
        contrasts=(Contrast(f"{title[model]} - {title[base]}", declared.matters[task], (
            Term(1, tuned_arm(model), score), Term(-1, tuned_arm(base), score))),),
        limits=declared.limits.get(corpus, "")) for model, base in compared_pairs(declared, corpus))
    protocol = {**declared.protocol, **({k: declared.rehearsal[k] for k in ("fresh", "seeds", "least_seeds")}
                                        if rehearsal else {})}
    return TunedBook(claims, arms, declared.rules, protocol, declared.rehearsal, declared.sha256,
                     spaces={tuned_arm(model): declared.digest(model) for model in declared.spaces})


def budget_of(declared: Declared, model: str, corpus: str) -> Mapping[str, Any]:
    """The fields of the recipe that each draw of a model has; none of a fit."""
    if models.info(model).kind == "fitted":
        return {}
    return declared.rehearsal["budget"] if declared.rehearses(corpus) else declared.budget


def missing_draws(declared: Declared, model: str, log: Log | None, draws: int | None = None) -> list[int]:
    """The numbers that have not been trained, of the recipe's own setting (0) and the first `draws`."""
    there = {d.number for d in log.draws} if log else set()
    return [n for n in range((draws or declared.draws) + 1) if n not in there]


def missing_seeds(declared: Declared, model: str, corpus: str, kept: Sequence[Kept]) -> int:
    """How many trainings of the best setting are still to come; a fit on a real corpus has no seed and is one."""
    if models.info(model).kind == "fitted" and corpus not in simulated.NAMES:
        return 1 - len(kept)
    return len((declared.rehearsal if declared.rehearses(corpus) else declared.protocol)["seeds"]) - len(kept)


def train_draws(declared: Declared, names: Sequence[str], corpus: str, folder: Path, *, data: str = "",
                where: Path | None = None, draws: int | None = None, jobs: int | None = None, progress: bool = True,
                said: Callable[[str], None] = lambda _: None) -> list[str]:
    """Train the draws that are missing and keep their validation scores. It is safe to stop: the same call goes on.

    Args:
        names: the models.
        folder: where the records go; runs that are there already are not trained again.
        where: the folder of the logs; `data/results/tuning` by default.
        draws: only the first ones.
        jobs: runs at a time, one per core by default.
        said: called with a line for each failed run.

    Returns:
        What failed, a line each; the other draws are kept.

    Raises:
        UsageError: an unknown model or corpus, a model that is not tuned there, no folder, or more draws than declared.
        RunError: logs cannot be written, are damaged, or are about other data.
    """
    task, names = declared.task(corpus), declared.models_on(corpus, names)
    if CORPORA[corpus].needs_data and not data:
        raise UsageError(f"the corpus '{corpus}' needs a folder", remedy="Give it (--data FOLDER).")
    if draws is not None and not 1 <= draws <= declared.draws:
        raise UsageError(f"{draws} draws", remedy=f"1 to {declared.draws}, as many as are declared.")
    score = declared.score[task]
    logs = {model: read_draws(declared, model, corpus, where) for model in names}
    wanted = [{"models": [model], "corpora": [{"name": corpus, **({"data": data} if data else {})}], "tasks": [task],
               "seeds": [declared.first_seed + n], "profile": declared.protocol["profile"],
               "changes": {str(n): {**declared.drawn(model, n), **(budget_of(declared, model, corpus) if n or
                                                                   declared.rehearses(corpus) else {})}}}
              for model in names for n in missing_draws(declared, model, logs[model], draws)]
    if not wanted:
        return []
    kept = set[str]()

    def keep(model: str, number: int, record: Record | None) -> None:
        """A finished training, or None for one that diverged, as a draw in the log of its model."""
        seed, settings = declared.first_seed + number, declared.drawn(model, number)
        if record is None:
            log, draw = logs[model], Draw(number, seed, settings, None)
        else:
            log = logs[model] or first_log(declared, model, record, score)
            draw = draw_of(record, number, seed, settings, score)
            if log.about["fingerprint"] != record.spec["fingerprint"]:
                raise RunError(f"the draws are about other data of {corpus} than this",
                               where=draws_file(model, corpus, where), remedy="Give the data of the draws.")
        if log is not None:
            logs[model] = log.with_draw(draw)
            logs[model].save(draws_file(model, corpus, where))

    def keep_run(job: Any, outcome: Any, *_: Any) -> None:
        if isinstance(outcome, Record) and outcome.id not in kept:
            kept.add(outcome.id)
            for cell in job.cells:
                keep(cell.model, int(cell.change), outcome)

    grids = [g for one in wanted for g in sweep.grids(one)]
    result = sweep.run(grids, folder=folder, jobs=jobs, progress=progress, said=keep_run)
    by_id, failed = {job.id: job for job in result.jobs}, []
    for record in result.records:  # also those that were there already
        keep_run(by_id[record.id], record)
    for failure in result.failures:
        if DIVERGED in failure.error:
            for cell in failure.job.cells:
                keep(cell.model, int(cell.change), None)
        else:
            failed.append(f"{failure.job.title}: {failure.error}")
            said(failed[-1])
    return failed


def ready(declared: Declared, corpus: str, where: Path | None = None, names: Sequence[str] = (),
          draws: int | None = None) -> dict[str, Log]:
    """Model -> its draws, of the models whose draws are complete: all that are declared, or in a rehearsal `draws`."""
    least = draws if draws and declared.rehearses(corpus) else declared.draws
    return {model: log for model, log in read_all_draws(declared, corpus, where, names).items()
            if {d.number for d in log.tried} >= {*range(1, least + 1)}}


def tuned_shelf(corpus: str, where: Path | None = None) -> Shelf:
    """The evidence of the tuned models of a corpus."""
    place = (where or tuning_dir()) / corpus
    return Shelf(place, splits.load(place))


def confirm_best(declared: Declared, names: Sequence[str], corpus: str, folder: Path, *, data: str = "",
                 where: Path | None = None, draws: int | None = None, seeds: int | None = None,
                 jobs: int | None = None, progress: bool = True, said: Callable[[str], None] = lambda _: None
                 ) -> list[str]:
    """Train the best setting of each model whose draws are complete, with the seeds of the protocol, and keep evidence.

    Args:
        seeds: only the first ones.
        draws: of a rehearsal, how many make a model's draws complete.

    Returns:
        What failed, a line each.

    Raises:
        RunError: evidence cannot be written, or is of another draw than the best.
    """
    logs, shelf = ready(declared, corpus, where, names, draws), tuned_shelf(corpus, where)
    for model in names:
        if model not in logs:
            said(f"{models.info(model).title}: not all of its draws are there, so that its best one is not trained yet")
    for model, log in logs.items():
        check_chosen(shelf, model, log)
    book = tuned_book(declared, corpus, logs)
    plan = training.Plan(corpus, book, (), book.protocol["seeds"][:seeds], book.protocol, data=data,
                         beside=[tuned_arm(model) for model in logs],
                         tuning={tuned_arm(model): {"chosen": log.best.number, "digest": log.about["digest"],
                                                    "scores": {d.number: d.score for d in log.draws}}
                                 for model, log in logs.items()})
    return training.train_arms(plan, shelf, folder, jobs=jobs, progress=progress, said=said)


def check_chosen(shelf: Shelf, model: str, log: Log) -> None:
    """Refuse evidence of another draw than the best one.

    Raises:
        RunError: see above.
    """
    for e in shelf.arm(tuned_arm(model)):
        if e.about["tuning"]["chosen"] != log.best.number:
            raise RunError(f"the evidence is of draw {e.about['tuning']['chosen']}, the best is {log.best.number}",
                           where=shelf.path(tuned_arm(model)), remedy="Delete the file and train again.")


def cost_of_tuning(declared: Declared, model: str, corpus: str, log: Log | None, runs: int) -> float | None:
    """Seconds of some more runs on one thread: as the draws took, or without draws as the model's records; None without
    either."""
    timed = [d.seconds for d in log.draws if d.seconds] if log else []
    each = sum(timed) / len(timed) if timed else costs.of_run(model, corpus)
    return None if each is None else each * runs


