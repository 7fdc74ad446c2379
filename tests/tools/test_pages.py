"""The book and the slides: every equation, figure and link of the committed notebooks, without a network."""

import json
import posixpath
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("latex2mathml", reason="equations of the book come with the extra `notebooks`")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "pages"))

import book  # noqa: E402
import render  # noqa: E402
import slides  # noqa: E402

from erclab.core.errors import NotebookError  # noqa: E402

PAGES = book.sources()
OF_THE_BOOK = re.compile(r"data:image/png;base64,|(\.\./)?book\.css$")


class Read(HTMLParser):
    """What a browser loads for a page, where the links lead, and what is said instead of an image."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.ids, self.words, self.sections = [], [], set(), [], 0
        self.feed(text)
        styles = "".join(re.findall(r"(?s)<style.*?</style>", text))
        self.loaded += re.findall(r"@import[^;]*|url\([^)]*\)", styles)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        self.sections += tag == "section"
        self.loaded += [found[name] for name in ("src", "srcset", "poster", "data") if found.get(name)]
        if tag == "link":
            self.loaded.append(found["href"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "img":
            self.words.append(found.get("alt") or "")

    def elsewhere(self):
        return [source[:80] for source in self.loaded if not OF_THE_BOOK.match(source)]


def notebook(folder, source="", alt=None, printed="<figure 05_made>"):
    """A notebook with one text and one figure, as a file."""
    output = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0K", "text/plain": printed},
                                    metadata={"image/png": {"alt": alt}} if alt else {})
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# A made page\n\n## The sum\n\n{source}"),
                                           nbformat.v4.new_code_cell("draw()", outputs=[output])])
    (folder / "notebooks").mkdir(exist_ok=True)
    nbformat.write(made, folder / "notebooks" / "05_made.ipynb")
    return "notebooks/05_made.ipynb"


def test_every_equation_of_the_notebooks_becomes_mathml():
    found = set()
    for source in PAGES:
        if source.endswith(".ipynb"):
            for cell in json.loads((ROOT / source).read_text(encoding="utf-8"))["cells"]:
                if cell["cell_type"] == "markdown":
                    found |= {block or inline for block, inline in render.EQUATION.findall("".join(cell["source"]))}
    assert len(found) > 100
    for latex in found:
        made = render.equation(latex)
        assert made.startswith("<math alttext=") and made.endswith("</math>"), latex


def test_words_and_script_letters_are_one_sign_each():
    made = render.equation(r"\mathrm{softmax}(x) \; \mathcal L \; \mathcal C \; \arg\max_c n_c")
    assert "<mi>softmax</mi>" in made and "<mi>ℒ</mi>" in made and "<mi>𝒞</mi>" in made and "arg&#x02009;max" in made


@pytest.mark.parametrize("latex", [r"\left( x", r"\nosuchcommand x"])
def test_an_equation_that_cannot_be_converted_is_one_line(latex):
    with pytest.raises(NotebookError, match=r"^\$\\(left|nosuch).*\$ (is no equation|has a command)"):
        render.equation(latex)


def test_a_page_of_the_book_is_whole_without_a_network():
    source = "notebooks/27_missing_modalities.ipynb"
    heading, inner = book.body(source, PAGES)
    read = Read(book.page(source, PAGES, dict.fromkeys(PAGES, "title") | {source: heading}, inner))
    assert heading == "What if a modality is missing?"
    assert read.words and all(read.words) and not read.elsewhere()
    assert {link for link in read.links if not link.startswith("#")} <= set(PAGES.values())
    assert [link for link in read.links if link in ("26_distillation.html", "28_transfer.html")] != []
    assert "class=\"output_png" in inner and "<script" not in inner


def test_the_syllabus_leads_to_the_pages_of_the_book():
    read = Read(book.body(book.SYLLABUS, PAGES)[1])
    pages = {link for link in read.links if not re.match("[a-z]+:|#", link)}
    assert pages <= set(PAGES.values())
    assert {page for page in PAGES.values() if page != "index.html"} <= pages, "a page that the syllabus does not name"


def test_links_to_notebooks_become_pages_and_files_become_paths():
    text = "`03_oracle`, [SDT](../12_sdt.ipynb#train-it), [the model](../../erclab/models/m2fnet.py), [x](mailto:a@b)"
    made = render.markdown(text, "notebooks/reports/sdt.md", PAGES)
    assert Read(made).links == ["../03_oracle.html", "../12_sdt.html#train-it", "mailto:a@b"]
    assert 'the model <span class="file">(erclab/models/m2fnet.py)</span>' in made


def test_a_link_that_leads_nowhere_stops_the_book(tmp_path):
    source = notebook(tmp_path, "[gone](no_such_page.md)")
    with pytest.raises(NotebookError, match=r"05_made.ipynb: the link to no_such_page.md leads nowhere"):
        book.body(source, {source: "05_made.html"}, tmp_path)


@pytest.mark.parametrize(("alt", "printed", "words"), [
    ("Bars: 3 and 4", "<figure 05_made>", "Bars: 3 and 4"), (None, "<figure 05_made>", "Figure 05_made: The sum"),
    (None, "<Figure size 3x4>", "Figure: The sum")])
def test_a_figure_has_its_own_words_or_its_name_and_heading(tmp_path, alt, printed, words):
    source = notebook(tmp_path, "$a + b$", alt, printed)
    read = Read(book.body(source, {source: "05_made.html"}, tmp_path)[1])
    assert read.words == [words] and not read.elsewhere()


@pytest.mark.slow
def test_the_whole_book(tmp_path):
    """Each page is reached by `next`, no link inside it is dead, no figure without words, nothing is loaded."""
    (tmp_path / "99_old.html").write_text("of an older book", encoding="utf-8")
    written = book.write(tmp_path)
    assert not (tmp_path / "99_old.html").exists() and written[0] == tmp_path / "index.html"
    pages = {path.relative_to(tmp_path).as_posix(): Read(path.read_text(encoding="utf-8")) for path in written}
    assert sum(len(read.words) for read in pages.values()) > 80
    for name, read in pages.items():
        assert all(read.words) and not read.elsewhere(), name
        for link in read.links:
            if not re.match("[a-z]+:", link):
                to, _, fragment = link.partition("#")
                to = posixpath.normpath(posixpath.join(posixpath.dirname(name), to)) if to else name
                assert to in pages and (not fragment or fragment in pages[to].ids), (name, link)
    assert "http" not in (tmp_path / "book.css").read_text(encoding="utf-8")


def test_three_decks_of_questions_and_answers(tmp_path):
    written = slides.write(tmp_path)
    assert len(written) == 3
    for deck, path in zip(slides.decks(), written, strict=True):
        read = Read(path.read_text(encoding="utf-8"))
        assert 8 <= read.sections <= 20 and read.sections == len(deck["slide"]) + 1
        assert read.words and all(read.words) and not read.elsewhere()
        order = [(slide["notebook"], slide["part"]) for slide in deck["slide"]]
        for name in {name for name, _ in order}:
            at = [i for i, (there, _) in enumerate(order) if there == name]
            assert at == list(range(at[0], at[-1] + 1)), "a notebook's slides stand together"
            assert (order[at[0]][1], order[at[-1]][1]) == ("question", "answer")
        shown = {kind for slide in deck["slide"] for kind in slides.SHOWN if kind in slide}
        assert shown == {"equation", "figure", "table"}


def test_an_answer_is_what_the_last_section_has_made():
    made = slides.cells_of(slides.notebook_of("01_corpora"), "answer")
    assert made[0].source.startswith("- **Seen:** of an utterance of *simulated*")
    assert not [cell for cell in made if cell.source.startswith("#")]


@pytest.mark.parametrize(("slide", "problem"), [
    ({"notebook": "12_nothing", "part": "question"}, "no notebook '12_nothing'"),
    ({"notebook": "01_corpora", "part": "No such section"}, "no part 'No such section'"),
    ({"notebook": "01_corpora", "part": "A batch", "say": ["Nobody wrote"]}, "a sentence 'Nobody wrote': 0 found"),
    ({"notebook": "01_corpora", "part": "A batch", "figure": "01_labels_simulated"}, "a figure '01_labels.*: 0 found"),
    ({"notebook": "01_corpora", "part": "A batch", "table": 1}, "table 1: 0 found"),
    ({"notebook": "03_oracle", "part": "The generative", "equation": "p("}, "an equation 'p.': [2-9] found")])
def test_a_slide_of_what_is_not_there_is_refused(slide, problem):
    with pytest.raises(NotebookError, match=problem):
        slides.content(slide)


def test_a_declaration_with_two_ideas_or_an_unknown_key_is_refused(tmp_path):
    path = tmp_path / "slides.toml"
    start = '[[deck]]\nname = "a"\ntitle = "A"\n[[deck.slide]]\nnotebook = "01_corpora"\npart = "A batch"\n'
    for rest, problem in (('figure = "x"\ntable = 1', "one thing to show"), ('fig = "x"', "unknown: fig"),
                          ("figure = ", "not a list of decks")):
        path.write_text(start + rest, encoding="utf-8")
        with pytest.raises(NotebookError, match=problem):
            slides.decks(path)


def test_sentences_end_where_a_reader_ends_them():
    text = ('## Heading\n\nOne (Mao et al. 2020, "My sandwich.") is one. Two says "no." Three?\n\n| a | b |\n\n'
            "1. Four: `x.y`.\n2. Five.")
    assert slides.sentences(text) == ['One (Mao et al. 2020, "My sandwich.") is one.', 'Two says "no."', "Three?",
                                      "Four: `x.y`.", "Five."]
