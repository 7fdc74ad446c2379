"""The registry of corpora, as plain data: name, reader, files, licence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from erclab.core import tablefiles
from erclab.core.errors import UsageError, unknown
from erclab.core.targets import BUILT_IN, EMOTION4
from erclab.corpora import cache, missing, simulated
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.notices import suspicious, unknown_words
from erclab.corpora.readers import (
    avec2012,
    cosmic,
    dailydialog,
    dialoguernn,
    ecf,
    emorynlp,
    gcnet,
    meld,
    mfn,
    mmgcn,
    mmsa,
    mult,
    sdt_pickles,
    table,
    table_examples,
)
from erclab.corpora.readers.table_tasks import scales
from erclab.corpora.vocabulary import MODALITIES

FORMS = ("vectors", "tokens")  # of text


@dataclass(frozen=True)
class CorpusInfo:
    """A row of the registry.

    Attributes:
        name: the name on the command line and in records.
        title: one line of description.
        read: () -> Corpus, or (folder) -> Corpus when `needs_data`.
        needs_data: whether it is read from a folder that the user names.
        files: what that folder must hold.
        licence: the terms of use.
        obtain: how a user gets it.
        labelled: whether `load` leaves out utterances without an emotion by default, as published numbers of the corpus
            do. Otherwise they stay, as context.
    """

    name: str
    title: str
    read: Callable[..., Corpus]
    needs_data: bool = False
    files: tuple[str, ...] = ()
    licence: str = ""
    obtain: str = ""
    labelled: bool = False


_CMU = "CMU's terms, research only"
_IEMOCAP = "IEMOCAP's release form of the University of Southern California, research only"
_VIDEOS = "MIT for the repository; the videos belong to their owners"
_MULT = "the download links of the repository yaohungt/Multimodal-Transformer"
_SIGN = "sign IEMOCAP's release form (USC SAIL, per institution); then "
_MELD = "GPL-3.0 for the annotations; the dialogues belong to their owners"
_COSMIC = "the file COSMIC/feature-extraction/{0}/{0}.pkl of the repository declare-lab/conv-emotion"
_GCNET = "the links in the README of zeroQiaoba/GCNet, or of repositories that build on it, such as wxxv/MoMKE"
_FRIENDS = "the folder {} of the repository declare-lab/MELD"
_SDT, _RNN = (f"the download links of the repository {r}" for r in ("butterfliesss/SDT", "declare-lab/conv-emotion"))
_MFN = "the folder new_data/{} of the repository pliang279/MFN; needs pip install \"erclab[h5]\""

CORPORA = {
    info.name: info
    for info in (
        CorpusInfo("simulated", "simulated conversations, two speakers, six emotions, three modalities",
                   partial(simulated.simulate, "small"), licence="MIT, as the project",
                   obtain="embedded"),
        CorpusInfo("simulated-lesson", "the same for a class: a third of the utterances, clearer evidence",
                   partial(simulated.simulate, "lesson"), licence="MIT, as the project", obtain="embedded"),
        CorpusInfo("simulated-tiny", "the same in the size of a test",
                   partial(simulated.simulate, "tiny"), licence="MIT, as the project", obtain="embedded"),
        CorpusInfo("simulated-iemocap", "the same in the size of IEMOCAP, long dialogues",
                   partial(simulated.simulate, "iemocap"), licence="MIT, as the project",
                   obtain="embedded"),
        CorpusInfo("simulated-meld", "the same in the size of MELD, several speakers, seven emotions",
                   partial(simulated.simulate, "meld"), licence="MIT, as the project", obtain="embedded"),
        CorpusInfo("meld", "MELD: dialogues of the series Friends, multi-party, seven emotions", meld.read,
                   needs_data=True, files=tuple(f"{s}_sent_emo.csv" for s in ("train", "dev", "test")),
                   licence=_MELD,
                   obtain="the folder data/MELD of the repository declare-lab/MELD; the clips are not needed"),
        CorpusInfo("iemocap", "IEMOCAP as COSMIC has it: text, six emotions, its validation split",
                   cosmic.read_iemocap, needs_data=True, files=("iemocap.pkl",), licence=_IEMOCAP,
                   obtain=_SIGN + _COSMIC.format("iemocap")),
        CorpusInfo("meld-cosmic", "MELD as COSMIC has it: text, seven emotions", cosmic.read_meld, needs_data=True,
                   files=("meld.pkl",), licence=_MELD, obtain=_COSMIC.format("meld")),
        CorpusInfo("iemocap-sdt", "IEMOCAP as SDT has it: RoBERTa, audio and visual vectors, six emotions",
                   sdt_pickles.read_iemocap, needs_data=True, files=sdt_pickles.FILES["iemocap"], licence=_IEMOCAP,
                   obtain=_SIGN + _SDT),
        CorpusInfo("meld-sdt", "MELD as SDT has it: RoBERTa, audio and visual vectors, seven emotions",
                   sdt_pickles.read_meld, needs_data=True, files=sdt_pickles.FILES["meld"], licence=_MELD, obtain=_SDT),
        CorpusInfo("iemocap-dialoguernn", "IEMOCAP as DialogueRNN has it: text, audio and visual vectors, six emotions",
                   dialoguernn.read_iemocap, needs_data=True, files=(" or ".join(dialoguernn.FILES["iemocap"]),),
                   licence=_IEMOCAP, obtain=_SIGN + _RNN),
        CorpusInfo("meld-dialoguernn", "MELD as DialogueRNN has it: text and audio vectors, seven emotions",
                   dialoguernn.read_meld, needs_data=True, files=dialoguernn.FILES["meld"], licence=_MELD, obtain=_RNN),
        CorpusInfo("meld-mmgcn", "MELD as MMGCN and MM-DFN have it: text, audio and visual vectors, seven emotions",
                   mmgcn.read_meld, needs_data=True, files=mmgcn.FILES, licence=_MELD,
                   obtain="the download links of the repositories hujingwen6666/MMGCN and zerohd4869/MM-DFN"),
        CorpusInfo("meld-dyadic", "MELD cut to two speakers per dialogue: seven emotions, utterances repeated",
                   partial(meld.read, file=meld.DYADIC, name="meld-dyadic"), needs_data=True,
                   files=tuple(meld.DYADIC.format(p) for p in meld.PARTS), licence=_MELD,
                   obtain=_FRIENDS.format("data/MELD_Dyadic")),
        CorpusInfo("meld-fair", "MELD-FAIR: MELD's csv files with the clips realigned, seven emotions",
                   partial(meld.read, file=meld.FAIR, name="meld-fair"), needs_data=True,
                   files=tuple(meld.FAIR.format(p) for p in meld.PARTS), licence=_MELD,
                   obtain="the folder csvs of the repository knowledgetechnologyuhh/MELD-FAIR"),
        CorpusInfo("emorynlp", "EmoryNLP: scenes of the series Friends, multi-party, seven emotions", emorynlp.read,
                   needs_data=True, files=tuple(emorynlp.FILE.format(p) for p in meld.PARTS), licence=_MELD,
                   obtain=_FRIENDS.format("data/emorynlp")),
        CorpusInfo("ecf", "ECF: MELD's dialogues, edited, with the causes of seven emotions; text", ecf.read,
                   needs_data=True, files=ecf.FILES, licence=_MELD,
                   obtain="the folder data of the repository NUSTM/MECPE, or the data set NUSTM/ECF of Hugging Face"),
        CorpusInfo("dailydialog", "DailyDialog: written daily conversations of two, seven emotions, most turns neutral",
                   dailydialog.read, needs_data=True, files=dailydialog.FILES, licence="CC BY-NC-SA 4.0",
                   obtain="the archive of yanran.li/dailydialog, unpacked, also the three archives in it"),
        CorpusInfo("iemocap-gcnet", "IEMOCAP as GCNet has it: a file per utterance and modality, six emotions",
                   gcnet.read, needs_data=True, files=gcnet.FILES["iemocap-gcnet"], licence=_IEMOCAP,
                   obtain=_SIGN + _GCNET),
        CorpusInfo("iemocap-gcnet4", "the same with four emotions",
                   partial(gcnet.read, name="iemocap-gcnet4"), needs_data=True, files=gcnet.FILES["iemocap-gcnet4"],
                   licence=_IEMOCAP, obtain=_SIGN + _GCNET),
        CorpusInfo("mosi-gcnet", "CMU-MOSI as GCNet has it: a file per utterance and modality, sentiment",
                   partial(gcnet.read, name="mosi-gcnet"), needs_data=True, files=gcnet.FILES["mosi-gcnet"],
                   licence=_CMU, obtain=_GCNET),
        CorpusInfo("mosei-gcnet", "CMU-MOSEI as GCNet has it: a file per utterance and modality, sentiment",
                   partial(gcnet.read, name="mosei-gcnet"), needs_data=True, files=gcnet.FILES["mosei-gcnet"],
                   licence=_CMU, obtain=_GCNET),
        CorpusInfo("avec-dialoguernn", "AVEC 2012 as DialogueRNN has it: three modalities, four affect dimensions",
                   dialoguernn.read_avec, needs_data=True, files=(dialoguernn.AVEC_FILES,),
                   licence="AVEC 2012 and SEMAINE, research only", obtain=_RNN),
        CorpusInfo("mosi-mult", "CMU-MOSI as MulT has it: word, audio and visual sequences, sentiment",
                   partial(mult.read, dataset="mosi"), needs_data=True, files=(" or ".join(mult.FILES["mosi"]),),
                   licence=_CMU, obtain=_MULT),
        CorpusInfo("mosei-mult", "CMU-MOSEI as MulT has it: word, audio and visual sequences, sentiment",
                   partial(mult.read, dataset="mosei"), needs_data=True, files=(" or ".join(mult.FILES["mosei"]),),
                   licence=_CMU, obtain=_MULT),
        CorpusInfo("iemocap-mult", "IEMOCAP as MulT has it: word, audio and visual sequences, four emotions",
                   partial(mult.read, dataset="iemocap"), needs_data=True, files=(" or ".join(mult.FILES["iemocap"]),),
                   licence=_IEMOCAP, obtain=_MULT),
        CorpusInfo("mosi-mmsa", "CMU-MOSI as MMSA has it: BERT, audio and visual sequences, sentiment",
                   partial(mmsa.read, dataset="mosi"), needs_data=True, files=(" or ".join(mmsa.FILES),),
                   licence=_CMU, obtain="the download links of the repository thuiar/MMSA"),
        CorpusInfo("mosei-mmsa", "CMU-MOSEI as MMSA has it: BERT, audio and visual sequences, sentiment",
                   partial(mmsa.read, dataset="mosei"), needs_data=True, files=(" or ".join(mmsa.FILES),),
                   licence=_CMU, obtain="the download links of the repository thuiar/MMSA"),
        CorpusInfo("sims-mmsa", "CH-SIMS as MMSA has it: Chinese; sentiment from -1 to 1, and of each modality alone",
                   partial(mmsa.read, dataset="sims"), needs_data=True, files=(" or ".join(mmsa.SIMS_FILES),),
                   licence="the authors' terms, research only; the videos belong to their owners",
                   obtain="the download links of the repository thuiar/MMSA"),
        CorpusInfo("mmmo", "ICT-MMMO: reviews of films, audio and visual sequences of 20 words, stars", mfn.mmmo,
                   needs_data=True, files=mfn.FILES, licence=_VIDEOS,
                   obtain=_MFN.format("mmmo")),
        CorpusInfo("youtube", "YouTube opinions: sequences of 20 words, most audio and video missing, three classes",
                   mfn.youtube, needs_data=True, files=mfn.FILES,
                   licence=_VIDEOS,
                   obtain=_MFN.format("youtube")),
        CorpusInfo("pom", "POM: reviews of films, audio and visual sequences, 17 traits that viewers see", mfn.pom,
                   needs_data=True, files=mfn.FILES, licence=_VIDEOS, obtain=_MFN.format("pom")),
        CorpusInfo("avec2012", "AVEC 2012 (SEMAINE): audio and lexical vectors, four affect dimensions", avec2012.read,
                   needs_data=True, files=tuple(avec2012.FILES), licence="AVEC 2012 and SEMAINE, research only",
                   obtain="the repository tianleimin/Thesis-EmotionRecognition, folders Data and Demo/data"),
        CorpusInfo("mosi", "CMU-MOSI with the vectors of bc-LSTM: text, audio and visual, sentiment",
                   table_examples.mosi, needs_data=True, files=("utterances.csv", "features.npz"), licence=_CMU,
                   obtain="bc-LSTM's data in the repository declare-lab/multimodal-deep-learning, saved as "
                          "erclab.corpora.readers.table_examples says"),
        CorpusInfo("iemocap-text-audio", "IEMOCAP, all turns: words and audio, six emotions, three affect dimensions",
                   table_examples.iemocap_text_audio, needs_data=True,
                   files=("utterances.csv", "audio_functionals.npz", "audio_frames.npz"), licence=_IEMOCAP,
                   obtain="IEMOCAP's release form, then a table and arrays as "
                          "erclab.corpora.readers.table_examples says", labelled=True),
        CorpusInfo("meld-dev", "the dev part of MELD with fine-tuned text and audio vectors, five folds",
                   table_examples.meld_dev, needs_data=True,
                   files=("dev_rows_aligned.csv", "text_base_val.npy", "audio_wav2vec2_val.npy"),
                   licence="as meld; none given for the vectors",
                   obtain="the repository iosonopersia/Multimodal-Emotion-Recognition, folder embeddings"),
        CorpusInfo("imported", "any corpus that `erclab corpora import` has written", cache.open, needs_data=True,
                   files=(cache.MANIFEST,), licence="that of what was imported", obtain="erclab corpora import"),
        CorpusInfo("table", "your own: a table of utterances, with arrays beside it", table.read, needs_data=True,
                   files=(" or ".join(tablefiles.FILES),), licence="yours",
                   obtain="write one row per utterance; erclab.corpora.readers.table.read says which columns"),
    )
}


# Arguments of readers that a user may give: name -> the option of the command line.
OPTIONS = {"columns": "--columns", "arrays": "--arrays", "labels": "--labels", "fill": "--fill", "targets": "--target",
           "scale": "--scale", "clamp": "--clamp", "folded": "--folds", "seed": "--corpus-seed", "world": "--world",
           "emotion4": "--emotion4"}
OF_FILES = ("scale", "emotion4")  # can be given of every corpus that is read from files (`_scaled`, `_with_emotion4`)


def reader_options(name: str) -> tuple[str, ...]:
    """Which of `OPTIONS` the reader of a corpus takes.

    Raises:
        UsageError: an unknown name.
    """
    if name not in CORPORA:
        raise unknown("corpus", name, CORPORA)
    read = CORPORA[name].read
    bound = read.keywords if isinstance(read, partial) else {}
    return tuple(o for o in OPTIONS if o in inspect.signature(read).parameters and o not in bound)


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    taken = (*reader_options(name), *(OF_FILES if CORPORA[name].needs_data else ()))
    for option in options:
        if option not in OPTIONS:
            raise unknown("option of a corpus", option, OPTIONS)
        if option not in taken:
            able = "corpora that are read from files" if option in OF_FILES else ", ".join(
                c for c in CORPORA if option in reader_options(c))
            raise UsageError(f"the corpus '{name}' takes no {option}", where=OPTIONS[option],
                             remedy=f"It is for {able}; leave it out here.")


def load(name: str, data: str | Path | None = None, *, text_encoder: str = "minilm", text_as: str = "vectors",
         device="cpu", labelled: bool | None = None, **options: Any) -> Corpus:
    """A corpus by name, ready for a model: `read`, and `with_text` where its words have no features yet.

    Args:
        name: a key of `CORPORA`.
        data: the folder of a corpus that is not embedded.
        text_encoder, text_as, device: see `with_text`.
        labelled, options: see `read`.

    Raises:
        UsageError: an unknown name, a folder where none is needed or none where one is, or an option that the
            corpus's reader does not take.
        CorpusError: the data are missing or malformed.
        FeatureError: the text cannot be encoded.
    """
    if text_as not in FORMS:
        raise unknown("form of the text", text_as, FORMS)
    corpus = read(name, data, labelled=labelled, **options)
    return with_text(corpus, text_encoder, text_as, device) if lacks_text(corpus, text_as) else corpus


def read(name: str, data: str | Path | None = None, *, labelled: bool | None = None, **options: Any) -> Corpus:
    """A corpus by name as its files have it: nothing is computed or written.

    Args:
        name: a key of `CORPORA`.
        data: the folder of a corpus that is not embedded.
        labelled: leave out utterances without an emotion label in a corpus that has such labels, as some feature files
            of the field do; neighbouring rows are then not always neighbours in the conversation. With False they stay
            as context. By default as `CorpusInfo.labelled` of the corpus says.
        options: of the corpus's reader, such as columns, labels, fill, targets and scale of
            `erclab.corpora.readers.table.read`, or seed and world of `erclab.corpora.simulated.simulate`. Of every
            corpus that is read from files: scale, and emotion4=True, which makes that task of the labels.

    Raises:
        UsageError, CorpusError: see `load`.
    """
    if name not in CORPORA:
        raise unknown("corpus", name, CORPORA)
    info, data = CORPORA[name], None if data == "" else data
    _check_options(name, options)
    if not info.needs_data:
        if data is not None:
            raise UsageError(f"the corpus '{name}' is embedded and reads no folder", where=f"--data {data}",
                             remedy="Leave the folder out, or name another corpus.")
        return info.read(**options)
    if data is None:
        raise UsageError(f"the corpus '{name}' needs a folder", remedy=f"Give --data DIR (in a notebook: data) with "
                         f"{', '.join(info.files)}; to obtain them: {info.obtain}.")
    own = reader_options(name)
    corpus = info.read(Path(data), **{key: x for key, x in options.items() if key in own})
    if "scale" in options and "scale" not in own:
        corpus = _scaled(corpus, options["scale"])
    return _checked(_with_emotion4(corpus) if options.get("emotion4") else corpus, labelled)


def _scaled(corpus: Corpus, scale: Any) -> Corpus:
    """The corpus with another scale of its sentiment than [-3, 3], such as CH-SIMS's [-1, 1] in MMSA's files."""
    if "sentiment" not in corpus.annotations:
        raise UsageError(f"{corpus.name} has no sentiment", where="--scale", remedy="Leave the scale out.")
    ends = scales(scale, ["sentiment"])["sentiment"]
    return replace(corpus, own_tasks=(replace(BUILT_IN["sentiment"], scale=ends),))


def absent_of_emotion4(corpus: Corpus) -> list[str]:
    """Which of the four emotions are no labels of a corpus; where none is absent, `emotion4=True` makes the task."""
    return [emotion for emotion in EMOTION4 if emotion not in corpus.labels]


def _with_emotion4(corpus: Corpus) -> Corpus:
    """The corpus with the task `emotion4` made of its labels, as MulT's files of IEMOCAP have it: each of the four
    emotions against the rest, of the utterances that have one of the four. Others have no value and stay as context."""
    if "emotion4" in corpus.annotations:
        return corpus
    if absent := absent_of_emotion4(corpus):
        raise UsageError(f"{corpus.name} has no label {', '.join(absent)}", where="--emotion4",
                         remedy=f"The task emotion4 needs {', '.join(EMOTION4)}; leave the option out.")
    names = np.array([*corpus.labels, ""])[corpus.table["label"].to_numpy()]  # -1, no label, is the last one
    columns = np.stack([names == emotion for emotion in EMOTION4], 1).astype(np.float32)
    columns[~np.isin(names, EMOTION4)] = np.nan
    return replace(corpus, annotations={**corpus.annotations, "emotion4": columns})


def _checked(corpus: Corpus, labelled: bool | None) -> Corpus:
    """The corpus without the utterances that are left out, with notices about its values."""
    if labelled is None:  # an imported corpus has the name that it had
        labelled = corpus.name in CORPORA and CORPORA[corpus.name].labelled
    corpus = corpus.noting(*suspicious(corpus))
    if labelled and corpus.labels and not corpus.labelled.all():
        out = f"{(~corpus.labelled).sum():,} of {len(corpus):,} utterances have no emotion label and are left out"
        corpus = corpus.select(corpus.labelled).noting(f"{out} (--unlabelled context or in Python labelled=False keeps "
                                                       "them as context)")
    return corpus


def lacks_text(corpus: Corpus, text_as: str = "vectors") -> bool:
    """Whether a corpus has words, but no features of them in this form, which `with_text` would compute."""
    if missing.wordless(corpus.table["text"]).all() or "text" in corpus.frames:
        return False
    return text_as == "tokens" or "text" not in corpus.vectors


def with_text(corpus: Corpus, text_encoder: str = "minilm", text_as: str = "vectors", device="cpu") -> Corpus:
    """The corpus with features of its words. They are computed once and cached. An utterance without words lacks them.

    Args:
        text_encoder: "minilm", a Hugging Face name or a folder (`erclab.features.text.encode`).
        text_as: "vectors", or "tokens": sequences, one state per token (`erclab.features.text.tokens`).
        device: where the encoder runs.

    Raises:
        FeatureError: the text cannot be encoded.
    """
    from erclab.features import text

    words, made_by = list(corpus.table["text"]), text.encoder_identity(text_encoder)
    empty = missing.wordless(corpus.table["text"])
    if empty.any():
        corpus = corpus.noting(f"{empty.sum():,} of {len(corpus):,} utterances have no words, so their text is missing")
    corpus = corpus.noting(*unknown_words(words, text_encoder))
    if text_as == "tokens":
        values, starts, _ = text.tokens(words, text_encoder, device=device)
        return replace(corpus, frames={**corpus.frames, "text": Frames(values, starts)},
                       encoders={**corpus.encoders, "text frames": made_by})
    vectors = text.encode(words, text_encoder, device=device)
    return corpus.with_vectors("text", np.where(empty[:, None], np.float32(0), vectors) if empty.any() else vectors,
                               made_by)


def complete(corpus: Corpus, modalities: Sequence[str] | None = None) -> Corpus:
    """Only the utterances that have every one of these modalities (default: all of the corpus's).

    Raises:
        UsageError: there is none, or the corpus has no such modality.
    """
    known = [m for m in MODALITIES if m in corpus.vectors or m in corpus.frames]
    for m in modalities or ():
        if m not in known:
            raise unknown(f"modality of {corpus.name}", m, known)
    keep = np.logical_and.reduce([corpus.has(m) for m in modalities or known])
    if not keep.any():
        raise UsageError(f"no utterance of {corpus.name} has {', '.join(modalities or known)} at once",
                         remedy="Ask for fewer modalities.")
    out = int((~keep).sum())
    named = ", ".join(modalities or known)
    return corpus.select(keep).noting(*([f"{out:,} of {len(keep):,} utterances do not have {named} at once and are "
                                         "left out (only complete ones were asked for)"] if out else []))
