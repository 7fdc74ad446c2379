"""DialogueRNN's tuples of 9: IEMOCAP of Python 2, MELD without visual, AVEC with one affect dimension per file."""

import dialogue_files as made
import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import UNLABELLED
from erclab.corpora.readers import dialoguernn

AVEC = "AVEC_features_{}.pkl"


@pytest.mark.parametrize("protocol", [2, 4])
def test_iemocap(tmp_path, protocol):
    value = made.dialoguernn()
    corpus = dialoguernn.read_iemocap(made.write(tmp_path, "IEMOCAP_features.pkl", value, protocol).parent)
    assert corpus.dims == {"text": 5, "audio": 4, "visual": 3} and corpus.roles == ("F", "M")
    assert [d.id for d in corpus.dialogues("train")] == ["Ses01F_a", "Ses01M_c", "Ses02M_b", "Ses03F_d"]  # from a set
    assert [d.id for d in corpus.dialogues("valid")] == ["Ses04F_e"]


def test_meld_has_no_visual(tmp_path):
    corpus = dialoguernn.read_meld(made.write(tmp_path, "MELD_features_raw.pkl", made.dialoguernn(meld=True)))
    assert corpus.dims == {"text": 5, "audio": 4} and corpus.speaker_count == 3 and not corpus.roles


def test_avec_merges_the_attributes(tmp_path):
    values = {n: made.dialoguernn(avec=True, seed=n) for n in (1, 3)}
    for n, value in values.items():
        made.write(tmp_path, AVEC.format(n), value, protocol=2)
    corpus = dialoguernn.read_avec(tmp_path)
    assert corpus.labels == () and corpus.tasks == ("dimensional",) and set(corpus.table["label"]) == {UNLABELLED}
    assert corpus.roles == ("user", "operator")
    affect = corpus.annotations["dimensional"]
    ids = [d.id for s in ("train", "valid", "test") for d in corpus.dialogues(s)]
    for column, n in ((0, 1), (2, 3)):
        assert np.allclose(affect[:, column], np.concatenate([values[n][2][d] for d in ids]))
    assert np.isnan(affect[:, [1, 3]]).all()
    assert AVEC.format(1) in corpus.source and AVEC.format(3) in corpus.source
    assert corpus.vectors["text"][0].tolist() == values[1][3]["Ses01F_a"][0].astype("f4").tolist()
    single = dialoguernn.read_avec(tmp_path / AVEC.format(3))
    assert np.isnan(single.annotations["dimensional"]).all(0).tolist() == [True, True, False, True]


def test_avec_files_of_other_utterances(tmp_path):
    made.write(tmp_path, AVEC.format(1), made.dialoguernn(avec=True))
    other = made.dialoguernn(avec=True)
    other[6]["Ses01F_a"][0] = "something else"
    made.write(tmp_path, AVEC.format(4), other)
    with pytest.raises(CorpusError, match=r"AVEC_features_4\.pkl.*not those of AVEC_features_1\.pkl"):
        dialoguernn.read_avec(tmp_path)


@pytest.mark.parametrize(("label", "problem"), [
    (np.inf, "the value is inf"), ("high", "the value is 'high'"), ([], "the value is of type list"),
])
def test_avec_values_are_finite_numbers(tmp_path, label, problem):
    value = made.dialoguernn(avec=True)
    value[2]["Ses01F_a"][1] = label
    with pytest.raises(CorpusError, match=f"dialogue Ses01F_a, turn 1, labels: {problem}"):
        dialoguernn.read_avec(made.write(tmp_path, AVEC.format(2), value))


@pytest.mark.parametrize("none", [None, np.nan, np.float32("nan")])
def test_an_avec_value_that_is_none_is_no_annotation(tmp_path, none):
    value = made.dialoguernn(avec=True)
    value[2]["Ses01F_a"][1] = none
    corpus = dialoguernn.read_avec(made.write(tmp_path, AVEC.format(2), value))
    rows = np.flatnonzero(corpus.table["dialogue"] == "Ses01F_a")
    assert np.isnan(corpus.annotations["dimensional"][rows, 1]).tolist()[:2] == [False, True]
    assert corpus.notices[0].startswith("1 of ")


def test_avec_by_name(tmp_path):
    with pytest.raises(CorpusError, match=r"one or more of AVEC_features_1\.pkl"):
        dialoguernn.read_avec(tmp_path)
    with pytest.raises(CorpusError, match="does not say which attribute"):
        dialoguernn.read_avec(made.write(tmp_path, "avec.pkl", made.dialoguernn(avec=True)))
    with pytest.raises(CorpusError, match="no such file"):
        dialoguernn.read_avec(tmp_path / "absent" / AVEC.format(1))


@pytest.mark.parametrize(("read", "value", "problem"), [
    (dialoguernn.read_iemocap, lambda: made.dialoguernn(avec=True), "unknown speaker 'user'"),
    (dialoguernn.read_iemocap, lambda: made.dialoguernn()[:8], "8 items, not 9"),
    (dialoguernn.read_iemocap, lambda: made.sdt(), "12 items, not 9"),
    (dialoguernn.read_meld, lambda: made.dialoguernn(), "train: this is a dict"),
    (dialoguernn.read_iemocap, lambda: made.dialoguernn(meld=True), "item sentences: this is a list, not a dict"),
], ids=["avec as iemocap", "short", "sdt", "iemocap as meld", "meld as iemocap"])
def test_another_source_is_refused(tmp_path, read, value, problem):
    with pytest.raises(CorpusError, match=problem):
        read(made.write(tmp_path, "x.pkl", value()))


def test_formats(real_data):
    iemocap = dialoguernn.read_iemocap(real_data / "formats")
    assert iemocap.dims == {"text": 100, "audio": 100, "visual": 512}
    assert [len(iemocap.rows(s)) for s in ("train", "valid", "test")] == [5, 7, 4]
    meld = dialoguernn.read_meld(real_data / "formats")
    assert meld.dims == {"text": 600, "audio": 300} and len(meld) == 17
    avec = dialoguernn.read_avec(real_data / "formats")
    assert avec.dims == {"text": 100, "audio": 100, "visual": 512} and len(avec) == 15
    assert np.isfinite(avec.annotations["dimensional"][:, 0]).all()
