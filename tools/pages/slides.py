#!/usr/bin/env python3
"""Make the slide decks that notebooks/slides.toml declares, each one HTML file that needs nothing beside it.

    python tools/pages/slides.py [FOLDER]      (default: build/slides; what `make slides` runs)

Every sentence, equation, table and figure of a slide is copied from a committed notebook; no notebook is executed.
"""

from __future__ import annotations

import html
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from nbformat import NotebookNode
from render import EQUATION, FIGURE, HERE, ROOT, NotebookError, command, equation, markdown, read, title

DECKS = ROOT / "notebooks" / "slides.toml"
PARTS = ("question", "answer")
SHOWN = ("figure", "equation", "table")
SENTENCE = re.compile(r"(?:(?<=[.?!])|(?<=[.?!][\")*]))\s+(?=[A-Z(\[*`$\"])")
KEYS = {"notebook", "part", "title", "say", *SHOWN}
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{slides}
<script>
{script}</script>
</body>
</html>
"""


def decks(path: Path = DECKS) -> list[dict]:
    """The declared decks: name, title, and the slides as they are declared.

    Raises:
        NotebookError: the file is not TOML, or a slide has a key that does not exist or shows more than one thing.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))["deck"]
    except (tomllib.TOMLDecodeError, KeyError, UnicodeDecodeError) as error:
        raise NotebookError(f"not a list of decks ({error})", where=path, remedy="Correct the file.") from None
    for deck in found:
        for at, slide in enumerate(deck["slide"], 1):
            wrong = sorted(slide.keys() - KEYS)
            if wrong or not {"notebook", "part"} <= slide.keys() or sum(key in slide for key in SHOWN) > 1:
                problem = f"unknown: {', '.join(wrong)}" if wrong else "it needs notebook, part, and one thing to show"
                raise NotebookError(f"deck {deck['name']}, slide {at}: {problem}", where=path,
                                    remedy=f"There is: {', '.join(sorted(KEYS))}.")
    return found


@cache
def notebook_of(name: str) -> NotebookNode:
    """A committed notebook by its name, such as 12_sdt.

    Raises:
        NotebookError: there is none of that name.
    """
    path = ROOT / "notebooks" / f"{name}.ipynb"
    if not path.exists():
        raise NotebookError(f"no notebook '{name}'", where=DECKS, remedy="Correct the name.")
    return read(path)


def cells_of(notebook: NotebookNode, part: str) -> list[NotebookNode]:
    """The cells of a part: the question of the first cell, the section "Answer" with the texts that its cells have made
    (in a notebook without one: the answer of the first cell), or a section by the beginning of its heading.

    A section reaches to the next heading; a cell with a heading in its middle is cut there.
    """
    made = cells_of(notebook, "Answer") if part == "answer" else []
    if made:
        texts = [output.data["text/markdown"] for cell in made for output in cell.get("outputs", ())
                 if "text/markdown" in output.get("data", {})]
        return [NotebookNode(cell_type="markdown", source=text) for text in texts] + made[1:]
    if part in PARTS:
        found = re.search(rf"^\*\*{part.capitalize()}\.\*\* (.+)$", notebook.cells[0].source, re.MULTILINE)
        return [NotebookNode(cell_type="markdown", source=found[1])] if found else []
    found, within = [], False
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            if within:
                found.append(cell)
            continue
        for text in re.split(r"(?m)^(?=#+ )", cell.source):
            heading = re.match(r"#+ (.*)", text)
            if heading:
                within = heading[1].startswith(part)
            if within and text.strip():
                found.append(NotebookNode(cell_type="markdown", source=text))
    return found


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown text, without headings, tables, code blocks and signs of lists."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    lines = [line for line in text.splitlines() if not re.match(r"#+ |\|", line)]
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", "\n".join(lines))
    blocks = [" ".join(re.sub(r"^\s*(?:[-*]|\d+\.) ", "", block).split()) for block in blocks]
    return [s for block in blocks for s in SENTENCE.split(block) if s]


def one(found: list, what: str, slide: dict):
    """The only element of a list.

    Raises:
        NotebookError: there is none, or there are several.
    """
    if len(found) != 1:
        raise NotebookError(f"{what}: {len(found)} found in '{slide['part']}' of {slide['notebook']}, not one",
                            where=DECKS, remedy="Say it as the notebook does today.")
    return found[0]


