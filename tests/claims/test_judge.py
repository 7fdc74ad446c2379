"""Each rule on evidence whose answer is known."""

import numpy as np
import pytest
from ledgers import NAMES, D, T, book_of, guesses, kept, row, shelf_with, sides, split
from scipy import stats

from erclab.analysis.statistics import Estimate, Sampled
from erclab.claims import judge
from erclab.claims.evidence import GUESS
from erclab.claims.quantities import Missing, Quantities, Universe, score_of
from erclab.core import metrics

# Five seeds that differ a little, on one dialogue and on forty.
SEEDS = 0.1 + 0.001 * np.arange(5)
ONE, SEVERAL = Sampled(SEEDS, np.tile(SEEDS[:, None], 50), 1), Sampled(SEEDS, SEEDS[:, None] + np.zeros(50), 40)
ARMS = {"better": 0.80, "same": 0.70, "base": 0.70, "worse": 0.60}


def verdict(tmp_path, *rows, arms=None, which=0, **options):
    book = book_of(*rows)
    shelf = shelf_with(tmp_path, book, {a: ARMS[a] for a in arms or book.arms}, **options)
    return judge.judge(book, book.claims, "made", shelf)[which]


def contrast(a, b, matters=0.01, **of):
    return [{"name": f"{a} - {b}", "matters": matters, "terms": sides(a, b, **of)}]


def test_a_difference_that_matters_is_supported_and_its_runs_are_named(tmp_path):
    found = verdict(tmp_path, row(contrasts=contrast("better", "base")))
    assert found.verdict == "supported" and (found.seeds, found.dialogues) == (6, D) and len(found.records) == 12
    effect, = found.effects
    assert effect.low > 0 and effect.value == pytest.approx(0.1, abs=0.03) and effect.above[0] == 1
    low, high = effect.low, effect.high
    se = (effect.deviation**2 / 6 + effect.among_dialogues**2) ** 0.5
    a, b = effect.deviation**2 / 6, effect.among_dialogues**2
    half = stats.t.ppf(0.975, (a + b) ** 2 / (a**2 / 5 + b**2 / (D - 1))) * se
    assert (low, high) == pytest.approx((effect.value - half, effect.value + half))


@pytest.mark.parametrize(("a", "matters", "wanted"), [
    ("worse", 0.01, "contradicted: reversed"), ("same", 0.05, "contradicted: smaller than matters"),
    ("better", 0.5, "contradicted: smaller than matters"), ("same", 0.001, "undecided")])
def test_the_other_verdicts_of_superiority(tmp_path, a, matters, wanted):
    found = verdict(tmp_path, row(contrasts=contrast(a, "base", matters)))
    assert found.verdict == wanted
    assert bool(found.effects[0].needed) == (wanted == "undecided")


def test_an_undecided_claim_says_how_many_dialogues_or_seeds_are_missing(tmp_path):
    found = verdict(tmp_path, row(contrasts=contrast("same", "base", 0.001)))
    count = int(found.effects[0].needed.split()[0].replace(",", ""))
    assert "dialogues" in found.effects[0].needed and count > 100 * D


def test_a_test_split_of_one_dialogue_decides_nothing(tmp_path, monkeypatch):
    """However many seeds there are, and beside a claim that is decided."""
    monkeypatch.setattr(Quantities, "contrast", lambda self, one, seeds: ONE if "same" in one.name else SEVERAL)
    rows = [row(contrasts=contrast("same", "base"), id="X-c8"), row(contrasts=contrast("better", "base"), id="X-c9")]
    undecided, decided = (verdict(tmp_path / str(i), *rows, which=i) for i in range(2))
    assert undecided.verdict == "undecided" and np.isnan([undecided.p, undecided.effects[0].low]).all()
    assert undecided.effects[0].needed == "a test split of more than one dialogue"
    assert decided.verdict == "supported" and decided.corrected == pytest.approx(decided.p)  # alone in its family


def test_fewer_seeds_than_the_protocol_asks_for_decide_nothing(tmp_path):
    found = verdict(tmp_path, row(contrasts=contrast("better", "base")), seeds=[100])
    assert found.verdict == "undecided" and np.isnan(found.effects[0].low)
    assert found.effects[0].needed == "5 seeds"
    four = verdict(tmp_path / "4", row(contrasts=contrast("better", "base")), seeds=range(100, 104))
    assert four.verdict == "undecided" and four.effects[0].low > 0 and four.effects[0].needed == "5 seeds"


