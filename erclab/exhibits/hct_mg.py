"""HCT-MG's tables and figures (Wang et al. 2023, arXiv 2305.13583): H1 to H9.

The paper does not say how its heat maps of words were computed. Here: H1 shows the attention of words to frames; H3 how
much attention to a source adds to each word, because the attention weights of every word sum to 1; H2 and H6 how the
enhanced text is read, by the attention of the step that is classified. Utterances are chosen by rule
(`erclab.analysis.incongruity`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import ablation, gates, incongruity, inside, sequences, statistics, words
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.corpora.simulated.observe import LEAD_SECONDS
from erclab.exhibits import lacks
from erclab.exhibits.catalogue import Exhibit, Groups, compare_on_sequences, questions_about
from erclab.figures import inside as inside_figures
from erclab.figures import words as word_figures
from erclab.runs import Question, Record

PAPER = "hct-mg"
COMPARED = ("hct-mg", "mult", "lmf-mult", "lmr-cbt", "lf-lstm", "ef-lstm")  # all models of sequences, the order of rows
HYPER = ("learning_rate", "batch_size", "hidden", "kernel", "plateau_patience", "epochs", "layers", "heads",
         "self_layers", "optimiser", "clip")  # the last three are not in the paper's Table 8
EXAMPLES = 8  # rows of H5; the paper has four
SHOWN = 3  # utterances in a figure of words
PROBE = "probe of "  # begins the names of the questions of `probe_questions`
STEPS = (4, 24)  # fewest and most steps of an utterance's text in a figure


def _seen(corpus: Corpus, **changes) -> dict:
    return {"modalities": sequences.learnable(corpus), "task": corpus.tasks[0], **changes}


def probe_questions(corpus: Corpus) -> dict[str, Question]:
    """Quick probes of one modality each: where nothing was planted, their disagreement chooses the utterances."""
    if incongruity.has_shown(corpus):
        return {}
    return {f"{PROBE}{m}": Question("linear-pooled", {"modalities": (m,), "task": corpus.tasks[0]})
            for m in sequences.learnable(corpus)}


def crossmodal_questions(corpus: Corpus) -> dict[str, Question]:
    """H1 and H3: a model in which the text attends to voice and to face."""
    return {"MulT": Question("mult", _seen(corpus))} | probe_questions(corpus)


def self_attention_questions(corpus: Corpus) -> dict[str, Question]:
    """H2: the same self-attention over the text alone and, as in the paper, over HCT-MG's enhanced text."""
    return {"text alone": Question("mult", _seen(corpus, modalities=("text",))),
            "(A + V) to T": Question("hct-mg", _seen(corpus, primary="text"))} | probe_questions(corpus)


def enhanced_questions(corpus: Corpus) -> dict[str, Question]:
    """H6: HCT-MG with the text as its primary, so that there is an enhanced text in every seed."""
    return {"MulT": Question("mult", _seen(corpus)),
            "HCT-MG": Question("hct-mg", _seen(corpus, primary="text"))} | probe_questions(corpus)


def hard_questions(corpus: Corpus) -> dict[str, Question]:
    """H5: the two models of the paper's Table 3."""
    return questions_about(("mult", "hct-mg"), **_seen(corpus)) | probe_questions(corpus)


def gate_questions(corpus: Corpus) -> dict[str, Question]:
    """H7: the model with its gate."""
    return {"HCT-MG": Question("hct-mg", _seen(corpus))}


def primary_questions(corpus: Corpus) -> dict[str, Question]:
    """H8: gating first, then each modality as the primary that never changes."""
    return {"gating": Question("hct-mg", _seen(corpus))} | {
        f"primary {m}": Question("hct-mg", _seen(corpus, primary=m)) for m in sequences.learnable(corpus)}


# H1, H2, H3 and H6

def probe_runs(groups: Groups) -> dict[str, Record]:
    """Modality -> the first run of its probe, where these runs have probes."""
    return {name.removeprefix(PROBE): records[0] for name, records in groups.items() if name.startswith(PROBE)}


def chosen_rows(corpus: Corpus, groups: Groups, count: int = SHOWN) -> list[int]:
    """Corpus rows of the most incongruent test utterances whose length fits a figure; if none of that length is
    incongruent, of the first ones.

    Raises:
        UsageError: no test utterance has such a length.
    """
    selected = incongruity.incongruent_utterances(corpus, probe_runs(groups))
    rows = (incongruity.examples(selected, corpus, count, STEPS)
            or incongruity.examples(selected.assign(incongruent=True), corpus, count, STEPS))
    if not rows:
        raise UsageError(f"no test utterance of {corpus.name} has {STEPS[0]} to {STEPS[1]} steps of text")
    return rows


