"""Pages and parts of the README from verdicts and scores that are made up, so that each sentence can be wrong."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from erclab import cli
from erclab.analysis import audit
from erclab.claims.verdicts import TO_TRAIN, Effect, Verdict
from erclab.core.errors import UsageError
from erclab.published.claims import book
from erclab.reports import facts, files, findings, ledger, markdown, page, readme
from erclab.reports.gathered import Gathered
from erclab.reports.scores import DIALOGUES, FIVE, Cost, Gap, Score, Scores

ROOT = Path(__file__).resolve().parents[2]
NAN = float("nan")
NUMBERS = {"dialoguetrm": 0.56, "sdt": 0.62, "bc-lstm": 0.60, "linear": 0.55}
TITLES = {"dialoguetrm": "DialogueTRM", "sdt": "SDT", "bc-lstm": "bc-LSTM", "linear": "Linear probe"}


def verdict(claim, corpus, said, *, seeds=10, value=0.02, low=0.01):
    effect = Effect("SDT - SDT, loss 1,0,0", value, low, 0.03, 0.03, 0.02, 0.004, 0.005, "weighted_f1", 0.95, 0.01,
                    said)
    return Verdict(claim, 1, corpus, said, (effect,) if seeds else (), seeds, 280 if seeds else 0,
                   detail="" if seeds else "20 runs, about 8 min on two cores, and the corpus's folder")


def meld(low=0.01, seeds=5):
    rows = tuple(Score("meld", "emotion", name, TITLES[name], DIALOGUES, 0 if name == "linear" else seeds, 280, 500, "",
                       {"weighted_f1": (x, x - 0.01, x + 0.01), "accuracy": (x, x - 0.01, x + 0.01)})
                 for name, x in NUMBERS.items())
    constant = Score("meld", "emotion", "constant", "constant predictor", "", values={"weighted_f1": (0.31, 0.3, 0.32)})
    gaps = (Gap("meld", "emotion", DIALOGUES, "sdt", "bc-lstm", 0.02, low, 0.03, seeds, True),
            Gap("meld", "emotion", DIALOGUES, "sdt", "linear", 0.07, 0.05, 0.09, seeds))
    return Scores("meld", "0", (*rows, constant), gaps, (Cost("meld", "sdt", 30, 900.0, ("abacus, 1 thread",)),))


def like_meld(corpus):
    """The scores of `meld` under the name of another corpus, without differences."""
    one = meld()
    return replace(one, corpus=corpus, gaps=(), scores=tuple(replace(s, corpus=corpus) for s in one.scores))


@pytest.fixture
def found():
    said = (verdict("S-c3", "simulated", "undecided", seeds=5), verdict("S-c3", "meld", "supported"),
            verdict("S-c4", "simulated", "contradicted: reversed"), verdict("S-c4", "meld", TO_TRAIN, seeds=0),
            replace(verdict("S-c13", "", "not testable here", seeds=0), detail="no sweep"),
            replace(verdict("L-c3", "printed", "contradicted", seeds=0), records=("L-pmr",), detail="arithmetic"))
    return Gathered(book(), said, (meld(),))


def test_a_page_has_the_sections_of_reproducibility_venues_and_each_number_its_interval(found):
    text = page.page_of(found, "sdt")
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert titles == ["Scope of reproducibility", "Methodology", "Results", "What was easy", "What was hard",
                      "What the paper leaves out", "Arithmetic of the printed numbers", "Cost",
                      "Communication with the authors"]
    for line in ("`simulated`: **undecided**, +2.0 [1.0, 3.0]; matters from 0.5; SDT - SDT, loss 1,0,0; 5 seeds; "
                 "280 dialogues; interim: 5 of 10 seeds", "`meld`: **supported**, +2.0 [1.0, 3.0]; matters from 0.5; "
                 "SDT - SDT, loss 1,0,0; 10 seeds; 280 dialogues\n", "to train: `meld` (20 runs, about 8 min)",
                 "**not testable here**: no sweep", "| **SDT**, ours | 5 | 62.0 [61.0, 63.0] | 62.0 [61.0, 63.0] |",
                 "| SDT, printed: headline results |  | 66.6 | 67.55 |", "| constant predictor | none | 31.0 [30.0, 32",
                 "+2.0 [1.0, 3.0] from bc-LSTM (above 0)", "| `meld` | 30 | 30.0 | 15 min | 500 |",
                 "**S-runs**", "None so far.", "meld, official: 78,386,204 (= 78,386,204"):
        assert line in text, line
    assert "1 is supported, 1 is contradicted (reversed), 1 is undecided and 1 is to be trained" in text
    assert page.page_of(found, "sdt") == text


def test_a_paper_has_a_page_without_any_evidence_and_each_finding_its_fair_reading():
    text = page.page_of(Gathered(book(), (), ()), "m2fnet")
    assert "No run of the paper's model is part of the evidence yet" in text and not re.search(r"\bnan\b", text)
    assert text.count("Fair reading") == len(audit.findings("m2fnet")) == 5 and "every number of the recipe" in text


@pytest.mark.parametrize("paper", FIVE)
def test_sentences_that_are_not_computed_hold_no_numbers_and_name_what_holds_them(paper):
    told = facts.facts_of(paper)
    assert told.easy and told.hard
    for text in (told.idea, told.features, *(f.fact for f in (*told.easy, *told.hard))):
        assert not re.search(r"(?<![A-Za-z])\d", text), text
    assert [f.held for f in (*told.easy, *told.hard) if not (ROOT / f.held).exists()] == []


def test_links_of_the_committed_pages_lead_somewhere():
    folder = ROOT / "notebooks" / "reports"
    pages = [path.read_text(encoding="utf-8") for path in folder.glob("*.md")]
    links = {link for text in pages for link in re.findall(r"\]\((\.\./[^)]*)\)", text)}
    assert len(links) > 15 and [x for x in links if not (folder / x).exists()] == []


def test_the_readme_tells_verdicts_and_the_best_of_the_five_beside_baselines(found):
    text = " ".join(readme.generated(found)["finding"].split())
    assert "Of 2 tests of core claims on simulated conversations 1 is contradicted (reversed) and 1 is unde" in text
    assert "Of 2 tests of core claims on real conversations 1 is supported and 1 is to be trained." in text
    assert "Of 1 core claim about printed numbers, which arithmetic decides, 1 is contradicted." in text
    assert "1 verdict of all is interim, from fewer than 10 seeds" in text
    assert ("`meld`, emotion, from a dialogue of vectors, weighted F1: SDT 62.0 [61.0, 63.0], 5 seeds; difference "
            "+2.0 [1.0, 3.0] from bc-LSTM (above 0) and +7.0 [5.0, 9.0] from Linear probe (above 0).") in text
    assert text.startswith("**On real conversations, the best of the five papers' models is above bc-LSTM in 1 of 1 "
                           "comparison and above a linear probe on the same features in 1 of 1 comparison.** The five")
    none = readme.generated(Gathered(book(), (), ()))
    assert "no run of the five" in none["finding"] and none["scores"] == readme.NOTHING


@pytest.mark.parametrize(("low", "high", "words"), [
    (0.01, 0.03, "1 of 1 comparison and"), (-0.01, 0.03, "0 of 1 comparison (not told from it in 1) and"),
    (-0.03, -0.01, "0 of 1 comparison (below in 1) and")])
def test_the_first_sentence_counts_what_intervals_separate(found, low, high, words):
    one = meld()
    told = readme.generated(replace(found, scores=(replace(one, gaps=(replace(one.gaps[0], low=low, high=high),
                                                                      one.gaps[1])),)))["finding"]
    assert f"models is above bc-LSTM in {words} above a linear probe" in " ".join(told.split())


def test_without_an_interval_there_is_no_first_sentence(found):
    one = meld()
    gaps = tuple(replace(gap, low=NAN, high=NAN, seeds=1) for gap in one.gaps)
    told = readme.generated(replace(found, scores=(replace(one, gaps=gaps),)))["finding"]
    assert told.startswith("The five papers make") and "one seed decides nothing" in told


@pytest.mark.parametrize(("low", "words"), [(0.01, "above 0"), (-0.01, "not told from 0"), (NAN, "one seed")])
def test_bold_is_only_what_an_interval_separates_from_the_next(found, low, words):
    told = readme.generated(replace(found, scores=(meld(low, seeds=1 if low != low else 5),)))
    assert words in told["finding"]
    assert ("| SDT | **62.0 [61.0, 63.0]**" in told["scores"]) == (low > 0)


def test_a_test_split_of_one_dialogue_decides_nothing(found):
    one = meld(NAN)
    scores = tuple(replace(s, dialogues=1, values={m: (x, NAN, NAN) for m, (x, _, _) in s.values.items()})
                   for s in one.scores)
    told = readme.generated(replace(found, scores=(replace(one, scores=scores),)))
    text = " ".join(told["finding"].split())
    assert "SDT 62.0 (one dialogue), 5 seeds; a test split of one dialogue decides nothing." in text
    assert "| SDT | 62.0 (one dialogue) ×5 |" in told["scores"] and "(one seed)" not in told["scores"]


def test_the_table_of_scores_keeps_printed_numbers_in_rows_of_their_own(found):
    lines = readme.generated(found)["scores"].splitlines()
    assert lines[0] == "|  | `meld`<br>weighted F1 |"
    assert "| bc-LSTM | 60.0 [59.0, 61.0] ×5 |" in lines and "| Linear probe | 55.0 [54.0, 56.0] |" in lines
    assert "| *constant predictor* | 31.0 [30.0, 32.0] |" in lines
    assert [x for x in lines if "as printed" in x] == [
        "| *DialogueTRM, as printed* | 63.55 (Table 2) |", "| *SDT, as printed* | 66.6 (headline results) |",
        "| *M2FNet, as printed* | 58.0 (Table 4) |"]


def test_the_table_has_one_simulated_corpus(found):
    some = (like_meld("simulated"), like_meld("simulated-meld"), meld())
    head = readme.generated(replace(found, scores=some))["scores"]
    assert head.splitlines()[0] == "|  | `simulated`<br>weighted F1 | `meld`<br>weighted F1 |"


def test_scores_of_older_code_say_so_in_the_same_line(found):
    one = replace(meld(), scores=tuple(replace(s, code="0123456789abcdef") if s.model == "sdt" else s
                                       for s in meld().scores))
    assert "×5 (older code) |" in readme.generated(replace(found, scores=(one,)))["scores"]


@pytest.mark.parametrize(("corpora", "told"), [
    (("meld",), ""), (("mmmo",), "is tested once: `mmmo` (10 folds). Widths"),
    (("meld", "iemocap-sessions", "mmmo"),
     "is tested once: `iemocap-sessions` (leaving out one session of `iemocap-text-audio`) and `mmmo` (10 folds). ")])
def test_the_table_names_the_corpora_that_are_cross_validated(found, corpora, told):
    table = readme.generated(replace(found, scores=tuple(map(like_meld, corpora))))["scores"]
    text = " ".join(table.split())
    assert told in text and ("Cross-validated" in text) == bool(told)


def test_the_ledger_counts_its_marks_and_tells_interim_verdicts(found):
    rows = ledger.claim_marks(found)
    assert len(rows) == 6 and list(rows["paper"].unique()) == ["SDT", "LMR-CBT"] and rows["interim"].sum() == 1
    words = ledger.alternative_text(found)
    assert ("Of 6 marks 1 is supported, 2 are contradicted (1 reversed), 1 is undecided, 1 is to be trained and 1 is "
            "not testable here; 1 verdict is interim.") in words
    first = ledger.picture(found)
    assert first == ledger.picture(found) and len(first) < 150_000
    assert words.encode() in first and ledger.data_digest(found).encode() in first
    assert ledger.data_digest(replace(found, verdicts=found.verdicts[1:])) != ledger.data_digest(found)


def test_committed_figure_is_small_enough():
    assert (ROOT / "figures" / "ledger.svg").stat().st_size < 150_000


@pytest.mark.parametrize(("numbers", "told"), [
    ((0.62, 0.581, 0.659), "62.0 [58.1, 65.9]"), ((0.5, 0.5, 0.5), "50.0"), ((1e-7, -1e-7, 1e-7), "0.0"),
    ((0.004, -1e-7, 0.01), "0.4 [0.0, 1.0]")])
def test_an_interval_shows_no_minus_before_zero_and_no_ends_that_are_the_value(numbers, told):
    assert markdown.interval_text(*numbers, "accuracy") == told


def test_counts_are_words_that_fit_one_and_many(found):
    assert findings.tally_text([]) == "there is none"
    assert findings.tally_text(found.verdicts[:1] * 2) == "2 are undecided"


# Files

def test_the_generated_parts_of_this_repository_are_current():
    """Fails where claims, verdicts, evidence, recipes or printed numbers changed: `erclab report` writes them again."""
    assert files.stale_files() == []


def test_pages_are_written_once_checked_and_found_stale(tmp_path, capsys, monkeypatch, found):
    monkeypatch.setattr(files, "gather", lambda *_, **__: found)
    monkeypatch.setattr(files.kept, "outdated", lambda *_: [])
    out = ["--out", str(tmp_path)]
    assert cli.main(["report", "sdt", "readme", *out]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "ledger.svg", "sdt.md"]
    capsys.readouterr()
    assert cli.main(["report", "sdt", "readme", *out]) == 0 and not capsys.readouterr().out
    assert cli.main(["report", "sdt", "readme", "--check", *out]) == 0
    (tmp_path / "sdt.md").write_text("# SDT: it does\n", encoding="utf-8")
    assert cli.main(["report", "--check", "sdt", "readme", *out]) == 1
    assert capsys.readouterr().out == f"stale: {tmp_path / 'sdt.md'}: differs from line 1\n"
    monkeypatch.setattr(files, "gather", lambda *_, **__: replace(found, verdicts=found.verdicts[1:]))
    assert cli.main(["report", "--check", "readme", *out]) == 1
    shown = capsys.readouterr().out
    assert "ledger.svg: shows other verdicts" in shown and "README.md: differs" in shown
    (tmp_path / "ledger.svg").unlink()
    assert files.stale_files(["readme"], tmp_path)[-1].endswith("ledger.svg: missing")
    assert cli.main(["report", "bert"]) == 2 and "unknown report 'bert'" in capsys.readouterr().err


def test_a_readme_without_a_place_for_a_part_is_refused():
    begin, end = files.BEGIN.format("x"), files.END.format("x")
    assert files.with_part(f"a\n{begin}\nold\n{end}\nb", "x", "new", "f") == f"a\n{begin}\nnew\n{end}\nb"
    for text in ("nothing", f"{end}\n{begin}", f"{begin}\n{begin}\n{end}"):
        with pytest.raises(UsageError, match=r"generated part 'x' has no place.*Add the lines"):
            files.with_part(text, "x", "new", "f")