def test_all_contrasts_must_hold_and_one_that_fails_contradicts(tmp_path):
    both = contrast("better", "base") + contrast("worse", "base")
    assert verdict(tmp_path, row(contrasts=both)).verdict == "contradicted: reversed"
    assert verdict(tmp_path / "2", row(contrasts=contrast("better", "base") + contrast("better", "worse"))
                   ).verdict == "supported"


def test_p_of_a_claim_needs_all_contrasts_to_support_and_one_to_contradict():
    def estimate(value, error):
        return Estimate(value, 0.0, error, 6, 10_000)
    good, better, bad = estimate(0.02, 0.01), estimate(0.05, 0.01), estimate(-0.03, 0.01)
    assert judge.p_of([good, better]) == pytest.approx(good.p())
    assert judge.p_of([good, better, bad]) == pytest.approx(3 * bad.p())
    assert judge.p_of([estimate(-0.0001, 0.01), better]) == 1


def test_a_contrast_contradicts_by_an_end_that_is_corrected_for_their_number(tmp_path):
    many = contrast("better", "base") + contrast("worse", "base") + contrast("better", "worse")
    one, = verdict(tmp_path / "1", row(contrasts=contrast("worse", "base"))).effects
    of_three = verdict(tmp_path / "3", row(contrasts=many), arms=["better", "base", "worse"])
    assert one.at_most == one.high and of_three.verdict == "contradicted: reversed"
    assert all(e.at_most > e.high for e in of_three.effects)


def test_holm_widens_the_interval_within_a_paper(tmp_path):
    rows = [row("S-c1", contrasts=contrast("better", "base")), row("S-c2", contrasts=contrast("same", "base", 0.001)),
            row("M-c1", contrasts=contrast("same", "base", 0.001), paper="m2fnet"),
            row("S-c3", contrasts=contrast("same", "base", 0.001), tier=2)]
    book = book_of(*rows)
    shelf = shelf_with(tmp_path, book, {a: ARMS[a] for a in book.arms})
    found = {v.claim: v for v in judge.with_q(judge.judge(book, book.claims, "made", shelf))}
    assert found["S-c1"].effects[0].confidence == pytest.approx(0.975)  # the smallest p of two
    assert found["S-c2"].effects[0].confidence == pytest.approx(0.95)
    assert found["M-c1"].effects[0].confidence == pytest.approx(0.95)  # another paper
    assert np.isnan(found["S-c3"].corrected)  # exploratory
    assert found["S-c2"].corrected == pytest.approx(found["S-c2"].effects[0].p)
    assert found["S-c1"].q <= 4 * found["S-c1"].effects[0].p + 1e-12


def test_a_rule_that_is_newer_than_its_runs_is_refused(tmp_path):
    old, new = (book_of(row(contrasts=contrast("better", "base", m))) for m in (0.01, 0.02))
    shelf = shelf_with(tmp_path, old, {"better": 0.8, "base": 0.7})
    assert judge.judge(old, old.claims, "made", shelf)[0].verdict == "supported"
    refused, = judge.judge(new, new.claims, "made", shelf)
    assert refused.verdict.startswith("refused") and not refused.effects and "seeds" in refused.detail


def test_a_missing_arm_is_to_train_and_two_names_of_one_run_are_no_contrast(tmp_path):
    book = book_of(row(contrasts=contrast("better", "base")))
    shelf = shelf_with(tmp_path, book, {"better": 0.8})
    assert judge.judge(book, book.claims, "made", shelf)[0].verdict == "to train"
    shelf.add("base", *(kept(book, e.seed, e.arrays, id=e.id) for e in shelf.arm("better")))
    assert judge.judge(book, book.claims, "made", shelf)[0].verdict == "to train"


@pytest.mark.parametrize(("a", "margin", "wanted"), [("same", 0.05, "supported"), ("worse", 0.01, "contradicted"),
                                                     ("same", 0.001, "undecided")])
def test_non_inferiority_is_one_sided(tmp_path, a, margin, wanted):
    found = verdict(tmp_path, row(rule="NI", contrasts=contrast(a, "base", margin)))
    assert found.verdict == wanted and found.effects[0].confidence == pytest.approx(0.90)


