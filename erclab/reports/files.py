"""Which files are generated; write them, and find those that are stale.

    data/results/claims/scores.json       scores with intervals, see `scores`
    data/results/claims/multiverse.json   verdicts under other choices, see `erclab.claims.multiverse`
    notebooks/reports/PAPER.md            a page per paper
    figures/ledger.svg                    the ledger as a figure
    README.md                             the parts between `<!-- begin: NAME (erclab report) -->` and its end
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from erclab.claims import book as books
from erclab.claims import multiverse
from erclab.core import paths
from erclab.core.errors import RunError, UsageError, unknown
from erclab.core.storage import write_atomically
from erclab.core.storing import storing
from erclab.reports import ledger, page, readme
from erclab.reports import scores as kept
from erclab.reports.gathered import Gathered, gather
from erclab.reports.scores import FIVE

README = "readme"
BEGIN, END = "<!-- begin: {} (erclab report) -->", "<!-- end: {} -->"


def asked_for(names: Sequence[str]) -> tuple[str, ...]:
    """What a user names: papers by the names of their models, or "readme"; everything without a name.

    Raises:
        UsageError: there is no such paper.
    """
    known = {name.casefold().replace("_", "-"): name for name in (*FIVE, README)}
    for name in names:
        if name.casefold().replace("_", "-") not in known:
            raise unknown("report", name, known)
    return tuple(dict.fromkeys(known[n.casefold().replace("_", "-")] for n in names)) or (*FIVE, README)


def write_reports(names: Sequence[str] = (), out: Path | None = None, where: Path | None = None, *, again: bool = False
          ) -> list[Path]:
    """Write what is named; only files that change are touched.

    Args:
        out: a folder for all of it, with the README's parts as README.md; the places of the checkout by default.
        where: the evidence; `data/results/claims` by default.
        again: compute all scores and other choices again.

    Returns:
        The files that changed.

    Raises:
        UsageError: an unknown name, or a README without the marks of a part.
        RunError: evidence is damaged, or a file cannot be written.
    """
    asked = asked_for(names)
    found = gather(where, again=again)
    files = made(found, asked, out)
    if out is None:
        files[(where or books.folder()) / kept.FILE] = kept.as_text(found.scores).encode()
        files[(where or books.folder()) / multiverse.FILE] = multiverse.as_text(multiverse.of_corpora(
            found.book, multiverse.judged_corpora(where), where, again=again)).encode()
    changed = [path for path, content in files.items() if not path.exists() or path.read_bytes() != content]
    for path in changed:
        with storing("the report", path, "Free some space or choose another folder (--out).", RunError):
            write_atomically(path, files[path])
    return changed


def stale_files(names: Sequence[str] = (), out: Path | None = None, where: Path | None = None) -> list[str]:
    """A line for each file that is not what would be written, or whose numbers are of other evidence.

    The figure is compared by the digest of what it shows, so that another version of Matplotlib does not count.
    """
    asked = asked_for(names)
    found = gather(where, compute=False)
    scores = (where or books.folder()) / kept.FILE
    lines = [f"{scores}: other evidence of {name}" for name in kept.outdated(found.book, where)]
    choices = (where or books.folder()) / multiverse.FILE
    lines += [f"{choices}: other evidence or rules of {name}"
              for name in multiverse.outdated(found.book, multiverse.judged_corpora(where), where)]
    for path, content in made(found, asked, out, draw=False).items():
        if not path.exists():
            lines.append(f"{path}: missing")
        elif path.suffix == ".svg":
            lines += [] if content in path.read_bytes() else [f"{path}: shows other verdicts"]
        elif path.read_bytes() != content:
            lines.append(f"{path}: {_first_difference(path.read_bytes(), content)}")
    return lines


def made(found: Gathered, names: Sequence[str], out: Path | None = None, *, draw: bool = True) -> dict[Path, bytes]:
    """The files of what is named, with their content; without `draw` the digest of the figure's data instead of it."""
    root, pages = paths.project_root(), out or paths.notebooks_dir() / "reports"
    files = {pages / page.name_of(name): page.page_of(found, name).encode() for name in names if name != README}
    if README in names:
        parts = readme.generated(found)
        given = root / "README.md"
        text = "\n\n".join(f"{BEGIN.format(n)}\n{END.format(n)}" for n in parts) + "\n" if out else _read(given)
        for name, content in parts.items():
            text = with_part(text, name, content, given)
        files[out / "README.md" if out else given] = text.encode()
        figure = ledger.picture(found) if draw else ledger.data_digest(found).encode()
        files[(out or root / "figures") / "ledger.svg"] = figure
    return files


def with_part(text: str, name: str, content: str, where: Path | str) -> str:
    """A text with another content between the marks of a part.

    Raises:
        UsageError: the text does not have each of the two marks once, in their order.
    """
    begin, end = BEGIN.format(name), END.format(name)
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise UsageError(f"the generated part '{name}' has no place", where=str(where),
                         remedy=f"Add the lines {begin} and {end} where it belongs, each once.")
    return f"{text.partition(begin)[0]}{begin}\n{content}\n{end}{text.partition(end)[2]}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read ({error})", where=str(path),
                         remedy="Run it in a checkout, or give --out.") from None


def _first_difference(old: bytes, new: bytes) -> str:
    a, b = (x.decode("utf-8", "replace").splitlines() for x in (old, new))
    line = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return f"differs from line {line + 1}"
