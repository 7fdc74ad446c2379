"""The page of a predicted conversation: safe, complete, offline, readable in the dark."""

from html.parser import HTMLParser

import pandas as pd
import pytest

from erclab.face import page


class Reader(HTMLParser):
    """Collects tags, attributes and text; refuses tags that do not close."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        """Note the tag."""
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        """The tag must be the last that was opened."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Note the text."""
        self.text.append(data)


def table(columns, values, **more):
    return pd.DataFrame({"dialogue": ["a", "a"], "turn": [0, 1], "speaker": ["<script>alert(1)</script>", "ل"],
                         "text": ["x & y \"z\"", ""], **dict(zip(columns, values, strict=True)), **more})


def read(made):
    reader = Reader()
    reader.feed(made)
    assert reader.open == []
    return reader


@pytest.fixture
def made():
    return page.render(table(["joy", "<sad>"], [[0.9, 0.2], [0.1, 0.8]], label=["joy", "<sad>"],
                             **{"why: text": [0.5, -0.25], "why: text context": [0.1, 0.0],
                                "why: turn": pd.array([1, None], dtype="Int64"), "why: turn adds": [0.1, float("nan")],
                                "why: words": ["x +0.50", ""]}),
                       title="T & <t>", columns=["joy", "<sad>"], answer="label", notices=["a <note>"])


def test_it_is_one_safe_file_with_language_title_and_both_schemes(made):
    reader = read(made)
    tags = dict(reader.seen)
    assert tags["html"]["lang"] == "en" and "title" in tags and "prefers-color-scheme: dark" in made
    assert ("meta", {"charset": "utf-8"}) in reader.seen and "script" not in tags
    assert not any(name in attrs for _, attrs in reader.seen for name in ("src", "href"))
    assert "http" not in made and "url(" not in made
    text = "".join(reader.text)
    for part in ("T & <t>", "<script>alert(1)</script>", "x & y \"z\"", "<sad>", "note: a <note>", "(no text)", "90 %"):
        assert part in text
    assert "because of text +0.50; of it from other turns +0.10, most from turn 1 (+0.10); words: x +0.50" in text


def test_a_bar_is_as_long_as_the_probability(made):
    assert made.count("width:90.0%") == 1 and made.count("width:20.0%") == 1


def test_numbers_have_bars_to_both_sides():
    made = page.render(table(["valence"], [[2.0, -1.0]]), title="t", columns=["valence"], likely=False)
    assert 'class="bars"' in made and "most" not in made.partition("</style>")[2]  # no number is the answer
    assert "left:50.0%;width:50.0%" in made and "left:25.0%;width:25.0%" in made and "-1.00" in made
    read(made)


def test_a_swatch_stands_beside_its_name(made):
    assert '<p class="legend"><span><span class="swatch"' in made  # the margin is of the pair, not of the swatch
    assert ".legend > span {" in made and ".legend span" not in made


def test_forty_labels_are_told_apart():
    names = [f"e{i}" for i in range(32)]
    assert len({page._background(i) for i in range(32)}) == 32
    read(page.render(table(names, [[1 / 32] * 2] * 32), title="t", columns=names))