def test_a_claim_of_size_needs_fewer_parameters(tmp_path):
    found = verdict(tmp_path, row(rule="NI", contrasts=contrast("same", "base", 0.05), fewer_parameters=True))
    assert found.verdict == "contradicted" and "1,000 against 1,000" in found.detail


def test_a_difference_of_differences_and_a_class_that_the_corpus_lacks(tmp_path):
    terms = [[1, "better", "neutral.f1", ""], [-1, "base", "neutral.f1", ""], [-1, "better", "!neutral.f1", ""],
             [1, "base", "!neutral.f1", ""]]
    did = row(rule="DID", contrasts=[{"name": "x", "matters": 0.02, "terms": terms}])
    found = verdict(tmp_path, did)
    book = book_of(did)
    shelf = shelf_with(tmp_path / "2", book, {"better": 0.8, "base": 0.7})
    truth = shelf.split.truth["emotion"]

    def f1s(arm):
        return np.mean([metrics.per_class(metrics.confusion(truth, e.arrays[GUESS], 4), NAMES)["f1"]
                        for e in shelf.arm(arm)], axis=0)
    gain = f1s("better") - f1s("base")
    assert found.effects[0].value == pytest.approx(gain[0] - gain[1:].mean())
    lacking = verdict(tmp_path / "3", row(contrasts=contrast("better", "base", score="surprise.f1")))
    assert lacking.verdict == "not testable here" and "surprise" in lacking.detail


def test_mechanisms_are_means_over_utterances_and_shares_of_runs(tmp_path):
    def measured(value):
        def arrays(seed):
            n = np.random.default_rng(seed).integers(1, 9, D)
            return {GUESS: np.zeros(D * T, np.uint8), "reading": np.stack([value * n + 0.01 * (seed - 102), n], 1)}
        return arrays
    terms = [[1, "a", "reading", ""], [-1, "b", "reading", ""]]
    book = book_of(row(rule="MECH", contrasts=[{"name": "x", "matters": 0.05, "terms": terms}]),
                   row("S-c2", rule="MECH", contrasts=[{"name": "y", "matters": 0.5, "terms": [
                       [1, "a", "primary.text", ""], [-0.25, "", "", ""]]}]))
    shelf = shelf_with(tmp_path, book, {"a": measured(0.8), "b": measured(0.6)})
    reading, primary = judge.judge(book, book.claims, "made", shelf)
    assert reading.verdict == "supported" and reading.effects[0].value == pytest.approx(0.2, abs=0.01)
    assert primary.verdict == "not testable here" and "gate" in primary.detail
    shelf.add("a", *(kept(book, s, measured(0.8)(s), primary="text" if s % 2 else "audio") for s in range(100, 106)))
    value = judge.judge(book, book.claims, "made", shelf)[1].effects[0]
    assert value.value == pytest.approx(0.25) and value.among_dialogues == 0


def test_mended_mistakes_are_log_odds(tmp_path):
    """Of the text's mistakes, 30 of 40 negative guesses are mended and 10 of 40 others."""
    truth = np.zeros(D * T, dtype=int)
    where = split()
    where.truth["emotion"][:] = 0
    text, both = np.zeros_like(truth), np.zeros_like(truth)
    text[:40], text[40:80] = 2, 1  # anger is negative, joy is not
    both[30:40], both[50:80] = 2, 1
    book = book_of(row(rule="MECH", contrasts=[{"name": "x", "matters": 0.2, "terms": [[1, "text", "mended", "all"]]}]))
    shelf = shelf_with(tmp_path, book, {"text": lambda s: {GUESS: text.astype(np.uint8)},
                                        "all": lambda s: {GUESS: both.astype(np.uint8)}}, where=where)
    found, = judge.judge(book, book.claims, "made", shelf)
    assert found.effects[0].value == pytest.approx(np.log(30.5 / 10.5) - np.log(10.5 / 30.5))