def frames_by_words(corpus: Corpus, groups: Groups, row: int | None = None) -> Figure:
    """H1. Figure 1: the attention of an utterance's words to the frames of its face, mean over seeds, layers and heads.

    On a simulated corpus the planted word and the frames in which the face shows it are framed.

    Args:
        row: another utterance than the most incongruent one.
    """
    row = chosen_rows(corpus, groups, 1)[0] if row is None else row
    maps = [words.maps(r, corpus, row)["text_from_visual"] for r in groups["MulT"]]
    attention, even = np.mean(maps, axis=0), np.mean([words.evenness(m) for m in maps])
    title, planted = f"{_heading(corpus, row)}: {100 * even:.0f} % of the entropy of even attention", None
    if "burst_start" in corpus.table:
        at = corpus.table.iloc[row]
        lead = LEAD_SECONDS["visual"]
        planted = at["burst_start"] - lead, at["burst_end"] - lead, int(at["salient_word"])
        ratio = np.mean([inside.focus(r, corpus)["ratio"]["text_from_visual"] for r in groups["MulT"]])
        title += f"\nWhat was planted (framed) gets {ratio:.2f} times an even share, over all test utterances"
    return word_figures.attention_map(attention * attention.shape[1], words.step_names(corpus, row), title=title,
                                      rate=corpus.frames["visual"].rate, planted=planted)


def read_with_and_without(corpus: Corpus, groups: Groups) -> Figure:
    """H2. Figure 2: how the text is read with audio and face added to it, and from itself alone."""
    rows = words.utterances(corpus)
    tables = {name: words.average([words.reading_weights(r, corpus, rows) for r in groups[name]])
              for name in ("text alone", "(A + V) to T")}
    return _sentences(corpus, groups, tables, "the text is read")


def added_by_each(corpus: Corpus, groups: Groups) -> Figure:
    """H3. Figure 3: how much the face and the voice add to each word."""
    rows = words.utterances(corpus)
    tables = {f"{short} to T": words.average([words.added(r, corpus, rows, source) for r in groups["MulT"]])
              for source, short in (("visual", "V"), ("audio", "A"))}
    return _sentences(corpus, groups, tables, "most is added")


def enhanced_text(corpus: Corpus, groups: Groups) -> Figure:
    """H6. Figures 5 and 8: how the text that voice and face enhanced is read, by MulT and by HCT-MG."""
    rows = words.utterances(corpus)
    tables = {name: words.average([words.reading_weights(r, corpus, rows) for r in groups[name]])
              for name in ("MulT", "HCT-MG")}
    return _sentences(corpus, groups, tables, "the text is read")


def weights_of_utterances(corpus: Corpus, groups: Groups, rows: Sequence[int]) -> Figure:
    """Utterances one below the other, with the weights by which each model reads the text.

    Args:
        groups: name -> runs of MulT, or of HCT-MG with the text as its primary; means over their seeds.
        rows: corpus rows of utterances of one split, such as those of a conversation, or a single one.
    """
    tables = {name: words.average([words.reading_weights(r, corpus, list(rows)) for r in records])
              for name, records in groups.items()}
    return word_figures.sentences(_lines(corpus, tables, rows), title=words.finding(corpus, tables, "the text is read"))


def _sentences(corpus: Corpus, groups: Groups, tables: Mapping[str, words.ByRow], what: str) -> Figure:
    return word_figures.sentences(_lines(corpus, tables, chosen_rows(corpus, groups)),
                                  title=words.finding(corpus, tables, what))


def _lines(corpus: Corpus, tables: Mapping[str, words.ByRow], rows: Sequence[int]) -> list[tuple]:
    """For `figures.words.sentences`: a heading per utterance, and below it a line per table."""
    shown: list[tuple[str, Sequence[str], Sequence[float], int]] = []
    for row in rows:
        planted = int(corpus.table["salient_word"].iloc[row]) if "salient_word" in corpus.table else -1
        shown.append((_heading(corpus, row), (), (), -1))
        shown += [(name, words.step_names(corpus, row), table[row], planted) for name, table in tables.items()]
    return shown