def content(slide: dict) -> tuple[str, str]:
    """The heading of a slide, and its HTML.

    Raises:
        NotebookError: something that is declared does not exist in the notebook, or exists more than once.
    """
    notebook = notebook_of(slide["notebook"])
    cells = cells_of(notebook, slide["part"])
    if not cells:
        raise NotebookError(f"no part '{slide['part']}'", where=f"{slide['notebook']}.ipynb",
                            remedy=f"Correct {DECKS}.")
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    said = [s for text in texts for s in sentences(text)]
    beginnings = slide.get("say", [])
    chosen = [one([s for s in said if s.startswith(start)], f"a sentence '{start}'", slide) for start in beginnings]
    if slide["part"] in PARTS:
        heading = slide["part"].capitalize()
        chosen = chosen or said
        chosen = [" ".join(chosen)] if slide["part"] == "question" else chosen
    else:
        heading = re.sub(r"^#+ ", "", texts[0].splitlines()[0])
    shown = "".join(_shown(kind, slide, cells) for kind in SHOWN if kind in slide)
    words = "\n".join(f"<li>{_inline(s)}</li>" if len(chosen) > 1 else _inline(s, "p") for s in chosen)
    return slide.get("title", heading), (f"<ul>\n{words}\n</ul>\n" if len(chosen) > 1 else words) + shown


def _inline(text: str, tag: str = "") -> str:
    """A sentence as HTML."""
    made = re.sub(r"^<p>|</p>$", "", markdown(re.sub(r"^(\d+)\. ", r"\1\\. ", text), "notebooks/slides", {}).strip())
    return f"<{tag}>{made}</{tag}>\n" if tag else made


def _shown(kind: str, slide: dict, cells: list[NotebookNode]) -> str:
    """The figure, table or equations of a slide."""
    if kind == "equation":
        everything = [(a or b).strip() for cell in cells if cell.cell_type == "markdown"
                      for a, b in EQUATION.findall(cell.source)]
        everything = [re.sub(r"^\\[;,:]\s*|^\\quad\s*|,$", "", latex) for latex in everything]
        starts = [slide[kind]] if isinstance(slide[kind], str) else slide[kind]
        return "".join(f'<div class="equation">{equation(latex, "block")}</div>\n' for latex in (
            one([e for e in everything if e.startswith(start)], f"an equation '{start}'", slide) for start in starts))
    outputs = [output for cell in cells for output in cell.get("outputs", ()) if "data" in output]
    if kind == "figure":
        named = [o for o in outputs if "image/png" in o.data and slide[kind] in FIGURE.findall(o.data["text/plain"])]
        output = one(named, f"a figure '{slide[kind]}'", slide)
        source = output.data["image/png"].replace("\n", "")
        return f'<img src="data:image/png;base64,{source}" alt="{html.escape(output.metadata["alt"])}">\n'
    tables = [o.data["text/html"] for o in outputs if "<table" in o.data.get("text/html", "")]
    table = one(tables[slide[kind] - 1: slide[kind]], f"table {slide[kind]}", slide)
    return f'<div class="table">{re.sub(r"(?s)<style.*?</style>", "", table)}</div>\n'


def slides(deck: dict) -> Iterator[str]:
    """The slides of a deck as HTML, its title first.

    Raises:
        NotebookError: as `content` does.
    """
    names = list(dict.fromkeys(slide["notebook"] for slide in deck["slide"]))
    titles = {name: title(notebook_of(name).cells[0].source, name) for name in names}
    listed = "".join(f"<li><code>{name}</code> {_inline(titles[name])}</li>" for name in names)
    yield f"<h1>{html.escape(deck['title'])}</h1>\n<ul>{listed}</ul>"
    for slide in deck["slide"]:
        heading, inner = content(slide)
        kind = slide["part"] if slide["part"] in PARTS else "part"
        above = f'<p class="above">{slide["notebook"]}: {_inline(titles[slide["notebook"]])}</p>'
        yield f'{above}\n<h2 class="{kind}">{_inline(heading)}</h2>\n{inner}'


def page(deck: dict) -> str:
    """A deck as one HTML page.

    Raises:
        NotebookError: as `content` does.
    """
    made = list(slides(deck))
    sections = "\n".join(
        f'<section id="s{at}" aria-label="Slide {at} of {len(made)}"><div class="slide">\n{inner}\n</div>'
        f'<p class="number">{at} / {len(made)}</p></section>' for at, inner in enumerate(made, 1))
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("slides.css", "slides.js"))
    return PAGE.format(title=html.escape(deck["title"]), style=style, slides=sections, script=script)


def write(out: Path, path: Path = DECKS) -> list[Path]:
    """Write every declared deck into a folder; returns the files.

    Raises:
        NotebookError: as `decks` and `content` do.
    """
    made = {deck["name"]: page(deck) for deck in decks(path)}
    out.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (out / f"{name}.html").write_text(text, encoding="utf-8")
    return [out / f"{name}.html" for name in made]


def main(arguments: list[str]) -> int:
    """Write the decks, or say in one line why not; returns the exit code."""
    def told(out: Path, written: list[Path]) -> str:
        heading = f"{len(written)} slide decks (arrow keys turn the slides; print gives a PDF):"
        return "\n".join([heading, *(f"  {path}" for path in written)])

    return command("slides", write, told, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
