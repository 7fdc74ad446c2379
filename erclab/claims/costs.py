"""What runs cost that have not been trained: as runs of the same arm or model took, else as committed records tell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from erclab.claims.evidence import Shelf
from erclab.claims.training import Plan, corpus_name
from erclab.core import paths
from erclab.corpora import simulated

SESSIONS = 5  # of IEMOCAP, the corpus that is cross-validated by session


@cache
def _measured(folder: Path) -> dict[tuple[str, str], tuple[float, int]]:
    """(model, corpus) -> mean seconds of a run on one thread, and its training utterances. Without runs that train an
    encoder of words: they take fifty times as long."""
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["spec"].get("words"):
                continue
            key = data["spec"]["model"], data["spec"]["corpus"]
            seconds = data["wall_time_s"] / max(data.get("seeds_in_one_pass", 1), 1)
            found.setdefault(key, []).append((seconds, data["corpus"]["utterances"]["train"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return {key: (float(np.mean([s for s, _ in rows])), rows[0][1]) for key, rows in found.items()}


def of_run(model: str, corpus: str, folder: Path | None = None) -> float | None:
    """Seconds of a run of a model on one thread: of its records on this corpus, else of those on another one, by the
    number of training utterances; None without a record of the model."""
    known = _measured(folder or paths.results_dir())
    if (model, corpus) in known:
        return known[model, corpus][0]
    others = [(taken / count, name) for (m, name), (taken, count) in known.items() if m == model and count]
    size = _utterances(corpus, known)
    if not others or size is None:
        return None
    return float(np.median([each for each, _ in others])) * size


def _utterances(corpus: str, known: dict[tuple[str, str], tuple[float, int]]) -> int | None:
    if corpus in simulated.NAMES:
        settings = simulated.PRESETS[simulated.NAMES[corpus]]
        return settings.dialogues[0] * settings.turns[1]
    return next((count for (_, name), (_, count) in known.items() if name == corpus), None)


def of_plan(plan: Plan, missing: Iterable[tuple[str, int]], shelf: Shelf | None = None, cores: int = 2) -> float:
    """Seconds that missing runs (arm, seed) take on some cores, each with all of its folds: as the kept runs of the arm
    took, else those of the plan's arms of the same model, else as records tell (`of_run`); what has none of these
    counts as the mean of the rest."""
    name, folder = corpus_name(plan.book, plan.name), paths.results_dir()
    of_arm = {arm: taken for arm in plan.arms if shelf and (taken := [
        e.about["seconds"] for e in shelf.arm(arm) if e.about.get("seconds")])}
    of_model: dict[str, list[float]] = {}
    for arm, taken in of_arm.items():
        of_model.setdefault(plan.book.arms[arm]["model"], []).extend(taken)

    def of(arm: str) -> float | None:
        model = plan.book.arms[arm]["model"]
        taken = of_arm.get(arm) or of_model.get(model)
        return float(np.mean(taken)) if taken else of_run(model, name, folder)

    each = [of(arm) for arm, _ in missing]
    there = [x for x in each if x is not None]
    folds = 1 if plan.folds is None else SESSIONS if isinstance(plan.folds, str) else plan.folds
    return folds * (sum(there) + (len(each) - len(there)) * (float(np.mean(there)) if there else 0.0)) / cores


def duration(taken: float) -> str:
    """Such as "12 s", "8 min", "2.5 h"."""
    return f"{taken:.0f} s" if taken < 90 else f"{taken / 60:.0f} min" if taken < 5400 else f"{taken / 3600:.1f} h"
