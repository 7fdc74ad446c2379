"""Training: `erc.run`, `erc.compare`. A run that exists is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from erclab import runs
from erclab.analysis.inside import check_corpus
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.face.comparison import Comparison
from erclab.face.runs import Runs
from erclab.runs import Record
from erclab.runs.arguments import check_types
from erclab.runs.arguments import seeds as numbers
from erclab.training.recipes import Recipe


def run(model: str | type, corpus: Corpus, *, seeds: int | Iterable[int] = 1, profile: str = "smoke",
        variant: str | None = None, modalities: Sequence[str] | None = None, task: str | None = None,
        words: str | Path | None = None, teacher: str | Record | None = None,
        recipe: Recipe | Mapping[str, Any] | None = None, protocol: str = "sound", folder: str | Path | None = None,
        force: bool = False, progress: bool = True, device: str | None = None, together: bool | None = None,
        **changes: Any) -> Runs:
    """Train a model on a corpus, once per seed; runs that exist are loaded.

    Args:
        model: a name of `erc.list_models()`; or a class, such as one that a notebook defines: a subclass of `erc.Model`
            with a dataclass `Config` and `forward(batch, *, attention=False) -> erc.Output`. The run's id follows the
            source of the class and of what the class uses: an edited class is trained anew. A class that is derived
            from a model of erclab has that model's recipe and settings by default.
        corpus: what it is trained on, from `erc.load`.
        seeds: how many (0 to N-1), or which.
        profile: "smoke" (a CPU, seconds) or "full" (the authors' scale); chooses the recipe.
        variant: "paper" or "official" (what the authors' code computes), for a model that has both.
        modalities: a subset of the corpus's, such as ["text", "audio"]; all by default.
        task: what is predicted; by default the first task of the corpus that the model can predict.
        words: the model reads the text itself and fine-tunes this BERT: "minilm", a Hugging Face name or a folder.
        teacher: a run, or its id, for SDT with `distillation="offline"`.
        recipe: `erc.Recipe(...)` instead of the profile's recipe, or a dictionary of fields to set differently in it.
        protocol: whose epoch is reported: "sound" (chosen on the validation split) or "published" (chosen on the test
            split). Each run has both.
        folder: where runs are kept; `build/runs` of the checkout by default.
        force: train again even if the run exists.
        progress: show a bar.
        device: "cpu", "cuda", ...; by default a GPU where there is one.
        together: train all seeds in one pass; by default where that is faster.
        changes: settings of the model (such as `hidden=64`; in a part of its Config `bert={"layers": 1}`) and fields of
            the recipe (such as `epochs=20`).

    Raises:
        UsageError: anything above does not exist or does not fit.
        CorpusError: a split is empty.
        RunError: the loss is not finite, or the folder cannot be written.
    """
    records = runs.run(model, corpus, seeds=seeds, profile=profile, variant=variant, modalities=modalities, task=task,
                       words=words, teacher=teacher, recipe=recipe, protocol=protocol, folder=folder, force=force,
                       progress=progress, device=device, together=together, **changes)
    return Runs(records, corpus)


def compare(models: Sequence[str | type] | Mapping[str, str | type | Sequence[Record] | Mapping[str, Any]],
            corpus: Corpus, *, seeds: int | Iterable[int] = 1, profile: str = "smoke",
            modalities: Sequence[str] | None = None, task: str | None = None, protocol: str = "sound",
            folder: str | Path | None = None, force: bool = False, progress: bool = True, device: str | None = None
            ) -> Comparison:
    """Train several models, or one model in several settings, on the same corpus.

    Args:
        models: names of `erc.list_models()` or classes; or title -> one of these, or runs that exist (`Runs`, or a
            list of records, as in `erc.compare(erc.sweep.comparison(corpus, "sdt"), corpus)`); or title -> the
            arguments of `erc.run`, such as `{"text alone": {"model": "sdt", "modalities": ["text"]}}`, which go before
            the arguments below.
        seeds, profile, modalities, task, protocol, folder, force, progress, device: as in `erc.run`, for all models.

    Raises:
        UsageError: no model, two models of one title, runs of another corpus, or an argument that does not fit.
        CorpusError, RunError: as in `erc.run`.
    """
    if isinstance(models, str | type) or not models:
        raise UsageError("compare needs a list of models", remedy='For example ["sdt", "bc-lstm", "linear"].')
    check_types(corpus=corpus)
    seeds = numbers(seeds)  # an iterator serves all models
    common = {"seeds": seeds, "profile": profile, "modalities": modalities, "task": task, "protocol": protocol,
              "folder": folder, "force": force, "progress": progress, "device": device}
    groups: dict[str, Runs] = {}
    for title, what in models.items() if isinstance(models, Mapping) else [("", m) for m in models]:
        if isinstance(what, Sequence) and not isinstance(what, str):
            if not what or not all(isinstance(record, Record) for record in what):
                raise UsageError(f"'{title}' has no runs", remedy="Give a model's name, a class, or runs that exist.")
            for record in what:
                check_corpus(record, corpus)
            groups[title] = what if isinstance(what, Runs) else Runs(what, corpus)
            continue
        arguments = dict(what) if isinstance(what, Mapping) else {"model": what}
        if "model" not in arguments:
            raise UsageError(f"the arguments of '{title}' name no model", remedy='Add "model", such as "sdt".')
        found = run(arguments.pop("model"), corpus, **{**common, **arguments})
        title = title or found.title
        if title in groups:
            raise UsageError(f"two models have the title '{title}'", remedy="Give titles: {title: model, ...}.")
        groups[title] = found
    return Comparison(groups)
