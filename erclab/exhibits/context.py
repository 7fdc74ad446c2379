"""Two of our own questions: is context more than emotional inertia (O14), and does it matter who speaks (O16)?

Both take several changed copies of a corpus (`erclab.corpora.interventions`), so their runs are not trained by
`erclab exhibits --train` but by `tools/protocol.py`, and the exhibits are computed from what it keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from erclab import models
from erclab.analysis import inertia, kept, worth
from erclab.analysis.ablation import ARCHITECTURE
from erclab.corpora import Corpus, simulated
from erclab.corpora.interventions import LAST, MERGED, OWN, PERMUTED, SHUFFLED, SINGLE, TRUE, WHOLE
from erclab.exhibits.catalogue import Exhibit
from erclab.figures import context as context_figures
from erclab.figures import protocol as protocol_figures
from erclab.runs import Question
from erclab.training.recipes import recipe_for

CONTEXT, WORDS, SPEAKERS = "context", "words", "speakers"  # names of the files of kept runs
FAST, SLOW = ("bc-lstm", "m2fnet"), "dialoguernn"
NO_GRU = "whole dialogue, without its GRU"
AS = {"m2fnet": {"no speaker": {"speaker": "none"}, "a state per speaker": {"speaker": "state"}}}


@dataclass(frozen=True)
class Arm:
    """A model on a corpus or on a changed copy of it.

    Attributes:
        model: a key of `MODELS`.
        given: what the model is given: a key of `interventions.ALTERED`, or a name for the corpus as it is.
        settings: changes of its recipe's settings.
        modalities: those that it reads; all if none is named.
    """

    model: str
    given: str
    settings: Mapping[str, Any]
    modalities: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the group of kept runs: "bc-LSTM, text | whole dialogue"."""
        return " | ".join((", ".join((models.info(self.model).title, *self.modalities)), self.given))

    def on(self, corpus: Corpus, changed: Corpus) -> Question:
        """The question on the changed corpus (or on the corpus itself), with the recipe of the corpus. The batch size
        keeps the number of steps of an epoch, because dialogues that were cut are more and shorter."""
        entry = recipe_for(self.model, corpus.name)
        counts = [int((c.dialogue_splits == "train").sum()) for c in (changed, corpus)]
        recipe = replace(entry.recipe, batch_size=max(1, round(entry.recipe.batch_size * counts[0] / counts[1])))
        seen = {"modalities": self.modalities} if self.modalities else {}
        return Question(self.model, {"recipe": asdict(recipe), "variant": entry.variant, "task": "emotion", **seen,
                                     **entry.settings, **self.settings})


def context_arms(corpus: Corpus) -> list[Arm]:
    """O14. Three models with the whole dialogue, in another order, with the speaker's own turns, and without context;
    the fast ones with the last turns of anybody, of the speaker and of others."""
    found = [Arm(name, given, {}) for given in (WHOLE, SINGLE, SHUFFLED, OWN) for name in (*FAST, SLOW)]
    found += [Arm("m2fnet", NO_GRU, {"context": "none"})]
    return found + [Arm(name, given, {}) for given in LAST.values() for name in FAST]


def word_arms(corpus: Corpus) -> list[Arm]:
    """O14 by kind of words, which only a simulated corpus has: the same models from the text alone."""
    return [Arm(name, given, {}, ("text",)) for name in (*FAST, SLOW) for given in (WHOLE, SINGLE)
            if simulated.world_behind(corpus)]


def speaker_arms(corpus: Corpus) -> list[Arm]:
    """O16. Models with the speakers as they are, merged into one, and dealt to turns at random; M2FNet also with the
    two other ways in which it can be told the speaker."""
    names = ("m2fnet", SLOW, "sdt")
    ways = [Arm("m2fnet", given, changes) for given, changes in AS["m2fnet"].items()]
    return [Arm(name, given, {}) for name in names for given in (TRUE, MERGED, PERMUTED)] + ways


ARMS: Mapping[str, Callable[[Corpus], list[Arm]]] = {CONTEXT: context_arms, WORDS: word_arms, SPEAKERS: speaker_arms}


def changed_runs(corpus: Corpus | str, what: str) -> tuple[dict[str, list[kept.KeptRun]], Corpus | None]:
    """The kept runs of a corpus and the corpus whose test split they predict; None of a real corpus, of which sums of
    dialogues are kept.

    Args:
        corpus: or its name, for which a real corpus need not be at hand.

    Raises:
        RunError: none are kept, or the file is damaged.
    """
    name = corpus if isinstance(corpus, str) else corpus.name
    if name not in simulated.NAMES:
        return kept.read(kept.place(name, what)), None
    world = simulated.world_of(simulated.NAMES[name]) if isinstance(corpus, str) else simulated.world_behind(corpus)
    return kept.read(kept.place(name, what)), world and worth.fresh_of(world.settings)


def context_table(corpus: Corpus | str) -> pd.DataFrame:
    """O14: see `erclab.analysis.worth.gains_of_context`."""
    return worth.gains_of_context(*changed_runs(corpus, CONTEXT))


def words_table(corpus: Corpus | str) -> pd.DataFrame:
    """O14 by kind of words, of a simulated corpus: see `erclab.analysis.worth.gains_of_kinds`."""
    return worth.gains_of_kinds(*changed_runs(corpus, WORDS))


