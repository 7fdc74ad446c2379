"""O13: equal tuning budgets. The table, the picture and the paragraph come from `data/results/tuning` and need neither
a corpus nor training."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab import models
from erclab.claims import tuned
from erclab.claims.draws import read_all_draws
from erclab.claims.verdicts import SUPPORTED
from erclab.corpora import Corpus
from erclab.exhibits.catalogue import Exhibit
from erclab.figures import tuning as pictures
from erclab.published.tuning import declared


def tuned_on() -> list[str]:
    """The corpora on which models have been tuned, in the order of the declaration."""
    return [name for name in declared().corpora if read_all_draws(declared(), name)]


def tuned_table(corpus: str) -> pd.DataFrame:
    """O13. See `erclab.claims.tuned.table`."""
    return tuned.table(declared(), corpus)


def tuned_figure(corpus: str) -> Figure:
    """O13 as a picture, a row for each group of models. The title counts the tuned models that beat the tuned bases."""
    spaces = declared()
    scale, _ = tuned.shown_unit(spaces, corpus)
    unit = _score(corpus) + (" (%)" if scale == 100 else "")
    curves, tested, parts = tuned.validation_curves(spaces, corpus), tuned.tested(spaces, corpus), {}
    for group in spaces.groups_on(corpus):
        titles = [models.info(model).title for model in group.models]
        part = curves[curves["model"].isin(titles)], tested[tested.index.isin(titles)]
        if any(map(len, part)):
            parts[group.reads] = (*part, models.info(group.bases[0]).title)
    return pictures.tuned_models(parts, scale=scale, unit=unit, title=f"{corpus}: {_counted(corpus)}")


def _score(corpus: str) -> str:
    return declared().score[declared().task(corpus)].replace("_f1", " F1")


def _counted(corpus: str) -> str:
    """How many of the tuned models are shown to beat each base."""
    verdicts, words = tuned.tuned_verdicts(declared(), corpus), []
    for base in (base for group in declared().groups_on(corpus) for base in group.bases):
        found = [v for v in verdicts if v.claim.endswith(f"-{base}") and v.effects]
        won = sum(v.verdict == SUPPORTED for v in found)
        words += [f"{won} of {len(found)} beat the tuned {models.info(base).title}"] if found else []
    return ", ".join(words) or "no comparison yet"


def tuned_words(corpus: str) -> str:
    """O13 as a paragraph, each number from the table."""
    table = tuned_table(corpus)
    shown = table[table["seeds"] > 0]
    if shown.empty:
        return f"{corpus}: no tuned model has been trained anew."
    parts = [f"{corpus}, {_score(corpus)}: {_counted(corpus)} (by the ledger's rule, Holm within the corpus)."]
    for title, row in shown.iterrows():
        said = [f"{title}: validation {row['validation, best']} (recipe {row['validation, recipe']})",
                f"test {row['test, tuned']}"]
        if row["test, bought"]:
            said.append(f"tuning bought {row['test, bought']}")
        for base in (name.removeprefix("minus ") for name in table.columns if name.startswith("minus ")):
            if row[f"minus {base}"]:
                said.append(f"{row[f'minus {base}']} over {base}, {row[f'beats {base}']}")
        parts.append(f"{'; '.join(said)}.")
    parts += [limit] if (limit := declared().limits.get(corpus, "")) else []
    return " ".join(parts)


def lacks_draws(corpus: Corpus) -> str:
    """Models that were tuned on the corpus."""
    return "" if corpus.name in tuned_on() else "no models were tuned on it"


EXHIBITS = (
    Exhibit("O13", "Equal tuning budgets: tuned models beside a tuned LSTM and a linear probe",
            "models tuned on it (erclab tune)", lambda corpus, groups: tuned_table(corpus.name), check=lacks_draws),
)
