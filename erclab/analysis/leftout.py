"""What the papers leave out (O9): each open detail, the choice made here, and what another choice does to the score.

`erclab.published.left_out` lists the details, with the fields that hold a choice in parentheses. `ALTERNATIVES` are
other defensible choices of such a field: what the authors' code does, or what a reader of the paper could have taken.
They are measured in the recipes and widths of the profile `smoke`, whose choices the recipes' files give. A detail
without a measured alternative is "not measured"; that is not the same as "does not matter".
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from erclab import models, published
from erclab.analysis import statistics
from erclab.analysis.kept import Groups, KeptRun
from erclab.analysis.statistics import Estimate
from erclab.analysis.tallies import sampled
from erclab.core import metrics
from erclab.core.settings import setting_types
from erclab.corpora import Corpus
from erclab.training.recipes import Recipe

MATTERS = 0.01  # a point: what the papers' own ablations call an effect
OFFICIAL = "all quirks of the authors' code"
# Model -> name of an alternative -> what is set differently.
ALTERNATIVES: dict[str, dict[str, dict[str, Any]]] = {
    "bc-lstm": {
        "two layers": {"layers": 2}, "attention over the dialogue": {"attention": True},
        "the LSTM reads padding": {"read_padding": True}, "one direction": {"bidirectional": False},
        OFFICIAL: {"layers": 2, "attention": True, "read_padding": True}},
    "sdt": {
        "no norm before attention": {"attention_norm": "dead"},
        "distillation moves the teacher": {"detach_teacher": False},
        "no tau squared, tau 4": {"temperature": 4.0, "tau_squared": False},
        "frozen identity gates": {"frozen_identity_gates": True}, "class weights": {"class_weights": True},
        OFFICIAL: {"attention_norm": "dead", "detach_teacher": False, "tau_squared": False,
                   "frozen_identity_gates": True}},
    "m2fnet": {
        "two layers": {"layers": 2}, "norm before the sublayers": {"norm": "pre"},
        "2 times as wide inside, not 4": {"expansion": 2}, "no dropout": {"dropout": 0.0},
        "tokens side by side": {"readout": "concat"},
        "both directions": {"bidirectional": True}, "no speaker": {"speaker": "none"},
        "a state per speaker": {"speaker": "state"}, "half the width": {"hidden": 64}},
    "dialoguernn": {
        "listeners are not updated": {"listener": False}, "one direction": {"bidirectional": False},
        "attention without the utterance": {"context": "simple"},
        "attention over the dialogue": {"dialogue_attention": True}, "class weights": {"class_weights": True}},
    "dialoguetrm": {
        "a Transformer per modality": {"shared_transformer": False}, "biases of gates": {"bias": True},
        "positions of fused vectors": {"fusion_positions": True}, "a window of 4 turns": {"context_turns": 4}},
    "lmr-cbt": {
        "recurrence over the batch": {"batch_recurrence": True}, "convolution without padding": {"same_length": False},
        "future mask": {"future_mask": True}},
}
# Of these settings, those that a base needs to differ from an alternative by nothing else.
BASES: dict[str, dict[str, dict[str, Any]]] = {"sdt": {"no tau squared, tau 4": {"temperature": 4.0}}}


def choices_of(model: str) -> dict[str, dict[str, Any]]:
    """Name of a question -> its settings: the model as this study has it, its alternatives, and other bases."""
    title, found = models.info(model).title, {models.info(model).title: dict[str, Any]()}
    for name, changes in ALTERNATIVES.get(model, {}).items():
        if base := BASES.get(model, {}).get(name):
            found[base_of(model, name)] = base
        found[f"{title}: {name}"] = changes
    return found


def base_of(model: str, name: str) -> str:
    """The name of the question that an alternative is compared with."""
    base, title = BASES.get(model, {}).get(name), models.info(model).title
    return f"{title}: {', '.join(f'{k}={v}' for k, v in base.items())}" if base else title


def sensitivities(groups: Groups, corpus: Corpus) -> pd.DataFrame:
    """A row per model and alternative that the groups have: `difference` from the model as it is here, of the score
    that chooses epochs, in points, with `low` and `high` over seeds and dialogues, `seeds`, and `verdict`: "higher",
    "lower", "equivalent" (within `MATTERS`) or "undecided". They explore: no correction for their number is made.

    Args:
        groups: named as `choices_of` has them.
    """
    rows = []
    for model, changes in ALTERNATIVES.items():
        for name in changes:
            pair = [groups.get(key) for key in (f"{models.info(model).title}: {name}", base_of(model, name))]
            if all(pair):
                found = _difference(pair[0], pair[1], corpus)
                low, high = found.interval()
                rows.append({"model": model, "alternative": name, "difference": round(100 * found.value, 1),
                             "low": round(100 * low, 1), "high": round(100 * high, 1), "seeds": found.seeds,
                             "verdict": statistics.verdict(found, MATTERS)})
    return pd.DataFrame(rows, columns=["model", "alternative", "difference", "low", "high", "seeds", "verdict"])


def _difference(some: Sequence[KeptRun], base: Sequence[KeptRun], corpus: Corpus) -> Estimate:
    """The difference of the score that chooses epochs, over the seeds that both have, and over dialogues."""
    seeds = [one.seed for one in base if one.seed in {other.seed for other in some}]
    metric, sign = base[0].metric
    of = [sampled([next(run for run in runs if run.seed == seed).tally(corpus) for seed in seeds], metric)
          for runs in (some, base)]
    return ((of[0] - of[1]) * float(sign)).estimate()


def fields_of(choice: str) -> tuple[str, ...]:
    """The fields that a text of `left_out` names in its last parentheses."""
    found = re.findall(r"\(([\w., ]+)\)", choice)
    return tuple(re.split(r",\s*", found[-1])) if found else ()


def known_fields(model: str) -> set[str]:
    """The names of the settings of a model and of its recipe."""
    info = models.info(model)
    return {*setting_types(info.cls.Config), *(f.name for f in dataclasses.fields(Recipe))}


def details(measured: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """O9: a row per detail that a paper leaves open.

    Columns: `paper`, `detail`, what the paper and the authors' code have, `ours`, and `measured`: per corpus the
    differences of the alternatives that change this detail alone, `-1.2 [-2.5, 0.1] no dropout (undecided)`, or "not
    measured".

    Args:
        measured: corpus -> `sensitivities` there.
    """
    rows = []
    for model in published.papers():
        for row in published.left_out(model).itertuples():
            here, found = set(fields_of(row.ours)), []
            for corpus, some in measured.items():
                for one in some[some["model"] == model].itertuples():
                    changed = {*ALTERNATIVES[model][one.alternative]} - {
                        *BASES.get(model, {}).get(one.alternative, {})}
                    named = changed == {"class_weights"} and row.detail == "class weights"
                    if (changed and changed <= here) or named:
                        found.append(f"{one.difference:+.1f} [{one.low:.1f}, {one.high:.1f}] {one.alternative} "
                                     f"({one.verdict}; {corpus})")
            rows.append({"paper": models.info(model).title, "detail": row.detail, "the paper": row.paper,
                         "authors' code": row.official, "ours": row.ours,
                         "measured": "; ".join(found) or "not measured"})
    return pd.DataFrame(rows).set_index(["paper", "detail"])


def summary(made: pd.DataFrame) -> pd.DataFrame:
    """Per paper: how many details are left out, and of how many an alternative was measured here."""
    counted = made.assign(there=made["measured"] != "not measured").groupby(level="paper")["there"]
    return pd.DataFrame({"left out": counted.size(), "measured": counted.sum().astype(int)})


def chosen_score(groups: Groups) -> str:
    """The title of the score in which differences are given."""
    return metrics.title(next(iter(groups.values()))[0].metric[0])
