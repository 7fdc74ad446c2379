"""The errors that a user can cause and mend.

Every one is a single line that says where, what and what to do; the command line prints it and exits with
status 2. Anything else that escapes is a bug of ours and keeps its traceback.
"""


class ErclabError(Exception):
    """A problem that the user can mend.

    Args:
        problem: what is wrong, in one sentence without a final full stop.
        where: file, row, dialogue, field or option that it was found in.
        remedy: what to do about it.
    """

    def __init__(self, problem: str, *, where: str = "", remedy: str = ""):
        self.problem, self.where, self.remedy = problem, str(where), remedy
        line = f"{where}: {problem}" if where else problem
        super().__init__(" ".join(f"{line}. {remedy}".split()) if remedy else " ".join(line.split()))


class UsageError(ErclabError):
    """An option, name or combination that does not exist."""


class CorpusError(ErclabError):
    """A corpus, file or folder that cannot be read or does not make sense."""


class FeatureError(ErclabError):
    """Features that cannot be computed or loaded."""


class RunError(ErclabError):
    """A run that cannot be trained, stored or loaded."""


class NotebookError(ErclabError):
    """A notebook that cannot be executed as asked."""


def unknown(kind: str, name: object, known) -> UsageError:
    """The error for a name that is not in `known`: says what there is, and which one was perhaps meant."""
    import difflib

    known = [str(k) for k in known]
    near = difflib.get_close_matches(str(name), known, n=1)
    guess = f"Did you mean '{near[0]}'? " if near else ""
    return UsageError(f"unknown {kind} '{name}'", remedy=f"{guess}There is: {', '.join(known)}.")
