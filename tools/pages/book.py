#!/usr/bin/env python3
"""Make the book: the committed notebooks, the syllabus, the glossary and the pages per paper as a static site.

    python tools/pages/book.py [FOLDER]      (default: build/book; what `make book` runs)

No notebook is executed, and a page loads nothing but the style sheet beside it.
"""

from __future__ import annotations

import html
import posixpath
import shutil
import sys
from pathlib import Path

from render import HERE, ROOT, Exporter, NotebookError, colours, command, markdown, read, title

SYLLABUS = "notebooks/README.md"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="{style}">
</head>
<body>
<a class="skip" href="#page">Skip to the page</a>
<main id="page">
<nav class="around" aria-label="Previous and next page">{around}</nav>
{body}
<nav class="around" aria-label="Previous and next page, again">{around}</nav>
</main>
<nav class="contents" id="contents" aria-label="Contents">
{contents}
</nav>
</body>
</html>
"""


def sources(root: Path = ROOT) -> dict[str, str]:
    """Path of each source in the repository -> path of its page in the book, in the book's order."""
    folder = root / "notebooks"
    found = [*sorted(folder.glob("[0-9][0-9]_*.ipynb")), folder / "glossary.md", *sorted(folder.glob("reports/*.md"))]
    names = [path.relative_to(root).as_posix() for path in found]
    return {SYLLABUS: "index.html"} | {
        name: posixpath.splitext(posixpath.relpath(name, "notebooks"))[0] + ".html" for name in names}


def body(source: str, pages: dict[str, str], root: Path = ROOT) -> tuple[str, str]:
    """The heading of a page, and its HTML without what is around it.

    Raises:
        NotebookError: not a notebook, a link that leads nowhere, or an equation that cannot be converted.
    """
    path = root / source
    try:
        if path.suffix == ".ipynb":
            notebook = read(path)
            return title(notebook.cells[0].source, path.stem), Exporter(source, pages).from_notebook_node(notebook)[0]
        text = path.read_text(encoding="utf-8")
        return title(text, path.stem), markdown(text, source, pages)
    except NotebookError as error:
        raise NotebookError(error.problem, where=error.where or source, remedy=error.remedy) from None


def page(source: str, pages: dict[str, str], titles: dict[str, str], inner: str) -> str:
    """A whole page: contents at its side, previous and next above and below."""
    here = pages[source]

    def link(name: str, before: str = "", after: str = "") -> str:
        to = posixpath.relpath(pages[name], posixpath.dirname(here) or ".")
        current = ' aria-current="page"' if name == source else ""
        return f'<a href="{to}"{current}>{before}{html.escape(_label(name, titles[name]))}{after}</a>'

    names = list(pages)
    at = names.index(source)
    around = "".join((
        link(names[at - 1], before="← ") if at else "<span></span>",
        '<a href="#contents">Contents</a>',
        link(names[at + 1], after=" →") if at + 1 < len(names) else "<span></span>"))
    contents = "<ul>\n" + "\n".join(f"<li>{link(name)}</li>" for name in names) + "\n</ul>"
    style = posixpath.relpath("book.css", posixpath.dirname(here) or ".")
    return PAGE.format(title=html.escape(titles[source]), style=style, contents=contents, around=around, body=inner)


def _label(source: str, heading: str) -> str:
    """A heading as a line of the contents, which has the notebook's number."""
    name = posixpath.basename(source)
    return f"{name[:2]} {heading}" if source.endswith(".ipynb") else heading


def write(out: Path, root: Path = ROOT) -> list[Path]:
    """Write the book into a folder, in place of the pages of an older book; returns the pages.

    Raises:
        NotebookError: as `body` does.
    """
    pages = sources(root)
    made = {source: body(source, pages, root) for source in pages}
    titles = {source: heading for source, (heading, _) in made.items()}
    shutil.rmtree(out / "reports", ignore_errors=True)
    for old in out.glob("*.html"):
        old.unlink()
    written = []
    for source, (_, inner) in made.items():
        path = out / pages[source]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(source, pages, titles, inner), encoding="utf-8")
        written.append(path)
    style = (HERE / "book.css").read_text(encoding="utf-8")
    (out / "book.css").write_text(style + colours() + "\n", encoding="utf-8")
    return written


def main(arguments: list[str]) -> int:
    """Write the book, or say in one line why not; returns the exit code."""
    def told(out: Path, written: list[Path]) -> str:
        return f"The book, {len(written)} pages: {out / 'index.html'}"

    return command("book", write, told, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
