"""How large the models are: parameters of every configuration that has a name, beside the sizes that papers print."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch

from erclab import models, published, runs
from erclab.core.settings import from_dict
from erclab.corpora import ANNOTATIONS, SPLITS, UNLABELLED, Corpus, Frames, simulated
from erclab.models import ModelInfo
from erclab.training import recipes

MILLION = 1_000_000


def describe(names: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """A dictionary per model, as plain data: what the registry says, and its sizes.

    `sizes` has a row for each corpus that the paper (or its code) has sizes for, in the variants `paper` and
    `official`, and for each recipe on its corpus; a recipe for any corpus is counted on the simulated one.
        corpus, variants, recipe   what is counted, in one row for variants that are the same; `recipe` is its profile,
                                   "" for a preset
        parameters, trainable      ours
        published                  value, unit, source and `agrees`, whether ours rounds to it
    `note` says why some do not agree. A model that is fitted has no sizes, it has no parameters by gradient.

    Args:
        names: keys of `MODELS`; all by default.

    Raises:
        UsageError: there is no such model.
    """
    return [_described(info) for info in (models.MODELS.values() if names is None else map(models.info, names))]


def text(described: Iterable[dict[str, Any]]) -> str:
    """The same as text for people."""
    return "\n\n".join("\n".join(_lines(model)) for model in described)


def _described(info: ModelInfo) -> dict[str, Any]:
    return {"name": info.name, "title": info.title, "paper": info.paper, "family": info.family, "kind": info.kind,
            "view": info.view, "tasks": list(info.tasks), "sizes": _sizes(info) if info.kind == "trained" else [],
            "note": published.size_note(info.name)}


def of_presets(name: str) -> list[dict[str, Any]]:
    """The sizes of `describe` that follow from the paper's and its authors' settings, without those of recipes.

    Raises:
        UsageError: there is no such model.
    """
    rows, info = [], models.info(name)
    for corpus in info.cls.published:
        made = {v: getattr(info.cls, v)(corpus) for v in recipes.VARIANTS}
        same = made["paper"] == made["official"]
        rows += [_row(info, made[v], corpus, corpus, variants=list(made) if same else [v])
                 for v in (["paper"] if same else made)]
    return rows


def _sizes(info: ModelInfo) -> list[dict[str, Any]]:
    """Presets first, then recipes."""
    rows = of_presets(info.name)
    for model, corpus, profile in recipes.RECIPES:
        # A row for any corpus has its size on the simulated corpus, unless that corpus has a row of its own.
        if model == info.name and not (corpus == "*" and (model, "simulated", profile) in recipes.RECIPES):
            found = _outline(info, corpus)
            made = {v: runs.plan(model, found, profile=profile, variant=v)[0].settings for v in recipes.VARIANTS}
            settings = made[recipes.recipe_for(model, found.name, profile).variant]  # what `erclab run` would build
            rows.append(_row(info, from_dict(info.cls.Config, settings), found.name, recipes.family(found.name),
                             profile, [v for v in made if made[v] == settings]))
    return rows


def _row(info: ModelInfo, config: Any, corpus: str, family: str, recipe: str = "",
         variants: Iterable[str] = ()) -> dict[str, Any]:
    """One size, with every published one of the same corpus that says something of one of these variants."""
    with torch.device("meta"):  # shapes only: a BERT takes neither memory nor time
        model = info.cls(config)
    ours = models.parameter_count(model)
    theirs = [_compared(row, ours) for row in _published(info.name)
              if row.corpus == family and row.variant in ("", *variants)]
    return {"corpus": corpus, "variants": list(variants), "recipe": recipe, "parameters": ours,
            "trainable": models.parameter_count(model, trainable=True), "published": theirs}


@cache
def _published(name: str) -> list[Any]:
    return list(published.parameters(name).itertuples())


def _compared(row: Any, ours: int) -> dict[str, Any]:
    """A published size: as printed, a count or two decimals of a million."""
    exact = row.unit == "parameters"
    return {"value": int(row.value) if exact else row.value, "unit": row.unit,
            "source": f"{models.info(row.paper).title}, {row.source}",
            "agrees": ours == row.value if exact else round(ours / MILLION, 2) == row.value}


def _outline(info: ModelInfo, corpus: str) -> Corpus:
    """A corpus with hardly any utterances, in the widths that the model's paper has for it, or in simulated ones."""
    preset = info.cls.published.get(recipes.family(corpus))
    if preset is None:
        ours = corpus == "*" or recipes.family(corpus) == "simulated"
        found = _simulated((ours and corpus.partition("-")[2]) or "small")
        return found if ours else dataclasses.replace(found, name=corpus)
    task, speakers = preset.get("task", "emotion"), preset.get("speakers", 1)
    table = pd.DataFrame([{"split": s, "dialogue": s, "turn": t, "speaker": f"{t}", "text": "", "label": 0}
                          for s in SPLITS for t in range(speakers)])
    vectors = {m: np.ones((len(table), width), np.float32) for m, width in preset["dims"]}
    labels = tuple(f"{i}" for i in range(preset["outputs"])) if task == "emotion" else ()
    annotations = {} if labels else {task: np.zeros((len(table), len(ANNOTATIONS[task])), np.float32)}
    return Corpus(corpus, table if labels else table.assign(label=UNLABELLED), labels, vectors,
                  frames={m: Frames.pack(list(x[:, None])) for m, x in vectors.items()}, annotations=annotations)


@cache
def _simulated(preset: str) -> Corpus:
    return simulated.generate(preset, frames=True, dialogues=(1, 1, 1))


def _lines(model: dict[str, Any]) -> list[str]:
    reads = "dialogues or sequences" if model["view"] == "any" else f"{model['view']}s"
    lines = [f"{model['name']}: {model['title']}, {model['family']}, {model['kind']} on {reads}",
             f"    paper: {model['paper']}", f"    tasks: {', '.join(model['tasks'])}"]
    if not model["sizes"]:
        return [*lines, "    no parameters by gradient"]
    lines.append(f"    {'parameters':<44}{'ours':>11}   published")
    for row in model["sizes"]:
        what = [row["corpus"], "/".join(row["variants"]), *([f"{row['recipe']} recipe"] if row["recipe"] else [])]
        lines.append(f"      {', '.join(what):<42}{row['parameters']:>11,}   {printed(row['published'])}".rstrip())
    return lines + textwrap.wrap(model["note"], 110, initial_indent="    note: ", subsequent_indent="      ")


def printed(theirs: list[dict[str, Any]]) -> str:
    """Published sizes in a line, equal ones once, after = or, where ours does not round to it, after ≠."""
    sources: dict[str, list[str]] = {}
    for p in theirs:
        value = f"{p['value']:,}" if p["unit"] == "parameters" else f"{p['value']:.2f} M"
        sources.setdefault(f"{'=' if p['agrees'] else '≠'} {value}", []).append(p["source"])
    return ", ".join(f"{value} ({'; '.join(names)})" for value, names in sources.items())
