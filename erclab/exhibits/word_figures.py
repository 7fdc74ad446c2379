"""HCT-MG's pictures of words: Experiments 1 to 3 (H1, H2, H3) and the enhanced text of MulT beside its own (H6).

The paper does not say what its heatmaps are made of. Here: H1 the attention of words to frames; H3 how much attention
to a source adds to each word, because the weights of every word sum to 1; H2 and H6 how the enhanced text is read, by
the attention of the step that is classified. Utterances are chosen by rule (`erclab.analysis.incongruity`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from erclab.analysis import incongruity, inside, words
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.corpora.simulated.generator import LEAD_SECONDS
from erclab.exhibits.catalogue import Runs
from erclab.figures import style
from erclab.runs import Record

SHOWN = 3  # utterances in a figure
PROBE = "probe of "  # begins the names of the questions by which utterances are chosen, where nothing was planted
STEPS = (4, 24)  # of their text: neither a single word nor half a page


def alone(found: Runs) -> dict[str, Record]:
    """Modality -> the first run of the probe that saw it alone, where these runs have any."""
    return {name.removeprefix(PROBE): records[0] for name, records in found.items() if name.startswith(PROBE)}


def chosen(corpus: Corpus, found: Runs, count: int = SHOWN) -> list[int]:
    """Corpus rows of the most incongruent test utterances of a length that can be drawn; where there is none, of the
    first ones of such a length.

    Raises:
        UsageError: there is none either.
    """
    selected = incongruity.select(corpus, alone(found))
    rows = (incongruity.examples(selected, corpus, count, STEPS)
            or incongruity.examples(selected.assign(incongruent=True), corpus, count, STEPS))
    if not rows:
        raise UsageError(f"no test utterance of {corpus.name} has {STEPS[0]} to {STEPS[1]} steps of text")
    return rows


def frames_by_words(corpus: Corpus, found: Runs, row: int | None = None) -> Figure:
    """H1. Figure 1: the attention of an utterance's words to the frames of its face, mean over seeds, layers and heads.

    Where it is known, the planted word and the frames in which the face shows it are framed.

    Args:
        row: another utterance than the most incongruent one.
    """
    row = chosen(corpus, found, 1)[0] if row is None else row
    records = found["MulT"]
    attention = np.mean([words.maps(r, corpus, row)["text_from_visual"] for r in records], axis=0)
    sentence, rate = words.names(corpus, row), corpus.frames["visual"].rate or 1.0
    made, ((axis,),) = style.figure(figsize=(10.5, 1.8 + 0.36 * len(sentence)))
    image = axis.imshow(attention * attention.shape[1], cmap="cividis", aspect="auto", interpolation="nearest",
                        extent=(0, attention.shape[1] / rate, len(sentence) - 0.5, -0.5))
    made.colorbar(image, ax=axis, label="attention, times that to\nall frames alike")
    even = np.mean([words.evenness(words.maps(r, corpus, row)["text_from_visual"]) for r in records])
    title = f"Attention here is {100 * even:.0f} % as even as it can be ({_said(corpus, row)})"
    if "burst_start" in corpus.table:
        at = corpus.table.iloc[row]
        start, end = at["burst_start"] - LEAD_SECONDS["visual"], at["burst_end"] - LEAD_SECONDS["visual"]
        axis.add_patch(Rectangle((max(start, 0), at["salient_word"] - 0.5), end - max(start, 0), 1, fill=False, lw=3,
                                 edgecolor=style.RED))
        ratio = np.mean([inside.focus(r, corpus)["ratio"]["text_from_visual"] for r in records])
        title += f"\nWhat was planted (framed) gets {ratio:.2f} times an even share, over all test utterances"
    axis.set(yticks=range(len(sentence)), yticklabels=sentence, title=title,
             xlabel="seconds of the face" if corpus.frames["visual"].rate else "steps of the face")
    axis.title.set_fontsize(12)
    axis.grid(visible=False)
    return made


def read_with_and_without(corpus: Corpus, found: Runs) -> Figure:
    """H2. Figure 2: how the text is read with what audio and face added to it, and from itself alone."""
    rows = _all_rows(corpus)
    tables = {name: words.average([words.read(r, corpus, rows) for r in found[name]])
              for name in ("text alone", "(A + V) to T")}
    return _figure(corpus, found, tables, "the text is read")


def told_by_each(corpus: Corpus, found: Runs) -> Figure:
    """H3. Figure 3: how much the face and the voice add to each word."""
    rows = _all_rows(corpus)
    tables = {f"{short} to T": words.average([words.added(r, corpus, rows, source) for r in found["MulT"]])
              for source, short in (("visual", "V"), ("audio", "A"))}
    return _figure(corpus, found, tables, "most is added")


def enhanced_text(corpus: Corpus, found: Runs) -> Figure:
    """H6. Figures 5 and 8: how the text that voice and face enhanced is read, by MulT and by HCT-MG."""
    rows = _all_rows(corpus)
    tables = {name: words.average([words.read(r, corpus, rows) for r in found[name]]) for name in ("MulT", "HCT-MG")}
    return _figure(corpus, found, tables, "the text is read")


def _all_rows(corpus: Corpus, split: str = "test") -> list[int]:
    """Corpus rows of the utterances of a split that have words to choose from."""
    rows = corpus.rows(split)
    return [int(i) for i in rows[corpus.frames["text"].lengths[rows] > 1]]


def agreement(one: Mapping[int, np.ndarray], other: Mapping[int, np.ndarray]) -> dict[str, float]:
    """`same`, the share of utterances of which both have the same heaviest word, and what `chance` would give."""
    return {"same": float(np.mean([one[row].argmax() == other[row].argmax() for row in one])),
            "chance": float(np.mean([1 / len(w) for w in one.values()]))}


def finding(corpus: Corpus, tables: Mapping[str, words.ByRow], what: str) -> str:
    """The title: how often, of all that the tables have, the heaviest word is the planted one, or the same one.

    Beside the planted word counts apart: a convolution of three words carries its meaning there.
    """
    names, (one, *others) = list(tables), tables.values()
    if max(map(len, one.values())) < 2:
        return "A single word has all the weight"
    if "salient_word" in corpus.table:
        hits = {name: [words.pointing(table, corpus, reach) for reach in (0, 1)] for name, table in tables.items()}
        told = "; ".join(f"{name} {100 * at['hit']:.0f} and {100 * near['hit']:.0f} %"
                         for name, (at, near) in hits.items())
        at, near = hits[names[0]]
        return (f"How often {what} at the planted word (framed), and there or beside it, of {at['n']} utterances:\n"
                f"{told}; a word at random {100 * at['chance']:.0f} and {100 * near['chance']:.0f} %")
    if not others:
        return f"Where {what} by {names[0]}"
    same = agreement(one, others[0])
    return (f"{names[0]} and {names[1]} have the same heaviest word in {100 * same['same']:.0f} % of {len(one)} "
            f"utterances\n(by chance in {100 * same['chance']:.0f} %)")


def _figure(corpus: Corpus, found: Runs, tables: Mapping[str, words.ByRow], what: str) -> Figure:
    return style.words(_lines(corpus, tables, chosen(corpus, found)), title=finding(corpus, tables, what))


def _lines(corpus: Corpus, tables: Mapping[str, words.ByRow], rows: Sequence[int]) -> list[tuple]:
    """What `style.words` draws: a heading for each utterance, and below it a line for each table."""
    shown: list[tuple[str, Sequence[str], Sequence[float], int]] = []
    for row in rows:
        planted = int(corpus.table["salient_word"].iloc[row]) if "salient_word" in corpus.table else -1
        shown.append((_said(corpus, row), (), (), -1))
        shown += [(name, words.names(corpus, row), table[row], planted) for name, table in tables.items()]
    return shown


def _said(corpus: Corpus, row: int) -> str:
    """What is true of an utterance, for its heading: its label or value, and what voice and face show."""
    at = corpus.table.iloc[row]
    if corpus.labels and at["label"] >= 0:
        parts = [corpus.labels[at["label"]]]
    elif "sentiment" in corpus.annotations:
        parts = [f"sentiment {corpus.annotations['sentiment'][row, 0]:+.2f}"]
    else:
        parts = [f"{at['dialogue']}, turn {at['turn']}"]
    if incongruity.planted(corpus):
        parts += [f"{what} {at[f'{m}_shown']}" for m, what in incongruity.WORDS.items()]
    return ", ".join(parts)


def conversation(corpus: Corpus, found: Runs, rows: Sequence[int]) -> Figure:
    """Utterances one below the other, as each of these models reads their text (`erclab.analysis.words.read`).

    Args:
        found: name -> runs of MulT, or of HCT-MG with the text as its primary; means over their seeds.
        rows: corpus rows of utterances of one split, such as those of a conversation, or a single one.
    """
    tables = {name: words.average([words.read(r, corpus, list(rows)) for r in records])
              for name, records in found.items()}
    return style.words(_lines(corpus, tables, rows), title=finding(corpus, tables, "the text is read"))