def _heading(corpus: Corpus, row: int) -> str:
    """The heading of an utterance: its label or value, and what voice and face show."""
    at = corpus.table.iloc[row]
    if corpus.labels and at["label"] >= 0:
        parts = [corpus.labels[at["label"]]]
    elif "sentiment" in corpus.annotations:
        parts = [f"sentiment {corpus.annotations['sentiment'][row, 0]:+.2f}"]
    else:
        parts = [f"{at['dialogue']}, turn {at['turn']}"]
    if incongruity.has_shown(corpus):
        parts += [f"{what} {at[f'{m}_shown']}" for m, what in incongruity.WORDS.items()]
    return ", ".join(parts)


# H5

def hard_samples(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """H5. Table 3: the most incongruent utterances by rule, see `erclab.analysis.incongruity.hard_samples`."""
    return incongruity.hard_samples(corpus, {name: groups[name] for name in ("MulT", "HCT-MG")}, probe_runs(groups),
                                    EXAMPLES)


# H7 and H8

def gate_pace(corpus: Corpus, groups: Groups) -> Figure:
    """H7. Figures 6 and 7: the weight of each modality at every batch of the first epoch, and its mean per epoch."""
    records = groups["HCT-MG"]
    paths = [gates.pace(r) for r in records]
    first = Counter(max(path, key=lambda m, path=path: path[m][0, -1]) for path in paths)
    return inside_figures.gate_pace(paths, (
        f"Ahead after one epoch, by training:\n{gates.counted(first, len(paths))}",
        f"Primary in the end, by training:\n{gates.counted(gates.final_primaries(records), len(paths))}"))


def primaries(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """H8. Table 4: differences from gating, see `erclab.analysis.ablation.effects`; `chosen`, the gate's final choice.
    """
    metric = statistics.shown_metric(groups)
    names = {"gating": "unaligned"} | {name: name for name in groups if name != "gating"}
    made = ablation.effects(groups, corpus, metric=metric, matters=ablation.ARCHITECTURE,
                            published=sequences.printed_variants(PAPER, corpus, names, metric))
    last = gates.final_primaries(groups["gating"])
    return made.assign(chosen=[gates.counted(last, len(groups["gating"]))] + [""] * (len(groups) - 1))


def _check(least: int, *needed: str) -> lacks.Check:
    return lacks.all_of(lacks.sequences(least, *needed), lacks.task())


THREE = _check(3, "text", "audio", "visual")

EXHIBITS = (
    Exhibit("H1", "which frames the words attend to (Experiment 1, Figure 1)", "sequences of text and visual",
            frames_by_words, crossmodal_questions, _check(2, "text", "visual"), view="sequence"),
    Exhibit("H2", "how the text is read, with and without voice and face (Experiment 2, Figure 2)",
            "sequences of three modalities", read_with_and_without, self_attention_questions, THREE,
            view="sequence"),
    Exhibit("H3", "what face and voice add to each word (Experiment 3, Figure 3)", "sequences of three modalities",
            added_by_each, crossmodal_questions, THREE, view="sequence"),
    Exhibit("H4", "models beside one another, with sizes (Table 2)", "sequences of two modalities",
            lambda corpus, groups: sequences.beside_paper(groups, corpus, PAPER),
            lambda corpus: compare_on_sequences(corpus, COMPARED), _check(2), view="sequence"),
    Exhibit("H5", "hard samples, whose modalities contradict each other (Table 3)", "sequences of two modalities",
            hard_samples, hard_questions, _check(2), view="sequence"),
    Exhibit("H6", "the words of the enhanced text, MulT beside HCT-MG (Figures 5 and 8)",
            "sequences of three modalities", enhanced_text, enhanced_questions, THREE, view="sequence"),
    Exhibit("H7", "modality weights per batch and per epoch (Figures 6 and 7)", "sequences of two modalities",
            gate_pace, gate_questions, _check(2), view="sequence"),
    Exhibit("H8", "the primary modality fixed, against gating (Table 4)", "sequences of two modalities", primaries,
            primary_questions, _check(2), view="sequence"),
    Exhibit("H9", "splits, sampling rates, shapes and hyper-parameters (Tables 5 to 8)",
            "sequences of two modalities",
            lambda corpus, groups: sequences.facts_beside_paper(PAPER, corpus, HYPER), check=_check(2),
            view="sequence"),
)
