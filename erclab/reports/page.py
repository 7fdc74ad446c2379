"""The page of a paper, in the form that reproducibility venues use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from erclab import models, published
from erclab.analysis import sizes
from erclab.claims import costs
from erclab.claims.draws import read_draws
from erclab.claims.training import corpus_name
from erclab.contracts.rows import rows_of
from erclab.published.tuning import declared
from erclab.reports.facts import Fact, facts_of, file_name
from erclab.reports.findings import arithmetic, results, scope
from erclab.reports.gathered import Gathered
from erclab.reports.markdown import escaped, link_to, listed, pipes, plural
from erclab.training.recipes import Recipe, recipe_for


def page_of(found: Gathered, paper: str) -> str:
    """The page of a paper, by the name of its model, as Markdown.

    Raises:
        UsageError: there is no page of this paper.
    """
    facts, info = facts_of(paper), models.info(paper)
    sections: dict[str, Sequence[str]] = {
        "Scope of reproducibility": [facts.idea, "", *scope(found, paper)],
        "Methodology": _methodology(found, paper),
        "Results": results(found, paper),
        "What was easy": _held(facts.easy),
        "What was hard": [*_held(facts.hard), *_quirks(paper), *_open(paper)],
        "What the paper leaves out": _left_out(paper),
        "Arithmetic of the printed numbers": arithmetic(paper),
        "Cost": _cost(found, paper),
        "Communication with the authors": [
            "None so far. The page is written so that the authors can check each sentence; corrections are welcome, "
            "and answers will stand here."]}
    lines = [f"# {info.title}: does it reproduce?", "", f"{info.paper}. This page is generated from the claims, the "
             "evidence and the code of this repository (`erclab report`); do not edit it.", ""]
    for title, section in sections.items():
        lines += [f"## {title}", "", *section, ""]
    return "\n".join(lines).rstrip() + "\n"


def _methodology(found: Gathered, paper: str) -> list[str]:
    """Re-implementation, sizes, corpora, protocol, recipes, tuning and hardware."""
    info, protocol = models.info(paper), found.book.protocol
    place = info.where.partition(":")[0].replace(".", "/") + ".py"
    named = _corpora(found, paper)
    fresh, seeds = protocol["fresh"]["dialogues"], protocol["seeds"]
    lines = [f"**Re-implementation.** {link_to(place)}, from the paper's equations and facts about the authors' code "
             "where there is one; what differs between the two is a switch.", "",
             f"**Sizes.** {_sizes(found, paper)}", "",
             f"**Corpora and features.** {facts_of(paper).features} The claims name:", ""]
    lines += pipes(["corpus", "what it is", "evidence"],
                   [[f"`{name}`", found.title(name), _evidence(found, paper, name)] for name in named])
    lines += ["", f"**Protocol.** Seeds {min(seeds)} to {max(seeds)}; the epoch is chosen on validation. A simulated "
              f"corpus varies with the seed, and all its runs are compared on {fresh:,} fresh dialogues; a real corpus "
              "is compared on its test split, or on each dialogue once where it is cross-validated. Widths and epochs "
              f"are those of the profile `{protocol['profile']}`, which fits a processor.", "",
              "**Recipes.** `smoke` is what the verdicts are about; `full` is the authors' scale.", "",
              *_recipes(found, paper, named), "", f"**Tuning.** {_tuning(paper)}", "",
              f"**Hardware.** {_hardware(found, paper)}"]
    return lines


def _corpora(found: Gathered, paper: str) -> list[str]:
    names = dict.fromkeys(v.corpus for _, some in found.of_paper(paper) for v in some)
    return [name for name in names if name not in ("", "printed")]


def _evidence(found: Gathered, paper: str, corpus: str) -> str:
    spent = [c for one in found.scores for c in one.costs if (c.corpus, c.model) == (corpus, paper)]
    return plural(spent[0].runs, "run") if spent else "to train"


def _sizes(found: Gathered, paper: str) -> str:
    """Sizes that are printed beside ours, and the sizes of the runs here."""
    printed = published.parameters(paper)
    told = []
    for row in sizes.of_presets(paper) if len(printed) else ():
        if row["published"]:
            told.append(f"{row['corpus']}, {' and '.join(row['variants'])}: {row['parameters']:,} "
                        f"({sizes.printed(row['published'])})")
    text = f"At the paper's widths: {'; '.join(told)}." if told else "The paper prints no size."
    trained = _trained(found, paper)
    if trained:
        text += f" As trained here: {', '.join(f'{name} {count:,}' for name, count in trained.items())} parameters."
    note = published.size_note(paper)
    return " ".join(x for x in (text, note) if x)


def _trained(found: Gathered, paper: str) -> dict[str, int]:
    """Corpus -> parameters of the model in its plain setting, for the first task."""
    made: dict[str, int] = {}
    for s in (s for one in found.scores for s in one.scores if s.model == paper):
        made.setdefault(s.corpus, s.parameters)
    return made


def _recipes(found: Gathered, paper: str, names: Iterable[str]) -> list[str]:
    """A row per recipe that the claims' corpora have, equal ones once, and the full ones."""
    rows: dict[tuple[str, ...], list[str]] = {}
    asked = [(corpus_name(found.book, name), found.book.protocol["profile"], name) for name in names]
    asked += [("*", "full", "any"), *((name, "full", name) for name in models.info(paper).cls.published)]
    for corpus, profile, name in asked:
        entry = recipe_for(paper, corpus, profile)
        text = (profile, _settings(entry.recipe), _plain(entry.settings), entry.source)
        rows.setdefault(text, []).append(f"`{name}`" if name != "any" else "any other")
    return pipes(["profile", "corpora", "training", "model, where it differs from the paper's", "source"],
                 [[key[0], ", ".join(names), *key[1:]] for key, names in rows.items()])


