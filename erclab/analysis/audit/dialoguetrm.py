"""Findings in Mao et al. 2020 (DialogueTRM)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from erclab.analysis.audit.averages import KINDS, averages, which_average
from erclab.analysis.audit.comparison import gain, sign_test
from erclab.analysis.audit.finding import Finding
from erclab.analysis.audit.predictions import implied_precision, one_file, row_predictions, whole_parts
from erclab.analysis.audit.printed import Row, cells_by_row, of_classes
from erclab.analysis.audit.rounding import CUT, ROUNDED, exactly, numerators, stands_for
from erclab.published.corpora import class_counts

PAPER = "dialoguetrm"
RUNS = 5  # the section on implementation: all results are averages of five runs
YEAHS = 23  # utterances "yeah." of the test split, says the case study


def _table2() -> dict[str, Row]:
    """The rows that have a number for each emotion."""
    return {name: row for name, row in cells_by_row(PAPER, "Table 2", "iemocap").items() if of_classes(row, "recall")}


def _averages_of_rows() -> dict[tuple[str, str], dict[str, Any]]:
    supports, found = class_counts("iemocap-6"), {}
    for name, row in _table2().items():
        for score, average in (("recall", "accuracy"), ("f1", "weighted_f1")):
            values = of_classes(row, score)
            found[name, score] = {
                "printed": row[average], "is": which_average(values, supports, row[average]),
                **{kind: round(made.middle, 2) for kind, made in averages(values, supports).items()}}
    return found


def averages_of_f1() -> pd.DataFrame:
    """The printed average F1 of each row of Table 2 beside both averages of its six: index model, columns weighted,
    unweighted and printed (percent)."""
    made = {name: {kind: float(found[kind]) for kind in (*KINDS, "printed")}
            for (name, score), found in _averages_of_rows().items() if score == "f1"}
    return pd.DataFrame(made).T.rename_axis("model")


def which_averages() -> Finding:
    """Which average the printed ones of Table 2 are, row by row."""
    found = _averages_of_rows()
    odd = found["DialogueGCN", "f1"]
    weighted = [name for (name, score), made in found.items() if score == "f1" and "weighted" in made["is"]]
    return Finding(
        "D-averages", (PAPER,), "Table 2, average F1",
        f"The six F1 of DialogueGCN average to {odd['weighted']:.2f} with IEMOCAP's supports and to "
        f"{odd['unweighted']:.2f} without; printed is {odd['printed']}. The printed averages of {', '.join(weighted)} "
        "are those with the supports.",
        "Rows of earlier models are quoted, and the quoted paper may have averaged in another way.",
        "the average F1 are weighted, and BiERU's is the best of the earlier models", found)


def best_earlier() -> Finding:
    """The best earlier row with one kind of average for all, and the gain over it."""
    weighted = {name: made["weighted"] for (name, score), made in _averages_of_rows().items() if score == "f1"}
    table = _table2()
    own, quoted = table["DialogueTRM"]["weighted_f1"], table["BiERU"]["weighted_f1"]
    best = max((name for name in weighted if name != "DialogueTRM"), key=weighted.__getitem__)
    points, before = float(own) - weighted[best], float(own) - float(quoted)
    percent = 100 * points / weighted[best]
    return Finding(
        "D-gain", (PAPER,), "Table 2, main results",
        f"With the supports for all rows {best} is the best earlier one ({weighted[best]:.2f}). The gain is {own} - "
        f"{weighted[best]:.2f} = {points:.2f} points or {percent:.1f} %, not {before:.2f} points or "
        f"{gain(own, quoted).middle:.1f} %.",
        "It follows from D-averages: one quoted row has an unweighted average.",
        "an improvement of 7.1 % in average F1 over the best earlier model",
        {"best": best, "points": round(points, 2), "percent": round(percent, 1)})


def quoted_columns() -> Finding:
    """Whether BiERU's columns are of the same predictions, beside all other rows."""
    supports, together = class_counts("iemocap-6"), {}
    for name, row in _table2().items():
        recalls, f1 = of_classes(row, "recall"), of_classes(row, "f1")
        together[name] = {"predictions": round(row_predictions(recalls, f1, supports).middle),
                          "one file": one_file(recalls, f1, supports)}
    row, total = _table2()["BiERU"], sum(supports.values())
    precision = implied_precision(row["happy.recall"], row["happy.f1"])
    average = averages(of_classes(row, "recall"), supports)["weighted"].middle
    others = [name for name, found in together.items() if found["one file"]]
    return Finding(
        "D-bieru", (PAPER,), "Table 2, BiERU",
        f"Recall {row['happy.recall']} and F1 {row['happy.f1']} of happy imply a precision of {precision:.2f}. Over "
        f"the six emotions recall and F1 imply {together['BiERU']['predictions']:,} predictions for {total:,} "
        f"utterances, and the recalls average to {average:.2f}, not {row['accuracy']}. The two columns are not of one "
        f"prediction file; those of {', '.join(others)} can be, and the other rows miss {total:,} by "
        + " and ".join(f"{abs(found['predictions'] - total)} ({name})" for name, found in together.items()
                       if not found["one file"] and name != "BiERU") + ".",
        "The columns may be of different epochs or variants; the row is quoted from an earlier paper. A mean over runs "
        "misses the number by a little.", "",
        {"precision": round(precision, 2), "average": round(average, 2), "utterances": total, "rows": together})


