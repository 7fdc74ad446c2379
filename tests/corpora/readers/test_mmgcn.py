"""MMGCN's MELD: a tuple of ten, which other readers name."""

import dialogue_files as made
import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import load
from erclab.corpora.readers import dialoguernn, mmgcn, sdt_pickles


def ten():
    ids, speakers, labels, text, audio, sentences, train, test, _ = made.dialoguernn(meld=True)
    visual = {d: np.full((len(x), 2), i, "f4") for i, (d, x) in enumerate(labels.items())}
    return (ids, speakers, labels, text, audio, visual, sentences, train, test, labels)


def test_every_item_is_at_its_place(tmp_path):
    made.write(tmp_path, mmgcn.FILES[0], ten())
    corpus = load("meld-mmgcn", tmp_path)
    assert corpus.name == "meld-mmgcn" and corpus.dims == {"text": 5, "audio": 4, "visual": 2}
    nine = dialoguernn.read_meld(made.write(tmp_path, "MELD_features_raw.pkl", made.dialoguernn(meld=True)))
    assert corpus.table.equals(nine.table) and corpus.labels == nine.labels
    assert (corpus.vectors["audio"] == nine.vectors["audio"]).all()
    numbers = {d: i for i, d in enumerate(map(str, ten()[2]))}
    assert corpus.vectors["visual"][:, 0].tolist() == [numbers[d] for d in corpus.table["dialogue"]]


@pytest.mark.parametrize("read", [dialoguernn.read_meld, dialoguernn.read_iemocap, sdt_pickles.read_meld])
def test_other_readers_name_the_corpus(tmp_path, read):
    path = made.write(tmp_path, mmgcn.FILES[0], ten())
    with pytest.raises(CorpusError, match=r"the tuple has 10 items.*A tuple of 10 is perhaps --corpus meld-mmgcn"):
        read(path)
