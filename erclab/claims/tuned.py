"""What equal tuning budgets found: expected-validation curves, tuned models beside their bases, what tuning bought.

Computed from `data/results/tuning` and `data/results/claims` alone, without training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from erclab import models
from erclab.analysis.expected import expected_curve
from erclab.analysis.shown import shown_as
from erclab.analysis.statistics import Estimate
from erclab.claims import judge
from erclab.claims.book import deciding, effect_text, interim, shelf_of
from erclab.claims.draws import Draw, Log, read_all_draws
from erclab.claims.quantities import score_of
from erclab.claims.tuning import check_chosen, ready, tuned_arm, tuned_book, tuned_shelf
from erclab.claims.verdicts import Verdict
from erclab.published import claims as ledger
from erclab.published.tuning import Declared

TITLE = "model"


def validation_curves(declared: Declared, corpus: str, where: Path | None = None) -> pd.DataFrame:
    """The expected best validation score of k draws of each model whose draws are complete.

    Returns:
        Columns model (its title), draws (k), value, low, high (`erclab.analysis.expected`).
    """
    found = [expected_curve(log.scores).reset_index().assign(model=models.info(model).title)
             for model, log in ready(declared, corpus, where).items()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(
        columns=["draws", "value", "low", "high", TITLE])


def tuned_verdicts(declared: Declared, corpus: str, where: Path | None = None) -> list[Verdict]:
    """The verdict on each claim that a tuned model beats a tuned base, by the ledger's rule for superiority; Holm's
    correction is over all of them on the corpus."""
    book = tuned_book(declared, corpus, read_all_draws(declared, corpus, where))
    return judge.judge(book, book.claims, corpus, tuned_shelf(corpus, where))


def tested(declared: Declared, corpus: str, where: Path | None = None) -> pd.DataFrame:
    """The test score of each tuned model that has evidence, with its interval over seeds and dialogues.

    Returns:
        Index: the model's title. Columns value, low, high, seeds, dialogues; as the score is, not in percent.
    """
    shelf, score, rows = tuned_shelf(corpus, where), declared.score[declared.task(corpus)], {}
    for model, log in read_all_draws(declared, corpus, where).items():
        found = shelf.arm(tuned_arm(model))
        if not found:
            continue
        check_chosen(shelf, model, log)
        estimate = score_of([e.tally for e in found], score).estimate()
        low, high = estimate.interval()
        rows[models.info(model).title] = {"value": estimate.value, "low": low, "high": high, "seeds": estimate.seeds,
                                          "dialogues": estimate.dialogues}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high", "seeds", "dialogues"]
                                  ).rename_axis(TITLE)


def bought(declared: Declared, model: str, corpus: str, where: Path | None = None, ledgers: Path | None = None
           ) -> Estimate | None:
    """How much higher the tuned model scores on the test split than the recipe's own setting, whose runs the ledger of
    claims has; None where it has none, or no seed in common.

    Args:
        ledgers: the folder of the ledger's evidence; `data/results/claims` by default.
    """
    score = declared.score[declared.task(corpus)]
    name = next((arm for arm, given in ledger.book().arms.items() if dict(given) == {"model": model}), "")
    sides = [tuned_shelf(corpus, where).arm(tuned_arm(model)), shelf_of(corpus, ledgers).arm(name) if name else []]
    seeds = set.intersection(*({e.seed for e in side} for side in sides))
    if not seeds:
        return None
    tuned, recipe = (score_of([e.tally for e in side if e.seed in seeds], score) for side in sides)
    return (tuned - recipe).estimate()


def table(declared: Declared, corpus: str, where: Path | None = None, ledgers: Path | None = None) -> pd.DataFrame:
    """The tuned models of a corpus, in points or, of a correlation, as it is.

    Index: the model. Columns: draws; on validation the best draw, the recipe's own setting and the difference (one
    training each, and the choice of the best of several flatters it); on the test split the mean of the tuned model
    with its interval over seeds and dialogues, the number of seeds, and what tuning bought over the recipe's own
    setting, where the ledger of claims has its runs; for each base a difference, with Holm's correction, and a verdict;
    minutes of the draws; settings of the best draw.
    """
    logs, scores = read_all_draws(declared, corpus, where), tested(declared, corpus, where)
    verdicts = {v.claim: v for v in tuned_verdicts(declared, corpus, where)}
    book = tuned_book(declared, corpus, logs)
    bases = [base for group in declared.groups_on(corpus) if {*group.models} & {*logs} for base in group.bases]
    (by, digits), rows = shown_unit(declared, corpus), {}
    for model, log in logs.items():
        title = models.info(model).title
        row = {"draws": len(log.tried), **_on_validation(log, by, digits)}
        here = scores.loc[title] if title in scores.index else None
        row["test, tuned"] = "" if here is None else _with_interval(
            *(by * float(here[x]) for x in ("value", "low", "high")), digits=digits)
        row["seeds"] = 0 if here is None else int(here["seeds"])
        gain = bought(declared, model, corpus, where, ledgers)
        row["test, bought"] = "" if gain is None else gain.text(by, digits)
        for base in bases:
            found = verdicts.get(f"T-{model}-{base}")
            effect = deciding(found) if found else None
            row[f"minus {models.info(base).title}"] = effect_text(book.find(found.claim), effect) if (
                found and effect) else ""
            row[f"beats {models.info(base).title}"] = ", ".join(
                x for x in (found.verdict, interim(book, found)) if x) if found else ""
        row["minutes of draws"] = round(sum(d.seconds for d in log.tried) / 60, 1)
        row["best settings"] = ", ".join(f"{k} {v}" for k, v in named_settings(declared, model, log.best).items())
        rows[title] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(TITLE)


def shown_unit(declared: Declared, corpus: str) -> tuple[int, int]:
    """(factor, digits) in which the score of a corpus is shown: points of a share, else as it is."""
    return shown_as(declared.score[declared.task(corpus)])


def named_settings(declared: Declared, model: str, draw: Draw) -> dict[str, object]:
    """The name of each free number -> its value in a draw."""
    found: dict[str, object] = {}
    for axis in declared.space(model):
        value = draw.settings[axis.sets[0]]
        found[axis.name] = value[0] if axis.listed else value
    return found


def _on_validation(log: Log, by: int, digits: int) -> Mapping[str, object]:
    best, recipe = float(log.scores.max()), log.recipe.score if log.recipe else None
    return {"validation, best": round(by * best, digits),
            "validation, recipe": "" if recipe is None else round(by * recipe, digits),
            "validation, bought": "" if recipe is None else f"{round(by * (best - recipe), digits) + 0.0:+.{digits}f}"}


def _with_interval(value: float, low: float, high: float, *, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text if np.isnan(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"