def recalls_of_runs() -> Finding:
    """Whether the printed recalls are shares of their supports, or means of five such shares."""
    supports, own = class_counts("iemocap-6"), of_classes(_table2()["DialogueTRM"], "recall")
    rnn = of_classes(_table2()["DialogueRNN"], "recall")

    def none(slack) -> dict[str, str]:
        return {c: text for c, text in own.items() if not numerators(f"{float(text):.2f}", supports[c], RUNS, slack)}
    odd, cut = none(ROUNDED), none(CUT)
    as_printed = {c: text for c, text in odd.items() if not numerators(text, supports[c], RUNS)}
    single = [c for c, text in rnn.items() if numerators(f"{float(text):.2f}", supports[c])]
    return Finding(
        "D-recalls", (PAPER,), "Table 2, DialogueTRM",
        f"The mean of {RUNS} recalls over n utterances is a multiple of 1/({RUNS} n). {len(odd)} of the {len(own)} "
        f"printed recalls ({', '.join(odd.values())}) are near none; {len(cut)} if they are cut off instead of "
        f"rounded, {len(as_printed)} if 77.1 has one decimal and not a second one that is 0. Of DialogueRNN's "
        f"{len(rnn)} recalls {len(single)} are multiples of 1/n, as of a single run.",
        "Another test split with other supports, or an average over other runs, would explain it; neither is given.",
        "all results are averages of five runs",
        {"odd": odd, "as printed": as_printed, "cut": cut, "single run": single})


def printed_gains() -> Finding:
    """Whether the gains, uplifts and ratios of the text follow from the tables."""
    found = {}
    for corpus, table in (("iemocap", "Table 2"), ("meld", "Table 2"), ("avec", "Table 3")):
        *others, own = cells_by_row(PAPER, table, corpus).values()
        for name, said in cells_by_row(PAPER, "main results", corpus)["DialogueTRM"].items():
            score = name.removesuffix(".gain")
            best = max((row[score] for row in others if score in row), key=exactly)
            percent = 100 * (exactly(own[score]) / exactly(best) - 1)
            found[f"{corpus}, {score}"] = {"new": own[score], "old": best, "percent": round(float(percent), 2),
                                           "printed": said, "follows": percent in stands_for(said)}
    fusion = cells_by_row(PAPER, "Table 4", by="printed")
    text = fusion["MulT"]["Text-only"]  # one number for all rows of this model
    uplift = {name: row["Multi-modal ↑"] for name, row in fusion.items() if "Multi-modal ↑" in row}
    follow = [exactly(fusion[name]["Multi-modal"]) - exactly(fusion[name].get("Text-only", text)) == exactly(said)
              for name, said in uplift.items()]
    ratios = {words: round(float(exactly(uplift[a]) / exactly(uplift[b])), 1) for words, a, b in (
        ("seven times", "Gate+TRM (MGIF)", "dialogueRNN"), ("nearly tripled", "MGIF", "MulT"),
        ("nearly doubled", "Gate+TRM (MGIF)", "MGIF"))}
    example = found["iemocap, weighted_f1"]
    return Finding(
        "D-gains", (PAPER,), "main results, Table 4",
        f"{sum(m['follows'] for m in found.values())} of {len(found)} printed gains follow from the tables, for "
        f"example {example['new']} / {example['old']} - 1 = {example['percent']} %; {sum(follow)} of {len(uplift)} "
        "uplifts are the differences of their rows. Of the ratios of uplifts "
        + ", ".join(f"'{words}' is {ratio}" for words, ratio in ratios.items()) + ".",
        "The arithmetic of the text is right where it quotes the tables.", "",
        {"gains": found, "uplifts": follow, "ratios": ratios})


