"""`erc.predict`: what a trained run says of conversations that are not in its corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch

from erclab import runs
from erclab.analysis.inside import check_corpus
from erclab.core.downloads import refuse
from erclab.core.errors import CorpusError, UsageError
from erclab.core.tasks import predictions
from erclab.corpora import UNLABELLED, Corpus, Frames
from erclab.corpora.views import DialogueView, SequenceView, Standardiser
from erclab.features import text as text_features
from erclab.runs import Record

Conversations: TypeAlias = str | Path | pd.DataFrame
NEEDED = ("speaker", "text")


@torch.inference_mode()
def predict(run: Record, conversations: Conversations, *,
            vectors: Mapping[str, np.ndarray | Sequence[np.ndarray]] | None = None, corpus: Corpus | None = None,
            text_encoder: str | Path | None = None, device: str = "cpu") -> pd.DataFrame:
    """Label the utterances of conversations with a trained run.

    Args:
        run: a run of `erc.run`.
        conversations: a csv or parquet file or a DataFrame, one row per utterance in the order of the conversation,
            with the columns `speaker` and `text`; `dialogue` where there are several conversations.
        vectors: modality -> (N, D) array, row i belongs to utterance i, made as the vectors of the run's corpus were. A
            row of zeros lacks the modality. For a model of sequences: N arrays (L_i, D). The text may be left out where
            erclab made the text vectors of the corpus itself: they are then computed from the column `text`.
        corpus: the corpus that the run was trained on, for a record that was loaded without it; the features are
            standardised by its training split.
        text_encoder: the folder of the encoder that made the corpus's text vectors, if it is a folder.
        device: where to compute.

    Returns:
        One row per utterance: `dialogue`, `turn`, `speaker`, `text`, then `label` and the probability of each label.
        Of a regression: the predicted numbers under their names. Of `emotion4`: the probability of each emotion.

    Raises:
        UsageError: the run cannot read the conversations; the message says what is missing and how to give it.
        RunError: the run was fitted, or its weights are gone.
        FeatureError: the text cannot be encoded.
    """
    if not isinstance(run, Record):
        raise UsageError(f"predict needs one run, not {type(run).__name__}",
                         remedy="Give one of those that erc.run returns, such as runs[0].")
    corpus = getattr(run, "corpus", None) if corpus is None else corpus
    if corpus is None:
        raise UsageError("the corpus that the run was trained on is not at hand", where=run.id,
                         remedy=f'Give it: corpus=erc.load("{run.spec["corpus"]}").')
    check_corpus(run, corpus)
    model = run.model(device)
    example = runs.views(run.spec, corpus, splits=["test"])["test"]
    sequences = isinstance(example, SequenceView)
    given = dict(vectors or {})
    table = _table(conversations, given)
    new = _corpus(run, corpus, table)
    read = [m for m in run.spec["modalities"] if not (m == "text" and run.spec["words"])]
    for m in given:
        if m not in read:
            raise UsageError(f"vectors of {m} are given, and the run reads {', '.join(read) or 'words alone'}",
                             where=run.id, remedy=f"Leave {m} out.")
    if "text" in read and "text" not in given:
        given["text"] = _encoded(run, corpus, table, text_encoder, sequences, device)
    absent = [m for m in read if m not in given]
    if absent:
        reads, lacks = ", ".join(run.spec["modalities"]), ", ".join(absent)
        raise UsageError(f"the run reads {reads}, and no vectors of {lacks} are given", where=run.id,
                         remedy=f"Give vectors={{'{absent[0]}': array}}, one row per utterance; a row of zeros means "
                         "that the utterance lacks the modality.")
    new = _with(new, given, corpus, sequences)
    _fits(run, new)
    fit = Standardiser.fit(corpus, read, frames=sequences) if run.spec["recipe"]["standardise"] else None
    if sequences:
        view = SequenceView(new, "test", run.spec["modalities"], device, fit, run.target)
    else:
        words = text_features.token_ids(list(table["text"]), run.spec["words"]) if run.spec["words"] else None
        view = DialogueView(new, "test", run.spec["modalities"], device, fit, run.target, words)
    found = np.empty((len(new), run.predictions("test").shape[1]), np.float32)
    for batch in view.batches(32):
        there = batch.rows >= 0
        found[batch.rows[there].cpu()] = predictions(run.target, model(batch).logits[there]).cpu()
    return pd.concat([new.table[["dialogue", "turn", "speaker", "text"]], _named(run, found)], axis=1)


def _named(run: Record, found: np.ndarray) -> pd.DataFrame:
    """The columns of a prediction by name; see `predict`."""
    if run.target.kind == "classes":
        table = pd.DataFrame(np.exp(found), columns=run.labels)
        table.insert(0, "predicted" if "label" in run.labels else "label", np.array(run.labels)[found.argmax(1)])
        return table
    return pd.DataFrame(np.exp(found[:, 1::2]) if run.target.kind == "binary" else found,
                        columns=list(run.target.names))


def _table(conversations: Conversations, vectors: Mapping[str, object]) -> pd.DataFrame:
    """One row per utterance, the columns as text; the column `text` may be absent where its vectors are given."""
    where = "the table"
    if isinstance(conversations, pd.DataFrame):
        raw = conversations.reset_index(drop=True)
    elif isinstance(conversations, str | Path):
        where = str(conversations)
        raw = _file(Path(conversations))
    else:
        raise UsageError(f"conversations are a {type(conversations).__name__}",
                         remedy="Give a DataFrame, or the path of a csv or parquet file.")
    if not len(raw):
        raise UsageError("there is no utterance", where=where, remedy="Write one row per utterance.")
    needed = [c for c in NEEDED if c not in raw and not (c == "text" and "text" in vectors)]
    if needed:
        raise UsageError(f"the column{'s' * (len(needed) > 1)} {', '.join(needed)} {'are' if needed[1:] else 'is'} "
                         f"missing", where=where, remedy=f"It has {', '.join(map(str, raw.columns))[:120]}.")
    table = pd.DataFrame({c: raw[c].map(lambda x: "" if pd.isna(x) else str(x)) if c in raw else ""
                          for c in NEEDED}, index=raw.index)
    table["dialogue"] = raw["dialogue"].map(str) if "dialogue" in raw else "1"
    return table


def _file(path: Path) -> pd.DataFrame:
    readers = {".csv": lambda p: pd.read_csv(p, dtype=str, keep_default_na=False, encoding="utf-8"),
               ".parquet": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise UsageError(f"'{path.suffix}' is no kind of file that is read", where=str(path),
                         remedy="Give a csv or parquet file, or a DataFrame.")
    refuse(path, path.suffix.lower()[1:], error=UsageError)
    try:
        return readers[path.suffix.lower()](path)
    except Exception as error:  # the parsers of pandas and pyarrow raise many kinds
        reason = " ".join(str(error).split())[:120]
        raise UsageError(f"the file cannot be read ({reason})", where=str(path),
                         remedy="Save it again: UTF-8, a header, one row per utterance.") from None


def _corpus(run: Record, corpus: Corpus, table: pd.DataFrame) -> Corpus:
    """The conversations as a corpus of one split, without features. Its labels are placeholders: a view refuses a split
    that has none."""
    turn = table.groupby("dialogue", sort=False).cumcount().astype("int64")
    table = table.assign(split="test", turn=turn, label=0 if corpus.labels else UNLABELLED)
    lowest = {t.name: t.scale[0] for t in corpus.own_tasks if t.scale}
    annotations = {t: np.full((len(table), x.shape[1]), lowest.get(t, 0), np.float32)
                   for t, x in corpus.annotations.items()}
    try:
        return Corpus(f"conversations for {corpus.name}", table, corpus.labels, roles=corpus.roles,
                      source="the conversations", annotations=annotations, own_tasks=corpus.own_tasks)
    except CorpusError as error:
        raise UsageError(error.problem, where=error.where, remedy=error.remedy) from None


def _encoded(run: Record, corpus: Corpus, table: pd.DataFrame, encoder: str | Path | None, sequences: bool, device: str
             ) -> np.ndarray | list[np.ndarray]:
    """The text by the encoder of the corpus: (N, D), or (L_i, D) for each utterance."""
    identity = corpus.encoders.get("text frames" if sequences else "text", "")
    if not identity:
        raise UsageError(f"the run reads text vectors, and what made those of {corpus.name} is not known",
                         where=run.id, remedy="Give vectors={'text': array}, made in the same way.")
    name = identity.partition("@")[0]
    if encoder is None and name == "local":
        raise UsageError("the text vectors of the corpus were made by an encoder in a folder", where=run.id,
                         remedy="Give text_encoder=FOLDER, or vectors={'text': array}.")
    encoder = name if encoder is None else encoder
    if text_features.encoder_identity(encoder) != identity:
        raise UsageError(f"the encoder {encoder} is not the one that made the text vectors of {corpus.name}",
                         where=run.id, remedy=f"Give the folder of {identity[:40]}, or vectors={{'text': array}}.")
    words = list(table["text"])
    if not sequences:
        return text_features.encode(words, encoder, device=device, progress=False)
    values, starts, _ = text_features.tokens(words, encoder, device=device, progress=False)
    frames = Frames(values, starts)
    return [frames[i] for i in range(len(frames))]


def _with(new: Corpus, given: Mapping[str, np.ndarray | Sequence[np.ndarray]], corpus: Corpus, sequences: bool
          ) -> Corpus:
    """The conversations with their vectors or frames, after a check of their shapes."""
    count, made = len(new), {}
    for m, x in given.items():
        width = (corpus.frame_dims if sequences else corpus.dims)[m]
        try:
            parts = [np.asarray(part, np.float32) for part in x]
        except (TypeError, ValueError):
            raise UsageError(f"the vectors of {m} are not arrays of numbers", where="vectors") from None
        shapes = {(part.ndim, part.shape[-1] if part.ndim else 0) for part in parts}
        if len(parts) != count or shapes != {(2 if sequences else 1, width)}:
            want = f"{count} arrays of shape (L, {width})" if sequences else f"an array of shape ({count}, {width})"
            raise UsageError(f"the vectors of {m} have the shape {np.shape(x) or '()'}" if not sequences else
                             f"the vectors of {m} are {len(parts)} arrays of {sorted(shapes)} (axes, width)",
                             where="vectors", remedy=f"Give {want}, one row per utterance.")
        made[m] = Frames.pack(parts) if sequences else np.stack(parts)
    try:
        return replace(new, **{"frames" if sequences else "vectors": made})
    except CorpusError as error:
        raise UsageError(error.problem, where=error.where, remedy=error.remedy) from None


def _fits(run: Record, new: Corpus) -> None:
    """Refuse conversations of more speakers or turns than the model was built for."""
    settings = run.spec["settings"]
    for what, most, have in (("speakers", settings.get("speakers"), new.speaker_count),
                             ("turns in a dialogue", settings.get("max_turns"), new.longest)):
        if most is not None and have > most:
            raise UsageError(f"the conversations have {have} {what}, the model tells {most} apart"
                             if what == "speakers" else f"the conversations have {have} {what}, the model takes {most}",
                             where=run.id, remedy="Split the conversations, or train on a corpus that has as many.")
