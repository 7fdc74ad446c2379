"""Corpora: one schema (`corpus`), one reader per source (`readers`), simulated conversations, and batches (`views`)."""

from erclab.core.lazy import files_at_first_use
from erclab.corpora.corpus import Corpus, Dialogue, Utterance
from erclab.corpora.frames import Frames
from erclab.corpora.registry import CORPORA, CorpusInfo, complete, load, read
from erclab.corpora.vocabulary import ANNOTATIONS, MODALITIES, SPLITS, UNLABELLED

__all__ = [
    "ANNOTATIONS", "CORPORA", "MODALITIES", "SPLITS", "UNLABELLED", "Corpus", "CorpusInfo", "Dialogue", "Frames",
    "Utterance", "complete", "load", "read",
]

__getattr__, __dir__ = files_at_first_use(__name__)