def mended_cases() -> Finding:
    """The integers behind the percentages of the case study, and how much of a gain they are."""
    said = cells_by_row(PAPER, "case study", setting="mended")["DialogueTRM"]
    shares = (said["neutral.share"], said["frustrated.share"])
    inside = (said["neutral.from_negative"], said["frustrated.from_negative"])
    utterances = sum(class_counts("iemocap-6").values())
    found = whole_parts(shares, inside, utterances, CUT)
    total, neutral, neutral_negative, frustrated, frustrated_negative = found[0]
    fusion = cells_by_row(PAPER, "Table 4", by="printed")
    more = exactly(fusion["Gate+TRM (MGIF)"]["Multi-modal"]) - exactly(fusion["MulT"]["Text-only"])
    net = round(float(more) * utterances / 100)
    p = sign_test(total, total - net)
    return Finding(
        "D-case", (PAPER,), "case study, first point",
        f"The smallest integers behind {shares[0]} %, {shares[1]} %, {inside[0]} % and {inside[1]} % are {total} "
        f"mended utterances, {neutral} neutral ({neutral_negative} from a negative emotion) and {frustrated} "
        f"frustrated ({frustrated_negative}); the next solution has {found[1][0]}. The gain over text, "
        f"{float(more):.2f} points of {utterances:,}, is about {net} utterances, so about {total - net} must have "
        f"been broken: {total} against {total - net} in one run, sign test p = {p:.2f}.",
        "Only what fusion mends was of interest there. What it breaks belongs beside it; the gain is of F1 and stands "
        "for one of accuracy here.", "",
        {"solution": found[0], "next": found[1][0], "net": net, "broken": total - net, "p": round(p, 3),
         "rounded": whole_parts(shares, inside, utterances, ROUNDED)})


def yeahs() -> Finding:
    """How many utterances the steps of the example "yeah." are."""
    said = [cells_by_row(PAPER, "case study", setting=setting)["DialogueTRM"]["accuracy"]
            for setting in ("text alone", "text in context", "all modalities")]
    right = [[*numerators(text, YEAHS)] for text in said]
    counts = [some[0] for some in right]
    p = sign_test(counts[2] - counts[1], 0)
    return Finding(
        "D-yeah", (PAPER,), "case study, third point",
        f"{', '.join(said)} % of {YEAHS} are {', '.join(map(str, counts))} utterances. The last step, from text in "
        f"context to all modalities, is {counts[2] - counts[1]} utterances; if none was broken, sign test p = {p:.2f}.",
        "An illustration of one utterance, not a test.", "", {"counts": right, "p": p})


def dimensions() -> Finding:
    """The place of the model in Table 3, dimension by dimension."""
    table = cells_by_row(PAPER, "Table 3")
    place = {c.partition(".")[0]: 1 + sum(exactly(row[c]) > exactly(text) for row in table.values())
             for c, text in table["DialogueTRM"].items()}
    first = [name for name, at in place.items() if at == 1]
    return Finding(
        "D-avec", (PAPER,), "Table 3",
        f"Best in {', '.join(first)}; in " + ", ".join(f"{name} number {at}" for name, at in place.items() if at > 1)
        + f" of {len(table)} rows.",
        "The text claims the best result for most dimensions, which holds.", "", place)


FINDINGS = (which_averages, best_earlier, quoted_columns, recalls_of_runs, printed_gains, mended_cases, yeahs,
            dimensions)
