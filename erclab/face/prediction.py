"""`erc.predict`: what a trained run says of conversations that are not in its corpus."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from erclab import runs
from erclab.analysis import why
from erclab.analysis.inside import check_corpus
from erclab.core.errors import CorpusError, UsageError
from erclab.core.memory import enough_memory
from erclab.core.storage import write_atomically
from erclab.core.storing import storing
from erclab.core.tasks import predictions
from erclab.corpora import UNLABELLED, Corpus, Frames
from erclab.corpora.notices import tell, unknown_words
from erclab.corpora.views import DialogueView, SequenceView, View, flat
from erclab.face import page
from erclab.face.conversations import Conversations, Table, Vectors, arrays, read, seated
from erclab.features import text as text_features
from erclab.runs import Record
from erclab.runs.export import tokenizer_of
from erclab.runs.fitted import Fitted
from erclab.training.device import choose_device, repeatable

SHOWN = ("dialogue", "turn", "speaker", "text")
KINDS = (".csv", ".parquet", ".html")


class Predicted(pd.DataFrame):
    """The table of `predict`: a DataFrame that also says what was left out, and becomes a page.

    `attrs` has `title`, `columns` (the names of what is predicted), `likely` (whether they are probabilities), `answer`
    (the column of the label, or "") and `notices`, lines about what was not used or read otherwise.
    """

    @property
    def notices(self) -> list[str]:
        """Lines about what was there and not used."""
        return list(self.attrs.get("notices", ()))

    def save(self, path: str | Path) -> Path:
        """Write the table as csv or parquet, or the conversation as a page (html) with a colour for each emotion.

        Raises:
            UsageError: another kind of file.
            ErclabError: the file cannot be written.
        """
        path = Path(path).expanduser()
        try:
            with storing("the predictions", path, "Name another file, or free some space."):
                write_atomically(path, self._bytes(checked_path(path).suffix.lower()))
        except ImportError:
            raise UsageError("writing parquet needs pyarrow", where=path,
                             remedy="Install it (pip install pyarrow), or write csv.") from None
        return path

    def _bytes(self, kind: str) -> bytes:
        if kind == ".html":
            return page.render(self, **{name: self.attrs[name] for name in page.ASKED}).encode("utf-8", "replace")
        plain = pd.DataFrame(self)
        return plain.to_parquet(index=False) if kind == ".parquet" else plain.to_csv(
            index=False, lineterminator="\n").encode("utf-8", "replace")

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>note: {html.escape(line)}</p>" for line in self.notices)
        return (super()._repr_html_() or "") + notes


def checked_path(path: Path) -> Path:
    """The path of a file for predictions, before an hour of work.

    Raises:
        UsageError: another kind of file than those that are written.
    """
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"'{path.suffix}' is no kind of file that is written", where=str(path),
                         remedy=f"Name a file that ends with {', '.join(KINDS)}.")
    return path


def load_model(run: str | Path, *, folder: str | Path | None = None, model: type | None = None) -> Record:
    """A run by its name: `.model()` is the trained network, `erc.predict` takes the run. No corpus is needed.

    Args:
        run: a folder that `erclab export` wrote; or the id of a run, the beginning of an id, or the path of a record.
        folder: where runs are kept; `build/runs` of the checkout by default.
        model: the class of the run, for an exported run of a class of one's own, whose source is never run from a file.

    Raises:
        UsageError: there is no such run, or several.
        RunError: the run cannot be read, or its class is needed.
    """
    return runs.find(run, folder, model=model)


def predict(run: Record | str | Path, conversations: Conversations, *, vectors: Vectors | None = None,
            explain: bool = False, columns: Mapping[str, str] | None = None,
            out: str | Path | Sequence[str | Path] = (), corpus: Corpus | None = None,
            text_encoder: str | Path | None = None, device: str = "cpu") -> Predicted:
    """Label the utterances of conversations with a trained run. The corpus of its training is not needed.

    Args:
        run: a run of `erc.run`; or what `erc.load_model` takes: an exported folder, an id, the beginning of an id.
        conversations: a csv or parquet file or a DataFrame, one row per utterance in the order of the conversation,
            with the columns `speaker` and `text`; `dialogue` where there are several conversations. `turn` (whole
            numbers) and `id` are used where they are there. An empty text is missing.
        vectors: modality -> (N, D) array, row i belongs to utterance i, made as the vectors of the run's corpus were. A
            row of zeros lacks the modality. For a model of sequences: N arrays (L_i, D). Or the path of an npz or npy
            file. Files beside a table are read without it: `audio.npz`, or `NAME.audio.npz` of NAME.csv. The text may
            be left out where erclab made the text vectors of training itself: they are then computed.
        explain: add what mattered for each utterance, see `erclab.analysis.why`.
        columns: our name -> the table's name, for columns that are called otherwise: {"text": "Utterance"}.
        out: a file or files to write: csv, parquet, html (see `Predicted.save`).
        corpus: the corpus that the run was trained on; only for a run of an older version of erclab, with which the
            standardiser was not kept.
        text_encoder: the folder of the encoder that made the text vectors of training, if it is a folder.
        device: where to compute: "cpu", "cuda", "auto" ...

    Returns:
        One row per utterance: `dialogue`, `turn`, `speaker`, `text`, then `label` and the probability of each label.
        Of a regression: the predicted numbers under their names. Of `emotion4`: the probability of each emotion.
        `.save("x.html")` writes the conversation as a page, `.notices` says what was not used.

        Speakers that the model does not know take the places of those that it knows, in the order in which they appear;
        surplus speakers share the last place. A notice says so.

    Raises:
        UsageError: the run cannot read the conversations; the message says what is missing and how to give it.
        RunError: the run's weights are gone.
        FeatureError: the text cannot be encoded.
    """
    if isinstance(run, str | Path):
        run = load_model(run)
    if not isinstance(run, Record):
        raise UsageError(f"predict needs one run, not {type(run).__name__}",
                         remedy="Give one of those that erc.run returns, such as runs[0].")
    if not isinstance(vectors, Mapping | None):
        raise UsageError(f"vectors are a {type(vectors).__name__}", remedy="Give {'audio': array}: modality -> array.")
    out = [out] if isinstance(out, str | Path) else out
    for path in out:
        checked_path(Path(path))
        if isinstance(conversations, str | Path) and _same_file(path, conversations):
            raise UsageError("the predictions would replace the conversations", where=str(path),
                             remedy="Name another file (--out).")
    asked = _Asked(run, _kept(run, corpus), str(choose_device(device)), text_encoder)
    with enough_memory("the prediction", "Give fewer conversations, or choose another device (--device cpu)."):
        model = asked.network()
        table = read(conversations, columns, needs_text="text" not in (vectors or {}))
        new, steps = asked.corpus(table, dict(vectors or {}))
        tell(new)
        found, explained = asked.answers(model, new, steps, explain)
    parts = [table.rows[list(SHOWN)].reset_index(drop=True), _named(run, found), explained]
    made = Predicted(pd.concat(parts, axis=1))
    answer = made.columns[len(SHOWN)] if run.target.kind == "classes" else ""
    source = f"{table.path.name}: " if table.path else ""
    made.attrs = {"title": f"{source}{run.title} trained on {run.spec['corpus']}", "answer": str(answer),
                  "columns": _columns(run), "likely": run.target.kind != "numbers",
                  "notices": list(new.notices)}
    for path in out:
        made.save(path)
    return made


def _same_file(first: str | Path, second: str | Path) -> bool:
    return Path(first).expanduser().resolve() == Path(second).expanduser().resolve()


def _kept(run: Record, corpus: Corpus | None) -> Fitted:
    """What was fitted on the corpus of training: as kept with the run, or else from the corpus."""
    if corpus is not None:
        check_corpus(run, corpus)
    kept = run.fitted
    if kept is not None:
        return kept
    corpus = getattr(run, "corpus", None) if corpus is None else corpus
    if corpus is None:
        raise UsageError("an older version of erclab made the run, so the corpus of its training is needed",
                         where=run.id, remedy=f'Give it: corpus=erc.load("{run.spec["corpus"]}"), on the command line '
                         f"--corpus {run.spec['corpus']} (and --data); or train again with force=True (--force).")
    check_corpus(run, corpus)
    return runs.fitted_on(run.spec, corpus)


class _Asked:
    """A run that is asked about conversations."""

    def __init__(self, run: Record, kept: Fitted, device: str, text_encoder: str | Path | None):
        self.run, self.kept, self.device, self.text_encoder = run, kept, device, text_encoder
        self.modalities, self.words = run.spec["modalities"], run.spec["words"]
        self.read = [m for m in self.modalities if not (m == "text" and self.words)]
        self.of_words = bool(self.words) or run.info.view == "text"
        if run.info.view == "text" or run.info.name == "constant":
            self.read = []
        self.encodes = False  # whether the text vectors of the conversations are made here
        self.widths = run.data["corpus"]["frame_dims" if kept.sequences else "dims"]

    def network(self):
        """The model, trained or fitted."""
        if self.run.info.kind == "trained":
            return self.run.model(self.device)
        if self.run.info.name == "persistence":
            raise UsageError("persistence repeats the true label of the turn before, which new conversations lack",
                             where=self.run.id, remedy="Take another run.")
        return self.run.baseline()

    def corpus(self, table: Table, vectors: Vectors) -> tuple[Corpus, list[list[str]] | None]:
        """The conversations as a corpus of one split, with notices; and the words of the text's steps."""
        for m in vectors:
            if m not in self.read:
                reads = ", ".join(self.read) or ("words alone" if self.of_words else "nothing")
                raise UsageError(f"vectors of {m} are given, and the run reads {reads}",
                                 where=self.run.id, remedy=f"Leave {m} out.")
        given, notices = arrays(table, vectors, self.read, {m: x for m in self.read if (x := self._maker(m))})
        steps = None
        if "text" in self.read and "text" not in given:
            self.encodes = not self.kept.sequences
            given["text"], steps = self._encoded(list(table.rows["text"]))
            notices += [*self._empty(table), *unknown_words(list(table.rows["text"]), self._encoder())]
        elif self.of_words:
            notices += self._empty(table)
        absent = [m for m in self.read if m not in given]
        if absent:
            reads, lacks = ", ".join(self.modalities), ", ".join(absent)
            maker = self._maker(absent[0])
            made = f" Those of training were made by {maker[:60]} (erclab features {absent[0]})." if maker else ""
            raise UsageError(f"the run reads {reads}, and no vectors of {lacks} are given", where=self.run.id,
                             remedy=f"Give vectors={{'{absent[0]}': array}} (--vectors {absent[0]}=FILE.npz), one row "
                             f"per utterance; a row of zeros means that the utterance lacks the modality.{made}")
        new, moved = self._table(table)
        return self._with(new, given).noting(*table.notices, *notices, *moved), steps

    def answers(self, model, new: Corpus, steps: list[list[str]] | None, explain: bool
                ) -> tuple[np.ndarray, pd.DataFrame | None]:
        """(N, C) predictions, and what mattered for each."""
        if self.run.info.kind == "fitted":
            return self._fitted(model, new, explain)
        view = self._view(new)
        found = np.empty((len(new), self.run.spec["settings"]["outputs"]), np.float32)
        with torch.inference_mode(), repeatable(view.rows.device):
            for batch in view.batches(32):
                there = batch.rows >= 0
                found[batch.rows[there].cpu()] = predictions(self.run.target, model(batch).logits[there]).cpu()
        if not explain:
            return found, None
        return found, why.trained(model, view, self.run.target.kind, texts=list(new.table["text"]), steps=steps,
                                  turns=list(new.table["turn"]), ids=self._ids if self.words else None,
                                  encode=self._vectors if self.encodes else None)

    def _view(self, new: Corpus) -> View:
        fit = self.kept.standardiser
        if self.kept.sequences:
            return SequenceView(new, "test", self.modalities, self.device, fit, self.run.target)
        words = self._ids(list(new.table["text"])) if self.words else None
        return DialogueView(new, "test", self.modalities, self.device, fit, self.run.target, words)

    def _ids(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The words as token ids, by the tokenizer of training."""
        return text_features.token_ids(texts, self.words, tokenizer=tokenizer_of(self.run))

    def _fitted(self, model, new: Corpus, explain: bool) -> tuple[np.ndarray, pd.DataFrame | None]:
        part = flat(new, self.read, self.run.target, pooled=self.kept.sequences,
                    standardiser=self.kept.standardiser, splits=["test"])["test"]
        found = model.predict(part).astype(np.float32)
        if not explain:
            return found, None
        if self.of_words:
            return found, why.of_words(model, part, self.run.target.kind)
        if not self.read:
            raise UsageError(f"{self.run.title} reads nothing that could be explained", where=self.run.id,
                             remedy="Leave explain (--explain) out.")
        widths = {m: self.widths[m] * (1 + self.kept.sequences) for m in self.read}  # pooled: mean and deviation
        return found, why.linear(model, found, part.features, widths)

    def _table(self, table: Table) -> tuple[Corpus, list[str]]:
        """The conversations without features, their speakers as the model tells them apart. Labels are placeholders:
        a view refuses a split that has none."""
        settings, target, names = self.run.spec["settings"], self.run.target, self.run.data["corpus"]["labels"]
        rows, moved = table.rows, []
        roles: tuple[str, ...] = ()
        if "speakers" in settings:
            roles = self.kept.roles
            rows, moved = seated(rows, roles, settings["speakers"])
        rows = rows.assign(split="test", label=0 if names else UNLABELLED)
        own = () if target.built_in else (replace(target, centre=(), width=()),)
        columns = 1 if target.kind == "classes" else len(target.names)
        lowest = np.full((len(rows), columns), target.scale[0] if target.scale else 0, np.float32)
        values = {} if self.run.task == "emotion" else {self.run.task: lowest}
        try:
            new = Corpus("conversations", rows, tuple(names), roles=roles,
                         source=str(table.path or "the conversations"), annotations=values, own_tasks=own)
        except CorpusError as error:
            raise error.recast(UsageError) from None
        most = settings.get("max_turns")
        if most is not None and new.longest > most:
            raise UsageError(f"the conversations have {new.longest} turns in a dialogue, the model takes {most}",
                             where=self.run.id, remedy="Split the conversations, or train on a corpus of as many.")
        return new, moved

    def _encoded(self, texts: list[str]) -> tuple[np.ndarray | Frames, list[list[str]] | None]:
        """The text by the encoder of training: vectors (N, D), zeros for an empty text; or frames and their words."""
        identity, corpus = self._maker("text"), self.run.spec["corpus"]
        if not identity:
            raise UsageError(f"the run reads text vectors, and what made those of {corpus} is not known",
                             where=self.run.id, remedy="Give vectors={'text': array} (--vectors text=FILE.npz), made "
                             "in the same way; or take a run that reads words, such as tfidf.")
        encoder = self._encoder()
        if encoder == "local":
            raise UsageError("the text vectors of the corpus were made by an encoder in a folder", where=self.run.id,
                             remedy="Give text_encoder=FOLDER (--text-encoder FOLDER), or vectors={'text': array} "
                             "(--vectors text=FILE.npz).")
        if text_features.encoder_identity(encoder) != identity:
            raise UsageError(f"the encoder {encoder} is not the one that made the text vectors of {corpus}",
                             where=self.run.id, remedy=f"Give the folder of {identity[:40]}, or vectors={{'text': "
                             "array}} (--vectors text=FILE.npz).")
        if not self.kept.sequences:
            return self._encode(texts), None
        values, starts, words = text_features.tokens(texts, encoder, device=self.device, progress=False)
        return Frames(values, starts), [words[a:b] for a, b in pairwise(starts)]

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        """(N, D) float32, zeros for an empty text."""
        vectors = text_features.encode(texts, self._encoder(), device=self.device, progress=False)
        return np.where([[bool(t)] for t in texts], vectors, np.float32(0))

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        """The same as the model reads them."""
        x = self._encode(texts)
        fit = self.kept.standardiser
        return (x if fit is None else fit("text", x)).astype(np.float32)

    def _encoder(self) -> str | Path:
        """The encoder of the text: the one that was given, or that of training; of a Hugging Face name its commit."""
        identity = self._maker("text")
        name = identity.partition("@")[0]
        return (name if name in ("minilm", "local") else identity) if self.text_encoder is None else self.text_encoder

    def _maker(self, modality: str) -> str:
        """What made the features of training, "" where it is not known."""
        return self.run.data["corpus"]["encoders"].get(f"{modality} frames" if self.kept.sequences else modality, "")

    @staticmethod
    def _empty(table: Table) -> list[str]:
        count = int((table.rows["text"] == "").sum())
        return [f"{count} utterance{'s have' if count > 1 else ' has'} no text, which counts as missing"] * bool(count)

    def _with(self, new: Corpus, given: Mapping[str, np.ndarray | Frames | Sequence[np.ndarray]]) -> Corpus:
        """The conversations with their vectors or frames, after a check of their shapes."""
        count, sequences, made = len(new), self.kept.sequences, {}
        for m, x in given.items():
            width = self.widths[m]
            x = x.to_numpy() if isinstance(x, pd.DataFrame) else x
            try:
                parts = [np.asarray(part, np.float32) for part in
                         ([x[i] for i in range(len(x))] if isinstance(x, Frames) else x)]
            except (TypeError, ValueError):
                raise UsageError(f"the vectors of {m} are not arrays of numbers", where="vectors") from None
            shapes = {(part.ndim, part.shape[-1] if part.ndim else 0) for part in parts}
            if len(parts) != count or shapes != {(2 if sequences else 1, width)}:
                want = f"{count} arrays of shape (L, {width})" if sequences else f"an array of shape ({count}, {width})"
                raise UsageError(f"the vectors of {m} have the shape {np.shape(x) or '()'}"
                                 if isinstance(x, np.ndarray) and not sequences else
                                 f"the vectors of {m} are {len(parts)} arrays of {sorted(shapes)} (axes, width)",
                                 where="vectors", remedy=f"Give {want}, one row per utterance.")
            made[m] = Frames.pack(parts) if sequences else np.stack(parts)
        try:
            return replace(new, **{"frames" if sequences else "vectors": made})
        except CorpusError as error:
            raise error.recast(UsageError) from None


def _columns(run: Record) -> list[str]:
    """The columns of a prediction; a label with the name of another column is told from it."""
    return [f"label {name}" if name in (*SHOWN, "predicted") else name for name in run.target.names]


def _named(run: Record, found: np.ndarray) -> pd.DataFrame:
    """The columns of a prediction by name; see `predict`."""
    names, kind = _columns(run), run.target.kind
    if kind == "classes":
        table = pd.DataFrame(np.exp(found), columns=names)
        table.insert(0, "predicted" if "label" in names else "label", np.array(run.target.names)[found.argmax(1)])
        return table
    return pd.DataFrame(np.exp(found[:, 1::2]) if kind == "binary" else found, columns=names)
