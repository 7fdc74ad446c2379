"""What the book and the slides share: equations as MathML, links that lead somewhere, figures with words.

Nothing here executes a notebook, and what is written loads nothing from the network.
"""

from __future__ import annotations

import html
import posixpath
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # the package of this checkout, whatever is installed

from erclab.core.errors import NotebookError  # noqa: E402

FIGURE = re.compile(r"<figure ([\w-]+)>")
EQUATION = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$(?!\$)", re.DOTALL)


def equation(latex: str, display: str = "inline") -> str:
    """An equation as MathML, which browsers draw by themselves; its LaTeX stays as the alternative text.

    Raises:
        NotebookError: latex2mathml is not installed, or a command of the equation is not one that it has.
    """
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise NotebookError("latex2mathml is not installed", remedy="Run: make env") from None
    latex = " ".join(latex.split())
    try:
        made = convert(re.sub(r"\\arg\s*\\(max|min)", r"\\arg\1", latex), display=display)
    except Exception as error:  # latex2mathml raises a class of its own per mistake
        raise NotebookError(f"${latex}$ is no equation ({type(error).__name__})",
                            remedy="Correct it in the notebook.") from None
    unknown = re.search(r"\\[A-Za-z]+", re.sub(r"<[^>]*>", "", made))
    if unknown:
        raise NotebookError(f"${latex}$ has a command without a sign in MathML: {unknown[0]}",
                            remedy="Write it with a simpler command.")
    # Browsers have no script letters of their own, and a word is one identifier, not one per letter.
    made = re.sub(r'<mi mathvariant="script">([A-Z])</mi>', lambda m: f"<mi>{_script(m[1])}</mi>", made)
    word = re.compile(r'(?:<mi mathvariant="normal">\w</mi>){2,}')
    made = word.sub(lambda m: f"<mi>{re.sub('<[^>]*>', '', m[0])}</mi>", made)
    return made.replace("<math ", f'<math alttext="{html.escape(latex)}" ', 1)


def _script(letter: str) -> str:
    try:
        return unicodedata.lookup(f"SCRIPT CAPITAL {letter}")
    except KeyError:
        return unicodedata.lookup(f"MATHEMATICAL SCRIPT CAPITAL {letter}")


class Renderer(IPythonRenderer):
    """Markdown of one page to HTML.

    Args:
        source: path of the page's source in the repository, such as notebooks/12_sdt.ipynb.
        pages: path of a source in the repository -> path of its page in the book.
    """

    def __init__(self, source: str, pages: Mapping[str, str]):
        super().__init__(escape=False, anchor_link_text="#")
        self.source, self.pages = source, pages

    def block_math(self, body: str) -> str:
        return f'<div class="equation">{equation(body, "block")}</div>'

    def inline_math(self, body: str) -> str:
        return equation(body)

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def codespan(self, text: str) -> str:
        """Code; the name of a notebook in it is a link to that notebook's page."""
        named = self.pages.get(f"notebooks/{text}.ipynb")
        code = super().codespan(text)
        return f'<a href="{self._to(named)}">{code}</a>' if named and self.source in self.pages else code

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link to a page of the book or out of it; what names a file of the repository becomes its path."""
        if re.match(r"[a-z]+:|#", url):
            return super().link(text, url, title)
        name, _, fragment = url.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(self.source), name))
        if target in self.pages and self.source in self.pages:
            return super().link(text, self._to(self.pages[target]) + (f"#{fragment}" if fragment else ""), title)
        if not (ROOT / target).exists():
            raise NotebookError(f"the link to {url} leads nowhere", where=self.source, remedy="Correct the link.")
        return f'{text} <span class="file">({target})</span>' if target not in text else text

    def _to(self, page: str) -> str:
        return posixpath.relpath(page, posixpath.dirname(self.pages[self.source]) or ".")


def markdown(text: str, source: str, pages: Mapping[str, str]) -> str:
    """Markdown with equations to HTML; see Renderer."""
    return MarkdownWithMath(renderer=Renderer(source, pages)).render(text)


class Exporter(HTMLExporter):
    """nbconvert's HTML of a notebook, a fragment without nbconvert's page, scripts and style."""

    def __init__(self, source: str, pages: Mapping[str, str]):
        super().__init__(template_name="basic")
        self.exclude_input_prompt = self.exclude_output_prompt = True
        self.register_filter("markdown2html", lambda text: markdown(text, source, pages))


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook as it is committed, with words for every figure.

    The words are the output's own (metadata `alt`) if it has some; else the figure's name and the heading above it.

    Raises:
        NotebookError: not a notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises its own, json's and jsonschema's
        raise NotebookError(f"not a notebook ({str(error).splitlines()[0]})", where=path,
                            remedy="Restore the file (git checkout).") from None
    heading = path.stem
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)][-1]
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                own = output.metadata.get("image/png", {}).get("alt") or output.metadata.get("alt")
                output.metadata["alt"] = own or _words(output.data.get("text/plain", ""), heading)
    return notebook


def _words(printed: str, heading: str) -> str:
    name = FIGURE.search(printed)
    heading = re.sub(r"[`*$]", "", heading)
    return f"Figure {name[1]}: {heading}" if name else f"Figure: {heading}"


def title(text: str, instead: str) -> str:
    """The first heading of a page's Markdown."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else instead


def colours() -> str:
    """Colours of highlighted code for a light and for a dark screen."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def command(name: str, write: Callable[[Path], list[Path]], told: Callable[[Path, list[Path]], str],
            arguments: list[str]) -> int:
    """Write pages into a folder, build/NAME by default, and print what `told` says of them, or in one line why there
    are none; returns the exit code."""
    out = Path(arguments[0]) if arguments else ROOT / "build" / name
    try:
        written = write(out)
    except (NotebookError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    print(told(out, written))
    return 0
