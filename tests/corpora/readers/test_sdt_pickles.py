"""SDT's tuples of 12 and 13: three modalities, a choice of RoBERTa layers, and a validation split cut off."""

import dialogue_files as made
import numpy as np
import pytest

from erclab.core.errors import CorpusError, UsageError
from erclab.corpora.readers import sdt_pickles

IEMOCAP, MELD = "iemocap_multimodal_features.pkl", "meld_multimodal_features.pkl"


@pytest.fixture
def read(tmp_path):
    def read(value, meld=False, **options):
        path = made.write(tmp_path, MELD if meld else IEMOCAP, value)
        return (sdt_pickles.read_meld if meld else sdt_pickles.read_iemocap)(path, **options)
    return read


def test_iemocap(read):
    value = made.sdt()
    corpus = read(value)
    assert corpus.dims == {"text": 5, "audio": 4, "visual": 3} and corpus.roles == ("F", "M")
    for modality, item in (("text", 3), ("audio", 7), ("visual", 8)):
        rows = np.concatenate([value[item][d.id] for s in ("train", "valid", "test") for d in corpus.dialogues(s)])
        assert corpus.vectors[modality].tolist() == rows.astype("f4").tolist()


@pytest.mark.parametrize(("roberta", "items"), [(1, [3]), (2, [4]), ("4", [6]), ("mean", [3, 4, 5, 6])])
def test_roberta(read, roberta, items):
    value = made.sdt(meld=True)
    expected = np.mean([value[i][0] for i in items], axis=0)
    assert np.allclose(read(value, meld=True, roberta=roberta).vectors["text"][:3], expected, atol=1e-7)


def test_an_unknown_layer(read):
    with pytest.raises(UsageError, match="unknown RoBERTa layer '5'"):
        read(made.sdt(), roberta=5)


def test_validation_is_the_end_of_the_training_dialogues(read):
    corpus = read(made.sdt(), valid_share=0.4)
    assert [d.id for d in corpus.dialogues("train")] == ["Ses01F_a", "Ses01M_c", "Ses02M_b"]
    assert [d.id for d in corpus.dialogues("valid")] == ["Ses03F_d", "Ses04F_e"]
    assert corpus.source.endswith("(valid: the last 2 of its 5 training dialogues)")
    assert len(read(made.sdt()).dialogues("valid")) == 1
    assert len(read(made.sdt(), valid_share=0).dialogues("valid")) == 0
    with pytest.raises(CorpusError, match="share 1"):
        read(made.sdt(), valid_share=1)


def test_numbers_are_sorted_as_numbers(read):
    corpus = read(made.sdt(meld=True), meld=True, valid_share=0.5)
    assert [d.id for s in ("train", "valid", "test") for d in corpus.dialogues(s)] == [
        "0", "1", "2", "10", "11", "12", "13", "14"]


def test_the_default_share_is_melds_dev_part(tmp_path):
    train = [i for i in range(1153) if i != 60]
    one = {key: [0] for key in [*train, 1153]}
    speakers, words, rows = ({key: [x] for key in one} for x in (made.one_hot(0), "a", np.ones(2)))
    value = ({}, speakers, one, rows, {}, {}, {}, rows, rows, words, train, [1153], {})
    corpus = sdt_pickles.read_meld(made.write(tmp_path, MELD, value))
    assert [d.id for d in corpus.dialogues("valid")] == [str(i) for i in range(1039, 1153)]


@pytest.mark.parametrize("form", [list, np.array, lambda rows: [list(map(float, r)) for r in rows],
                                  lambda rows: np.array(rows).tolist()], ids=["rows", "array", "lists", "plain"])
def test_rows_and_arrays_are_alike(read, form):
    expected, value = read(made.sdt()).fingerprint, made.sdt()
    for item in range(3, 9):
        value[item].update({d: form(rows) for d, rows in value[item].items()})
    assert read(value).fingerprint == expected


def features(item, dialogue, new):
    def change(value):
        value[item][dialogue] = new
    return change