def _settings(recipe: Recipe) -> str:
    default, told = Recipe(), []
    for name in ("epochs", "batch_size", "learning_rate"):
        told.append(f"{name.replace('_', ' ')} {getattr(recipe, name):g}")
    for name, value in vars(recipe).items():
        if name not in ("epochs", "batch_size", "learning_rate") and value != getattr(default, name):
            told.append(f"{name.replace('_', ' ')} {value:g}" if isinstance(value, float) else
                        f"{name.replace('_', ' ')} {value}")
    return ", ".join(told)


def _plain(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "none"


def _tuning(paper: str) -> str:
    """What is declared of equal budgets, and whether results are there."""
    plan = declared()
    if paper not in plan.spaces:
        return "The recipes above were tuned on validation, with no record of how often; no equal budget is declared."
    axes = listed([axis.name for axis in plan.space(paper)])
    group = plan.group(paper)
    logs = {name: log for name in group.corpora if (log := read_draws(plan, paper, name)) is not None and log.tried}
    done = "; ".join(f"`{name}`: {len(log.tried)} of {plan.draws} draws are trained"
                     + (f", chosen {_plain(dict(log.best.settings))}" if len(log.tried) == plan.draws else "")
                     for name, log in logs.items())
    done = f"{done}. Tuned scores with intervals: exhibit O13." if done else "None is trained yet."
    return (f"The recipes above were tuned on validation, with no record of how often. Beside them, "
            f"{plan.draws} draws per model are declared from a space of {plural(len(plan.space(paper)), 'number')} "
            f"({axes}), the same budget for every model that reads {group.reads}, on "
            f"{', '.join(f'`{name}`' for name in group.corpora)}. {done}")


def _hardware(found: Gathered, paper: str) -> str:
    machines = dict.fromkeys(m for one in found.scores for c in one.costs if c.model == paper for m in c.machines)
    return f"{'; '.join(machines)}." if machines else "No run is part of the evidence yet."


def _held(facts: Iterable[Fact]) -> list[str]:
    return [f"- {fact.fact} ({link_to(fact.held)})" for fact in facts]


def _quirks(paper: str) -> list[str]:
    """Contracts that the authors' code breaks, as the catalogue has them."""
    reasons: dict[str, list[str]] = {}
    for row in rows_of(paper):
        for contract, (_, why) in row.breaks.items():
            reasons.setdefault(why, []).append(contract.replace("_", " "))
    return [f"- A quirk of the authors' code breaks {listed([f'*{name}*' for name in dict.fromkeys(names)])}: "
            f"{escaped(why)}. (`erclab contracts {paper}`)" for why, names in reasons.items()]


def _open(paper: str) -> list[str]:
    count = len(published.left_out(paper))
    return [f"- {plural(count, 'detail')} had to be chosen that the paper leaves open, or in which paper and code "
            "differ (below; exhibit O9 measures what such choices do)."]


def _left_out(paper: str) -> list[str]:
    """What the paper does not say, what the authors' code does, and our choice."""
    table = published.left_out(paper)
    rows = [[str(x) for x in row] for row in table[["detail", "paper", "official", "ours"]].itertuples(index=False)]
    sources = dict.fromkeys(recipe_for(paper, name, "full").source for name in ("*", *models.info(paper).cls.published))
    return [*pipes(["detail", "paper", "authors' code", "ours (setting)"], rows), "",
            f"The numbers of the full recipes are from: {'; '.join(sources)}."]


def _cost(found: Gathered, paper: str) -> list[str]:
    """Seconds of one thread: of a run, and of all runs that are kept."""
    spent = [c for one in found.scores for c in one.costs if c.model == paper]
    if not spent:
        return ["No run of the paper's model is part of the evidence yet. What each claim would cost stands beside it."]
    sized = _trained(found, paper)
    rows = [[f"`{c.corpus}`", f"{c.runs:,}", f"{c.seconds / c.runs:.1f}", costs.duration(c.seconds),
             f"{sized[c.corpus]:,}" if c.corpus in sized else ""] for c in spent]
    return [*pipes(["corpus", "runs", "seconds a run", "processor time", "parameters"], rows), "",
            f"Together {plural(sum(c.runs for c in spent), 'run')} of the model in all its settings: "
            f"{costs.duration(sum(c.seconds for c in spent))} of one thread."]


def name_of(paper: str) -> str:
    """The file name of a paper's page."""
    return f"{file_name(paper)}.md"
