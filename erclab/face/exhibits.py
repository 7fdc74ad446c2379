"""The papers' tables and figures: `erc.exhibit`, `erc.list_exhibits`, and `erc.save` for figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from erclab import sweep
from erclab.core.errors import RunError
from erclab.corpora import Corpus
from erclab.exhibits import catalogue
from erclab.figures import style


def exhibit(id: str, corpus: Corpus, other: Corpus | None = None, *, train: bool = False,
            seeds: int | Iterable[int] = 3, profile: str = "smoke", folder: str | Path | None = None,
            progress: bool = True, device: str | None = None) -> pd.DataFrame | Figure:
    """Build a table or figure of the five papers, or one of ours, from its runs.

    Args:
        id: an id of `erc.list_exhibits()`, such as "S3".
        corpus: where the runs are trained.
        other: the second corpus of an exhibit that compares two.
        train: train the runs that are missing. Without it, a missing run is an error.
        seeds: runs per setting: how many (0 to N-1), or which.
        profile: "smoke" (a CPU, seconds) or "full" (the authors' scale).
        folder: where runs are kept; `build/runs` of the checkout by default.
        progress, device: of the training, as in `erc.run`.

    Raises:
        UsageError: there is no such exhibit, or the corpus lacks what it needs.
        RunError: runs are missing and `train` is false.
    """
    found, = catalogue.find([id])
    folder = None if folder is None else Path(folder)
    how = {"seeds": seeds, "profile": profile, "folder": folder}
    if train:
        sweep.answers(found.questions(corpus, other), *found.corpora(corpus, other), progress=progress,
                      device=device, **how)
    try:
        records = found.records(corpus, other, **how)
    except RunError as error:
        raise error.recast(RunError, remedy="Give train=True, which trains them.") from None
    return found.build(corpus, records, other)


def list_exhibits(corpus: Corpus | None = None, *, seeds: int | Iterable[int] = 3, profile: str = "smoke",
                  folder: str | Path | None = None) -> pd.DataFrame:
    """The exhibits: index `id`, columns `paper`, `title` and `needs`.

    Args:
        corpus: adds the columns `state` ("ready", "to train", or "not here" where the corpus lacks something) and
            `detail` for this corpus.
        seeds, profile, folder: as in `erc.exhibit`.
    """
    rows = []
    for e in catalogue.find():
        rows.append({"id": e.id, "paper": e.paper, "title": e.title, "needs": e.needs})
        if corpus is not None:
            state = e.state(corpus, seeds=seeds, profile=profile,
                            folder=None if folder is None else Path(folder))
            rows[-1] |= {"state": state.name, "detail": state.detail}
    return pd.DataFrame(rows).set_index("id")


def save(figure: Figure, name: str, corpus: Corpus | str | None = None) -> style.Picture:
    """Store a figure as `figures/NAME.png`, or `figures/NAME_CORPUS.png`; a notebook shows what is returned.

    Args:
        figure: such as `runs.bars()`.
        name: such as "30_scores".
        corpus: a corpus or its name, for a figure that exists once per corpus.

    Raises:
        ErclabError: the folder cannot be written.
    """
    return style.save(figure, name, corpus.name if isinstance(corpus, Corpus) else corpus or "")