def number(item, dialogue, turn, column, new):
    def change(value):
        value[item][dialogue][turn][column] = new
    return change


A = "Ses01F_a"
BAD = {
    "NaN": (number(7, A, 2, 3, np.nan), f"dialogue {A}, turn 2, audio", "feature 3 is nan"),
    "infinite": (number(8, A, 0, 1, -np.inf), f"dialogue {A}, turn 0, visual", "feature 1 is -inf"),
    "beyond float32": (number(3, A, 0, 0, 1e300), f"dialogue {A}, turn 0, text", "feature 0 is 1e+300"),
    "rows of other dimensions": (features(7, A, [np.ones(4), np.ones(5), np.ones(4)]), f"dialogue {A}, turn 1, audio",
                                 "5 features, those before 4"),
    "dialogue of other dimensions": (features(7, "Ses02M_b", np.ones((1, 9))), "dialogue Ses02M_b, audio",
                                     "9 features, those of the first dialogue 4"),
    "missing row": (features(7, A, np.ones((2, 4))), f"dialogue {A}, audio", "2 audio, but 3 labels"),
    "one axis": (features(7, A, np.ones(3)), f"dialogue {A}, turn 0, audio", "not a vector of real numbers"),
    "no axis": (features(7, A, np.array(3.0)), f"dialogue {A}, audio", "ndarray, not one value per turn"),
    "three axes": (features(7, A, np.ones((3, 4, 1))), f"dialogue {A}, turn 0, audio", "not a vector"),
    "no width": (features(7, A, np.ones((3, 0))), f"dialogue {A}, turn 0, audio", "not a vector"),
    "words": (features(7, A, [["a"]] * 3), f"dialogue {A}, turn 0, audio", "not a vector"),
    "text array": (features(7, A, np.array([["a"]] * 3)), f"dialogue {A}, turn 0, audio", "not a vector"),
    "complex objects": (features(7, A, [None] * 3), f"dialogue {A}, turn 0, audio", "not a vector"),
    "missing dialogue": (lambda value: value[8].pop(A), f"dialogue {A}", "the dialogue has no visual"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_features_are_named(read, case, tmp_path):
    change, place, problem = BAD[case]
    value = made.sdt()
    change(value)
    with pytest.raises(CorpusError) as caught:
        read(value)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / IEMOCAP}, {place}: ") and problem in message and caught.value.remedy
    assert message.isprintable() and len(message) < 400


def test_layers_of_different_dimensions_have_no_mean(read):
    value = made.sdt()
    value[5].update({d: np.ones((len(rows), 7)) for d, rows in value[5].items()})
    with pytest.raises(CorpusError, match=f"dialogue {A}, roberta3: the vectors have 7 features, those of text 5"):
        read(value, roberta="mean")


def test_the_two_tuples_are_told_apart(read):
    with pytest.raises(CorpusError, match="the tuple has 13 items, not 12"):
        read(made.sdt(meld=True))
    with pytest.raises(CorpusError, match="the tuple has 12 items, not 13"):
        read(made.sdt(), meld=True)


def test_one_array_at_every_turn_does_not_multiply(read):
    """A small file that would be large: refused by its size written out, before it is."""
    big, value = np.zeros(2**20), list(made.sdt())
    value[7] = {d: [big] * 300 for d in value[7]}
    with pytest.raises(CorpusError, match="written out one by one"):
        read(tuple(value))


def test_formats(real_data):
    iemocap = sdt_pickles.read_iemocap(real_data / "formats", roberta="mean")
    assert iemocap.dims == {"text": 1024, "audio": 1582, "visual": 342}
    assert [len(iemocap.rows(s)) for s in ("train", "valid", "test")] == [5, 7, 4]
    meld = sdt_pickles.read_meld(real_data / "formats")
    assert meld.dims == {"text": 1024, "audio": 300, "visual": 342}
    assert [len(meld.rows(s)) for s in ("train", "valid", "test")] == [6, 2, 9]
