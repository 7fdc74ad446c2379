"""Questions with names: the runs behind a table or figure, as plain data that can be planned, run or loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from erclab import models
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.runs.spec import RunSpec, plan


@dataclass(frozen=True)
class Question:
    """A model in one setting, over several seeds.

    Attributes:
        model: a key of `MODELS`.
        settings: what `erclab.runs.plan` takes beside corpus, seeds and profile: `modalities`, `task`, `variant`, and
            settings of the model or its recipe.
        teacher: the name of an earlier question, whose first run is the frozen teacher of this one; "" for none.
        on_other: the question is about the second corpus, where a table needs two.
    """

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    teacher: str = ""
    on_other: bool = False


def word_baselines(corpus: Corpus) -> tuple[str, ...]:
    """The baselines that read the words themselves; none for a corpus without words."""
    return tuple(name for name, info in models.MODELS.items() if info.view == "text") if corpus.has_words else ()


def plan_all(questions: Mapping[str, Question], corpus: Corpus, other: Corpus | None = None, *,
             seeds: int | Iterable[int] = 1, profile: str = "smoke") -> dict[str, list[RunSpec]]:
    """Name -> the runs of each question, one per seed.

    Args:
        other: the second corpus, for questions `on_other`.

    Raises:
        UsageError: see `plan`; there is no second corpus; a teacher that is no earlier question.
    """
    found: dict[str, list[RunSpec]] = {}
    for name, question in questions.items():
        found[name] = plan(question.model, asked_of(question, corpus, other), seeds=seeds, profile=profile,
                           **taught(question, found), **question.settings)
    return found


def asked_of(question: Question, corpus: Corpus, other: Corpus | None) -> Corpus:
    """The corpus of a question.

    Raises:
        UsageError: it is the second one, and there is none.
    """
    if not question.on_other:
        return corpus
    if other is None:
        raise UsageError("this needs a second corpus", remedy="Give one (--other, with --other-data where it needs "
                         "a folder).")
    return other


def taught(question: Question, earlier: Mapping[str, list]) -> dict[str, Any]:
    """The argument `teacher` of `plan`: none, or the first run (a spec or a record) of an earlier question.

    Raises:
        UsageError: there is no such question before this one.
    """
    if not question.teacher:
        return {}
    if question.teacher not in earlier:
        raise UsageError(f"the teacher '{question.teacher}' is no earlier question")
    return {"teacher": earlier[question.teacher][0].id}