def speakers_table(corpus: Corpus | str) -> pd.DataFrame:
    """O16: see `erclab.analysis.worth.losses_of_speakers`."""
    return worth.losses_of_speakers(*changed_runs(corpus, SPEAKERS))


def context_figure(table: pd.DataFrame) -> Figure:
    """O14 as a picture.

    Args:
        table: see `context_table`.
    """
    drawn = table[table["gain"].notna() & (table.index.get_level_values("model") != worth.ORACLE)]
    drawn = drawn.drop(index=[key for key in drawn.index if key[1] in worth.LABEL.values()])
    whole = drawn.xs(WHOLE, level="given")["gain"].astype(float)
    label, above = drawn["gain"].get(worth.split_name(inertia.TAUGHT_TRUE)), (drawn.xs(WHOLE, level="given")["low"] > 0)
    return context_figures.worth(drawn, worth.gains_of_oracle(table), matters=ARCHITECTURE, title=(
        f"The whole dialogue adds {whole.min():.1f} to {whole.max():.1f} points ({above.sum()} of {len(whole)} "
        "intervals above 0)" + ("" if label is None else f",\nthe last predicted label {label:.1f}")))


def speakers_figure(table: pd.DataFrame) -> Figure:
    """O16 as a picture.

    Args:
        table: see `speakers_table`.
    """
    rows = table[table["difference"].notna()].reset_index()
    told = rows["verdict"].isin(["higher", "lower"]).sum()
    return protocol_figures.intervals(
        rows.assign(name=rows["model"] + ": " + rows["speakers"], value=rows["difference"].astype(float),
                    low=rows["low"].astype(float), high=rows["high"].astype(float)),
        matters=ARCHITECTURE, xlabel="weighted F1 less that with the true speakers (points)",
        title=f"{told} of {len(rows)} changes of the speakers change the score beyond their interval")


def span(row: pd.Series, name: str = "gain") -> str:
    """`3.7 [2.8, 4.5]`."""
    return f"{row[name]:.1f} [{row['low']:.1f}, {row['high']:.1f}]"


def context_text(table: pd.DataFrame) -> str:
    """What O14 says, in one paragraph, each number from its table."""
    parts, label = [], list(worth.LABEL.values())
    for model in dict.fromkeys(table.index.get_level_values("model")):
        own = table.loc[model]
        if WHOLE not in own.index or model == worth.ORACLE:
            continue
        share = {given: f"{row['share']:.0f} % [{row['share low']:.0f}, {row['share high']:.0f}]"
                 for given, row in own.iterrows() if pd.notna(row.get("share"))}
        had = [f"{share[given]} is had with {name}" for given, name in
               ((SHUFFLED, "the turns shuffled"), (OWN, "the speaker's own turns only")) if given in share]
        if label[0] in share:
            had.append(f"a linear probe's gain from the last predicted label is {share[label[0]]} of it")
        parts.append(f"{model} gains {span(own.loc[WHOLE])} points of weighted F1 from the whole dialogue"
                     + (f"; of that, {', '.join(had)}" if had else ""))
    if best := worth.gains_of_oracle(table):
        parts.append(f"The exact oracle of the vectors gains {best[WHOLE]:.1f} from the whole dialogue, "
                     f"{best['the turn before']:.1f} from the turn before and {best[OWN]:.1f} from the speaker's own "
                     "turns")
    return ". ".join(parts) + "."


def words_text(table: pd.DataFrame) -> str:
    """What O14 by kind of words says of words that point back, in one paragraph, each number from its table."""
    rows = table.xs((WHOLE, "referential"), level=("given", "words"))
    best, models_ = rows.loc[worth.ORACLE + worth.TEXT], rows.drop(worth.ORACLE + worth.TEXT)
    return (f"On words that point back the exact oracle of the vectors gains {span(best)} points of accuracy from the "
            "whole dialogue's text; " + ", ".join(
                f"{name.removesuffix(worth.TEXT)} {span(row)}" for name, row in models_.iterrows()) + ".")


def speakers_text(table: pd.DataFrame) -> str:
    """What O16 says, in one paragraph, each number from its table."""
    rows = table[table["difference"].notna()]
    told = rows[rows["verdict"].isin(["higher", "lower"])]
    named = ", ".join(f"{model} with {given} ({span(row, 'difference')})" for (model, given), row in told.iterrows())
    same = (rows["verdict"] == "equivalent").sum()
    return (f"Of {len(rows)} changes of the speakers {len(told)} change weighted F1 beyond their interval"
            + (f": {named}" if named else "")
            + f"; {same} are shown to be within {ARCHITECTURE:.0f} point, the others are undecided.")


def _kept(what: str) -> Callable[[Corpus], str]:
    def check(corpus: Corpus) -> str:
        return "" if kept.has(corpus, what) else "the study has not trained this on changed copies of it"
    return check


EXHIBITS = (
    Exhibit("O14", "Is context more than emotional inertia? Order, own turns, others' turns, the last label",
            "runs that tools/protocol.py keeps", lambda corpus, groups: context_table(corpus), check=_kept(CONTEXT)),
    Exhibit("O16", "Does it matter who speaks? Speakers merged, at random, or told in another way",
            "runs that tools/protocol.py keeps", lambda corpus, groups: speakers_table(corpus), check=_kept(SPEAKERS)),
)
