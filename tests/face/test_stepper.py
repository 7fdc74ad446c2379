"""`erc.conversation` shows what corpus, runs and oracle have. `tests/browser` moves it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import erclab as erc
from erclab.core.errors import UsageError
from erclab.corpora.simulated import oracle, world_behind


class Cells(HTMLParser):
    """The rows of all tables, each a list of (text, data-p)."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.inside = [], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append(["", dict(attributes).get("data-p", "")])

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, text):
        if self.inside:
            self.rows[-1][-1][0] += text


@pytest.fixture(scope="module")
def runs(tiny, tmp_path_factory):
    return erc.run("linear", tiny, seeds=1, folder=tmp_path_factory.mktemp("runs"), progress=False)


def rows_of(shown):
    """Dialogue after dialogue, the rows below the heads."""
    return [row for row in Cells(shown.html).rows if row[0][0] != "turn"]


def test_it_shows_speaker_words_voice_face_truth_oracle_and_guesses(tiny, runs):
    shown = erc.conversation(tiny, runs, dialogues=2)
    at = tiny.rows("test")[:sum(shown.turns.values())]
    part, found = tiny.table.iloc[at], rows_of(shown)
    assert len(found) == len(at) and repr(shown) == "<conversation test-000, test-001 of simulated-tiny>"
    truth = [tiny.labels[k] for k in part["label"]]
    assert [row[0][0] for row in found] == list(part["turn"].astype(str))
    assert [row[1][0] for row in found] == [f"{s}: {t}" for s, t in zip(part["speaker"], part["text"], strict=True)]
    assert [row[2][0] for row in found] == [f"voice {a}, face {v}" for a, v in
                                            zip(part["audio_shown"], part["visual_shown"], strict=True)]
    assert [row[3][0] for row in found] == truth
    guesses = np.exp(runs[0].predictions("test")[:len(at)])
    world = world_behind(tiny)
    told = [oracle.posterior(tiny, world, context=c, split="test").label[:len(at)] for c in ("utterance", "dialogue")]
    for column, shares in enumerate([*told, guesses], 4):
        for row, p, label in zip(found, shares, truth, strict=True):
            best = tiny.labels[p.argmax()]
            assert row[column][0] == f"{'✓' if best == label else '✗'} {best} {100 * p.max():.0f} %"
            assert row[column][1] == " ".join(f"{100 * x:.0f}" for x in p)


def test_the_same_call_gives_the_same_bytes_and_no_foreign_address(tiny, runs):
    shown = erc.conversation(tiny, {"mine": runs, "again": runs[0]})
    assert shown.html == erc.conversation(tiny, {"mine": runs, "again": runs[0]})._repr_html_()
    assert "mine" in shown.html and "again" in shown.html and not re.search(r"https?:|src=", shown.html)
    assert len(shown.html) < 100_000


def test_it_is_readable_without_its_script_and_named_for_those_who_do_not_see_it(tiny):
    page = erc.conversation(tiny, dialogues=2).html
    bare = re.sub(r"(?s)<(script|style)>.*?</\1>", "", page)
    assert bare.count("<details open>") == 1 and bare.count("<details>") == 1
    assert not re.search("<(button|input|select|label)", bare)  # what would do nothing
    named = set(re.findall(r'[\w-]+="[^"]*"', bare))
    assert {'role="group"', 'aria-live="polite"', 'scope="col"', 'scope="row"'} <= named
    assert 'aria-label="previous turn"' in page and 'aria-label="next turn"' in page
    colours = re.findall(r"(?<![\w-])(?:color|background): ([^;]+);", re.search(r"(?s)<style>(.*?)</style>", page)[1])
    assert {c for c in colours if not c.startswith("rgba")} <= {"none"}  # those of the page around it, light or dark


def test_words_of_a_corpus_cannot_become_markup(tiny):
    table = tiny.table.assign(text="</script><img onerror=x>", speaker="<b>")
    page = erc.conversation(replace(tiny, name="mine", table=table)).html
    assert page.count("<script>") == page.count("</script>") == 1 and "<img" not in page


def test_a_corpus_without_a_simulated_truth_names_what_is_missing(tiny):
    table = tiny.table.drop(columns=["audio_shown", "visual_shown"]).assign(label=-1)
    vectors = {**tiny.vectors, "audio": tiny.vectors["audio"] * (np.arange(len(tiny)) % 2)[:, None].astype("float32")}
    found = rows_of(erc.conversation(replace(tiny, name="mine", table=table, vectors=vectors, frames={}), dialogues=1))
    first = tiny.rows("test")[0]
    assert [row[2][0] for row in found] == ["" if (first + i) % 2 else "no voice" for i in range(len(found))]
    assert all(len(row) == 4 and row[3][0] == "" for row in found)  # no oracle, no label


def test_runs_of_numbers_are_shown_in_words(tiny, tmp_path):
    run, = erc.run("linear", tiny, seeds=1, task="sentiment", folder=tmp_path, progress=False)
    shown = erc.conversation(tiny, [run], dialogues="test-001")
    first = int(np.flatnonzero(tiny.table["dialogue"].iloc[tiny.rows("test")] == "test-001")[0])
    row = rows_of(shown)[0]
    assert row[3][0] == f"{tiny.targets('test', 'sentiment')[first, 0]:+.2f}"
    assert row[4] == [f"{run.predictions('test')[first, 0]:+.2f}", ""]


@pytest.mark.parametrize(("options", "message"), [
    ({"dialogues": 0}, "0 dialogues. Give 1 or more"), ({"dialogues": True}, "True dialogues"),
    ({"dialogues": ["test-000", "x"]}, r"unknown dialogue 'x'. There is: test-000.* and \d+ more"),
    ({"dialogues": []}, "no dialogue is asked for"), ({"split": "tests"}, "unknown split"),
    ({"view": "wordy"}, "unknown view"), ({"runs": "sdt"}, "sdt is no run"), ({"runs": {"sdt": []}}, "sdt is no run"),
    ({"runs": 3}, "3 is no run")])
def test_what_cannot_be_shown_is_one_line(tiny, options, message):
    with pytest.raises(UsageError, match=message) as caught:
        erc.conversation(tiny, **options)
    assert "\n" not in str(caught.value)


def test_runs_of_another_corpus_or_of_two_tasks_are_refused(tiny, runs, tmp_path):
    with pytest.raises(UsageError, match="Give the corpus that the run was trained on"):
        erc.conversation(tiny.select(tiny.rows("test")[:8]), runs)
    other = erc.run("linear", tiny, seeds=1, task="sentiment", folder=tmp_path, progress=False)
    with pytest.raises(UsageError, match="the tasks of the runs are emotion, sentiment"):
        erc.conversation(tiny, {"a": runs, "b": other})
