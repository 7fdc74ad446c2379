"""O14 and O16: how their runs are planned, and that tables, figures and sentences come from the files that are kept."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from figure_checks import assert_readable

from erclab import corpora, runs
from erclab.analysis import ceilings, inertia, kept, worth
from erclab.corpora import interventions, simulated
from erclab.corpora.interventions import WHOLE
from erclab.exhibits import catalogue, context

KEPT = sorted(path for what in context.ARMS for path in kept.place("x", "x").parent.parent.glob(f"*/{what}.json"))


def test_an_arm_has_the_recipe_of_its_corpus_and_as_many_steps(tiny):
    lesson = replace(tiny, name="simulated-lesson", frames={})
    copies = {given: make(lesson).corpus for given, make in interventions.ALTERED.items()}
    for arm in {a.name: a for make in context.ARMS.values() for a in make(lesson) if a.given in copies}.values():
        changed = copies[arm.given]
        question = arm.on(lesson, changed)
        (own,) = runs.plan(arm.model, changed, seeds=[100], **question.settings)
        (base,) = runs.plan(arm.model, lesson, seeds=[100], **arm.settings)
        dialogues = [(c.dialogue_splits == "train").sum() for c in (changed, lesson)]
        steps = [n / spec.recipe.batch_size for n, spec in zip(dialogues, (own, base), strict=True)]
        assert steps[0] == pytest.approx(steps[1], rel=.05)
        assert asdict(own.recipe) | {"batch_size": 0} == asdict(base.recipe) | {"batch_size": 0}
        sized = {"speakers": 1, "dims": 0}
        assert own.settings | sized == base.settings | sized, arm.name
    arm = context.Arm("sdt", interventions.TRUE, {})  # a run of the study is used as it is
    (own,), (base,) = runs.plan("sdt", lesson, **arm.on(lesson, lesson).settings), runs.plan("sdt", lesson)
    assert own.id == base.id


def whole_dialogue(table):
    whole = table.xs(WHOLE, level="given").astype({"gain": float, "low": float})
    whole = whole[whole.index != worth.ORACLE]
    model, given = worth.split_name(inertia.TAUGHT_TRUE)
    last = [row["gain"] for key, row in table.iterrows() if tuple(key[:2]) == (model, given)]
    return (f"The whole dialogue adds {whole['gain'].min():.1f} to {whole['gain'].max():.1f} points "
            f"({(whole['low'] > 0).sum()} of {len(whole)} intervals above 0)"
            + (f",\nthe last predicted label {last[0]:.1f}" if last else ""))


def changed_speakers(table):
    rows = table["verdict"][table["difference"].notna()]
    told = rows.isin(["higher", "lower"]).sum()
    return f"{told} of {len(rows)} changes of the speakers change the score beyond their interval"


TITLES = {"context": whole_dialogue, "speakers": changed_speakers}


def test_the_arms_name_what_the_tables_compare(tiny):
    names = [a.name for a in context.context_arms(tiny)]
    assert len(set(names)) == len(names) and "bc-LSTM | whole dialogue" in names
    assert "bc-LSTM, text | whole dialogue" in [a.name for a in context.word_arms(tiny)]
    assert not context.word_arms(replace(tiny, name="x", source=""))
    assert "M2FNet | a state per speaker" in [a.name for a in context.speaker_arms(tiny)]


def test_exhibits_of_changed_copies_say_where_they_cannot_be_built(tiny):
    for name in ("O14", "O16"):
        assert "not trained" in catalogue.find([name])[0].lacks(tiny)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_tables_figures_and_sentences_come_from_kept_files(path):
    name, what = path.parent.name, path.stem
    table = getattr(context, f"{what}_table")(name)
    said = getattr(context, f"{what}_text")(table)
    number = {"context": lambda: context.span(table.xs(WHOLE, level="given").iloc[0]),
              "words": lambda: context.span(table.loc[(worth.ORACLE + worth.TEXT, WHOLE, "referential")]),
              "speakers": lambda: f"Of {len(table['difference'].dropna())} changes"}[what]()
    assert said.endswith(".") and number in said
    if what != "words":
        made = getattr(context, f"{what}_figure")(table)
        assert_readable(made)
        assert made.get_suptitle() == TITLES[what](table)
    if name not in simulated.NAMES:
        assert all(not run.predictions for some in kept.read(path).values() for run in some)


@pytest.mark.skipif(not any(p.parent.name == "simulated-lesson" and p.stem == "context" for p in KEPT),
                    reason="the runs are not kept yet")
def test_the_kept_oracle_is_the_exact_one():
    groups, whole = context.changed_runs("simulated-lesson", context.CONTEXT)
    few = whole.select(np.arange(whole.starts[5]))
    for given in (interventions.OWN, interventions.WHOLE):
        (run,) = groups[f"{worth.ORACLE} | {given}"]
        exact = ceilings.hearing(few, simulated.world_behind(few), ceilings.HEARD[given]).argmax(1)
        assert (run.predictions["sound"][:len(few)] == exact).all()
    assert kept.has(corpora.load("simulated-lesson"), "context")