def test_inflation_is_judged_from_both_protocols(tmp_path):
    book = book_of(row(rule="INFL", contrasts=[{"name": "x", "matters": 0.003, "terms": [[1, "a", "accuracy", ""]]}]))
    shelf = shelf_with(tmp_path, book, {"a": 0.7})

    def with_gap(gap):
        return [kept(book, s, shelf.arm("a")[0].arrays, protocols={
            "sound": {"test": {"accuracy": 0.70}}, "published": {"test": {"accuracy": 0.70 + gap + 0.0001 * (s % 3)}}})
            for s in range(100, 106)]
    shelf.add("a", *with_gap(0.02))
    assert judge.judge(book, book.claims, "made", shelf)[0].verdict == "contradicted"
    shelf.add("a", *with_gap(0.0))
    assert judge.judge(book, book.claims, "made", shelf)[0].verdict == "supported"


def test_ratio_of_deviations_and_ranks(tmp_path):
    where = split()

    def noisy(width):
        return lambda s: {GUESS: guesses(where, 0.7 + width * np.random.default_rng(s).normal(), s)}
    spread = [{"name": "r", "matters": 0.8, "terms": sides("steady", "wild")}]
    book = book_of(row(rule="RATIO", contrasts=spread, tier=2),
                   row("S-c2", rule="RANK", tier=2, contrasts=[{"name": "k", "matters": 0.5, "terms": [
                       [1, "frequent", "f1 by frequency", ""]]}]))
    truth = where.truth["emotion"]
    right = np.array([0.95, 0.8, 0.6, 0.3])[truth]
    shelf = shelf_with(tmp_path, book, {"steady": noisy(0.005), "wild": noisy(0.08), "frequent": lambda s: {
        GUESS: guesses(where, right, s)}}, seeds=range(100, 120), where=where)
    ratio, rank = judge.judge(book, book.claims, "made", shelf)
    assert ratio.verdict == "supported" and ratio.effects[0].value < 0.5
    assert rank.verdict == "supported" and rank.effects[0].value == pytest.approx(1.0)


def test_the_score_language_equals_its_words(tmp_path):
    book = book_of(row(contrasts=contrast("better", "base")))
    shelf = shelf_with(tmp_path, book, {"better": 0.8, "base": 0.7})
    tallies, truth = [e.tally for e in shelf.arm("better")], shelf.split.truth["emotion"]
    tables = [metrics.per_class(metrics.confusion(truth, e.arrays[GUESS], 4), NAMES) for e in shelf.arm("better")]
    for score, columns in (("joy+fear.recall", ["joy", "fear"]), ("!neutral.recall", ["joy", "anger", "fear"]),
                           ("rarest2.recall", ["anger", "fear"])):
        assert score_of(tallies, score).seeds == pytest.approx([t["recall"][columns].mean() for t in tables])
    odd = shelf.split.parts["ambiguous"]
    assert score_of(tallies, "accuracy", "ambiguous").seeds == pytest.approx(
        [(e.arrays[GUESS] == truth)[odd].mean() for e in shelf.arm("better")])
    assert (score_of(tallies, "-accuracy").seeds == -score_of(tallies, "accuracy").seeds).all()
    for score, part in (("surprise.f1", ""), ("accuracy", "nowhere"), ("nonsense", "")):
        with pytest.raises(Missing):
            score_of(tallies, score, part)


def test_universes_change_what_they_say(tmp_path):
    book = book_of(row(contrasts=contrast("same", "base", 0.001)))
    shelf = shelf_with(tmp_path, book, {"same": 0.70, "base": 0.70})
    plain, = judge.judge(book, book.claims, "made", shelf)
    seeds, = judge.judge(book, book.claims, "made", shelf, Universe(over_dialogues=False))
    few, = judge.judge(book, book.claims, "made", shelf, Universe(dialogues=10))
    larger, = judge.judge(book, book.claims, "made", shelf, Universe(larger_wins=True))
    two, = judge.judge(book, book.claims, "made", shelf, Universe(seeds=2))
    other = Quantities(shelf, Universe(scores={"accuracy": "macro_f1"}))
    assert seeds.effects[0].among_dialogues == pytest.approx(0) and plain.effects[0].among_dialogues > 0
    assert few.effects[0].among_dialogues > 1.5 * plain.effects[0].among_dialogues
    assert larger.verdict in ("supported", "contradicted: reversed") and plain.verdict == "undecided"
    assert two.seeds == 2 and plain.seeds == 6
    assert other.term(book.claims[0].contrasts[0].terms[0], [100]).seeds == pytest.approx(
        score_of([shelf.arm("same")[0].tally], "macro_f1").seeds)
