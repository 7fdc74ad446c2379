"""Features for the utterances of a table: what `erclab features text`, `audio` and `visual` do, for a notebook.

    erc.features.make.text("utterances.csv", "intfloat/multilingual-e5-small@COMMIT").save("text.npz")

Each function returns a `Packed`: the arrays, which utterances lack the modality and why, and which files nobody named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from erclab.core.errors import FeatureError, UsageError
from erclab.features import arrays, packing, sound, tables
from erclab.features import audio as voices
from erclab.features import text as words
from erclab.features import visual as faces
from erclab.features.arrays import Found
from erclab.features.packing import Packed

Columns = Mapping[str, str] | None


def text(table: str | Path, encoder: str | Path = "minilm", *, tokens: bool = False, unit: str = "token",
         batch_size: int = 64, device: str = "cpu", columns: Columns = None, longest: int | None = None,
         shorten: str = "cut", short: str = "missing", progress: bool = True) -> Packed:
    """The words of each utterance, encoded: a vector, or with `tokens` a sequence of states.

    An utterance without words lacks the modality. `made_by` is the encoder's identity with its commit or digest.

    Args:
        table: the utterances with a column `text`, see `tables.read`.
        encoder: "minilm", a Hugging Face name, "NAME@REVISION", or a folder with a saved model.
        tokens: a state per token (or word, see `unit`) for models of sequences.
        unit: "token" or "word".
        batch_size: texts in one forward pass.
        device: where the encoder computes.
        columns: our name -> the table's name.
        longest, shorten, short: as for `pack`.
        progress: show a bar on stderr.

    Raises:
        FeatureError: the table or the encoder cannot be used; one line with the remedy.
        UsageError: an unknown option.
    """
    rows = tables.read(table, columns)
    packing.check(rows, frames=tokens, longest=longest, shorten=shorten, short=short)
    for r in rows.values():
        if "text" not in r.columns:
            raise FeatureError("the table has no column text", where=r.path,
                               remedy="Name it: --columns text=NAME (columns={'text': 'NAME'}).")
    texts = [t for r in rows.values() for t in r.columns["text"]]
    made_by = words.encoder_identity(encoder)
    if tokens:
        values, starts, _ = words.tokens(texts, encoder, unit=unit, batch_size=batch_size, device=device,
                                         progress=progress)
        encoded = [values[a:b] for a, b in pairwise(starts)]
        made_by += "" if unit == "token" else ", one per word"
    else:
        encoded = [x[None] for x in words.encode(texts, encoder, batch_size=batch_size, device=device,
                                                 progress=progress)]
    found: list[Found] = [x if t else FeatureError("the text is empty") for x, t in zip(encoded, texts, strict=True)]
    share = words.unknown_share(texts, encoder)
    another = "; it was perhaps not made for this language. Take a multilingual one: --encoder NAME (encoder=NAME)"
    notices = [f"{share:.1%} of the tokens are unknown to the encoder{another if share >= words.MANY_UNKNOWN else ''}"]
    return packing.assemble(rows, _parts(rows, found), frames=tokens, longest=longest, shorten=shorten, short=short,
                            made_by=made_by, notices=notices)


def audio(source: str | Path, table: str | Path | None = None, feature_set: str = voices.OPEN, *, frames: bool = False,
          sampling_rate: int = 16000, n_jobs: int = 1, columns: Columns = None, longest: int | None = None,
          shorten: str = "cut", short: str = "missing", progress: bool = True) -> Packed:
    """The voice of each utterance, from a folder of sound files or videos.

    Args:
        source: the folder, a file per utterance, named by its id or as DIALOGUE_TURN; or a table with a column `file`.
        table: the utterances, see `tables.read`; without it every file is one.
        feature_set: "logmel-prosody" (`prosody`), or one of openSMILE's.
        frames: descriptors over time; otherwise functionals.
        sampling_rate: in Hz, to which every file is resampled.
        n_jobs: processes; -1 for one per core.
        columns, longest, shorten, short, progress: as for `text`.

    Raises:
        FeatureError: files cannot be matched, or what the set or the kind of file needs is not installed.
        UsageError: an unknown option.
    """
    folder = Path(source).expanduser()
    if folder.is_file():
        if table is not None:
            raise UsageError("two tables are given", where=folder, remedy="Give the folder of the sound files first.")
        table, folder = folder, folder.parent
    rows = tables.read(table, columns) if table is not None else None
    packing.check(rows, frames=frames, longest=longest, shorten=shorten, short=short)
    rows, matched = packing.locate(folder, tables.find(folder, sound.SUFFIXES), rows)
    found: list[Found] = list(voices.extract(
        [path for m in matched.values() for path in m.files], feature_set, frames=frames, sampling_rate=sampling_rate,
        n_jobs=n_jobs, progress=progress))
    rate = "" if feature_set == voices.OPEN else f", {sampling_rate} Hz"
    return packing.assemble(rows, _parts(rows, found), frames=frames, longest=longest, shorten=shorten, short=short,
                            made_by=voices.identity(feature_set) + rate, extra=packing.unused(folder, matched))


def visual(source: str | Path, table: str | Path | None = None, *, frames: bool = False, pool: str = "mean-std",
           confidence: float = 0.8, action_units: Sequence[str] = faces.ACTION_UNITS, key: str = "",
           transpose: bool = False, columns: Columns = None, longest: int | None = None, shorten: str = "cut",
           short: str = "missing", progress: bool = True) -> Packed:
    """The face of each utterance, from a folder of OpenFace's tables, or of arrays as `pack` reads them.

    Args:
        source: the folder, a file per utterance, named by its id or as DIALOGUE_TURN.
        table: the utterances, see `tables.read`; without it every file is one.
        frames: the frames in which the face was found; otherwise a vector.
        pool: how frames become a vector: "mean-std" or "mean".
        confidence: of OpenFace's tracker, the smallest of a frame that is used.
        action_units: the columns of OpenFace to read.
        key, transpose: for arrays, as for `pack`.
        columns, longest, shorten, short, progress: as for `text`.

    Raises:
        FeatureError: files cannot be matched or read.
        UsageError: an unknown option.
    """
    folder = Path(source).expanduser()
    tabled = [] if folder.is_file() else [p for p in tables.find(folder, arrays.SUFFIXES) if p.suffix.lower() == ".csv"]
    if not tabled or not faces.is_openface(tabled[0]):
        return packing.pack(folder, table, frames=frames, pool=pool, key=key, transpose=transpose, columns=columns,
                            longest=longest, shorten=shorten, short=short, progress=progress)
    rows = tables.read(table, columns) if table is not None else None
    packing.check(rows, frames=frames, pool=pool, longest=longest, shorten=shorten, short=short)
    rows, matched = packing.locate(folder, tabled, rows)
    found = faces.extract([path for m in matched.values() for path in m.files], columns=action_units,
                          confidence=confidence, progress=progress)
    return packing.assemble(rows, _parts(rows, found), frames=frames, pool=pool, longest=longest, shorten=shorten,
                            short=short, extra=packing.unused(folder, matched),
                            made_by=f"OpenFace, {len(action_units)} columns, confidence {confidence:g}")


def _parts(rows: Mapping[str, tables.Rows], found: Sequence[Found]) -> dict[str, list[Found]]:
    """What was found for each part's utterances."""
    ends = np.cumsum([len(r) for r in rows.values()])
    return {part: list(found[end - len(r):end]) for (part, r), end in zip(rows.items(), ends, strict=True)}
