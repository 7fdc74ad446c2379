"""COSMIC's lists: what they mean, and one clear line for each way they can be broken."""

import copy
import re

import dialogue_files as made
import numpy as np
import pytest

from erclab import corpora
from erclab.core.errors import CorpusError
from erclab.corpora.readers import cosmic, meld


def test_iemocap(tmp_path):
    value = made.cosmic()
    corpus = cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", value))
    assert corpus.labels == ("happy", "sad", "neutral", "angry", "excited", "frustrated") and corpus.roles == ("F", "M")
    assert [d.id for s in ("train", "valid", "test") for d in corpus.dialogues(s)] == [
        "Ses01F_a", "Ses01M_c", "Ses02M_b", "Ses03F_d", "Ses04F_e", "Ses05F_f"]
    assert not corpus.modalities and corpus.source.endswith("iemocap.pkl")
    dialogue = corpus.dialogues("train")[0]
    assert [u.speaker for u in dialogue] == ["F", "M", "F"] and [u.text for u in dialogue] == ["words 0", "words 1",
                                                                                              "words 2"]
    assert [corpus.labels.index(u.label) for u in dialogue] == value[1]["Ses01F_a"]


def test_meld_is_named_as_in_the_csv(tmp_path):
    value = made.cosmic(meld=True)
    corpus = cosmic.read_meld(made.write(tmp_path, "meld.pkl", value).parent)
    assert corpus.labels == meld.LABELS and corpus.roles == ()
    assert list(dict.fromkeys(corpus.table["dialogue"])) == ["train-0", "train-1", "train-2", "train-10", "dev-0",
                                                             "dev-1", "test-0", "test-1"]
    first = corpus.table[corpus.table["dialogue"] == "train-0"]
    assert first["speaker"].tolist() == ["speaker-0", "speaker-1", "speaker-2"]
    assert first["sentiment"].tolist() == [("neutral", "positive", "negative")[i] for i in value[2][0]]


def test_the_order_is_train_test_valid(tmp_path):
    corpus = cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", made.cosmic()))
    assert [d.id for d in corpus.dialogues("valid")] == ["Ses04F_e"]
    assert [d.id for d in corpus.dialogues("test")] == ["Ses05F_f"]


def as_bytes(value):
    return [{k.encode(): v for k, v in item.items()} if isinstance(item, dict) else {d.encode() for d in item}
            for item in value]


def as_arrays(value):
    return [{k: np.array(v) for k, v in item.items()} if isinstance(item, dict) else np.array(item) for item in value]


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("change", [as_bytes, as_arrays, tuple], ids=["bytes and sets", "arrays", "tuple"])
def test_how_the_values_are_stored_does_not_matter(tmp_path, change, protocol):
    expected = cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", made.cosmic())).fingerprint
    path = made.write(tmp_path, "iemocap.pkl", change(made.cosmic()), protocol)
    assert cosmic.read_iemocap(path).fingerprint == expected


def at(item, dialogue, turn, new):
    """A change of one entry."""
    def change(value):
        value[item][dialogue][turn] = new
    return change


def entry(item, dialogue, new):
    def change(value):
        value[item][dialogue] = new
    return change


def whole(item, new):
    def change(value):
        value[item] = new
    return change


def drop(item, dialogue):
    return lambda value: value[item].pop(dialogue)


A, F = "Ses01F_a", "Ses05F_f"
BAD = {
    # name: (change of a list of 6, the place in the message, the problem, the remedy)
    "too short": (lambda v: v.pop(), "iemocap.pkl:", "5 items, not 6", "speakers, labels, sentences, train, test"),
    "of another source": (lambda v: v.append({}), "iemocap.pkl:", "7 items, not 6", "in this order"),
    "not a dict": (whole(0, [1]), "item speakers", "list, not a dict", "in this order"),
    "not ids": (whole(4, 3), "iemocap.pkl, test", "this is a int", "list or set"),
    "mixed ids": (whole(4, [F, 3]), "iemocap.pkl, test", "not all names or all whole", "one kind"),
    "ids that are lists": (whole(4, [[F]]), "iemocap.pkl, test", "not all names", "one kind"),
    "no training": (whole(3, []), "iemocap.pkl, train", "no training dialogue", "in this order"),
    "in both splits": (lambda v: v[4].append(A), f"dialogue {A}", "in train and in test", "one split"),
    "twice in a split": (lambda v: v[3].append(A), f"dialogue {A}", "in train and in train", "one split"),
    "dialogue not in a dict": (drop(2, A), f"dialogue {A}", "has no sentences", "every dialogue"),
    "unknown dialogue": (lambda v: v[4].append("Ses99"), "dialogue Ses99", "has no labels", "every dialogue"),
    "empty dialogue": (lambda v: [x.update({A: []}) for x in v[:3]], f"dialogue {A}", "no utterance", "Take it out"),
    "unequal lengths": (entry(0, A, ["F"]), f"dialogue {A}, speakers", "1 speakers, but 3 labels", "Every turn"),
    "not a list": (entry(2, A, "abc"), f"dialogue {A}, sentences", "this is a str", "list or an array"),
    "unknown label": (at(1, A, 1, 6), f"dialogue {A}, turn 1, labels", "unknown label 6", "0 to 5 for happy"),
    "negative label": (at(1, A, 1, -2), f"dialogue {A}, turn 1, labels", "unknown label -2", "0 to 5"),
    "label with decimals": (at(1, A, 0, 1.5), f"dialogue {A}, turn 0, labels", "unknown label 1.5", "0 to 5"),
    "label by name": (at(1, A, 0, "hap"), f"dialogue {A}, turn 0, labels", "unknown label 'hap'", "0 to 5"),
    "label that is a list": (at(1, A, 0, []), f"dialogue {A}, turn 0, labels", "label of type list", "0 to 5"),
    "unknown speaker": (at(0, A, 2, "X"), f"dialogue {A}, turn 2, speakers", "unknown speaker 'X'", "There is: F, M"),
    "speaker that is a number": (at(0, A, 2, 1), f"dialogue {A}, turn 2, speakers", "unknown speaker 1", "F, M"),
    "no text": (at(2, A, 1, None), f"dialogue {A}, turn 1, sentences", "text is a NoneType", "empty text"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_with_place_problem_and_remedy(tmp_path, case):
    change, place, problem, remedy = BAD[case]
    value = copy.deepcopy(made.cosmic())
    change(value)
    path = made.write(tmp_path, "iemocap.pkl", value)
    with pytest.raises(CorpusError) as caught:
        cosmic.read_iemocap(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.isprintable() and len(message) < 400
    assert place in message and problem in message and remedy in message and caught.value.remedy


def test_labels_as_floats_and_turns_without_a_label(tmp_path):
    """Scripts write labels as 5.0, and -1 or NaN for a turn that nobody labelled; such a turn is context."""
    value, plain = made.cosmic(), cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", made.cosmic()))
    value[1] = {d: [float(x) for x in labels] for d, labels in value[1].items()}
    assert cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", value)).fingerprint == plain.fingerprint
    assert plain.notices == ()
    value[1][A][:3] = [-1, np.nan, None]
    corpus = cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", value))
    first = corpus.table["dialogue"] == A
    assert (corpus.table["label"][first] == -1).all() and (corpus.table["label"][~first] >= 0).all()
    assert corpus.notices[0].startswith(f"3 of {len(corpus)} labels are None, NaN or -1")
    sentiment = made.cosmic(meld=True)
    sentiment[2][0][0] = -1
    assert cosmic.read_meld(made.write(tmp_path, "meld.pkl", sentiment)).table["sentiment"][0] == ""


@pytest.mark.parametrize(("speaker", "sentiment", "place", "problem"), [
    ([0] * 9, 0, "turn 0, speakers", "not one-hot"), ([1, 1, 0], 0, "turn 0, speakers", "not one-hot"),
    ([2, 0, 0], 0, "turn 0, speakers", "not one-hot"), ([1, -1, 0], 0, "turn 0, speakers", "not one-hot"),
    ("F", 0, "turn 0, speakers", "not one-hot"), ([[1]], 0, "turn 0, speakers", "not one-hot"),
    (made.one_hot(0), 3, "turn 0, sentiment", "unknown label 3"),
], ids=["nobody", "two", "two for one", "minus one", "a letter", "nested", "sentiment"])
def test_bad_meld(tmp_path, speaker, sentiment, place, problem):
    value = made.cosmic(meld=True)
    value[0][0][0], value[2][0][0] = speaker, sentiment
    with pytest.raises(CorpusError, match=f"meld.pkl, dialogue 0, {place}: .*{problem}"):
        cosmic.read_meld(made.write(tmp_path, "meld.pkl", value))


@pytest.mark.parametrize(("value", "problem"), [({}, "a dict, not a tuple"), (3, "a int, not a tuple")])
def test_not_a_list(tmp_path, value, problem):
    with pytest.raises(CorpusError, match=problem):
        cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", value))


@pytest.mark.parametrize("none", [None, float("nan"), -1, -1.0, np.float64("nan")])
def test_labels_that_are_none_make_context_and_whole_floats_are_labels(tmp_path, none):
    value = copy.deepcopy(made.cosmic())
    value[1][A][0], value[1][A][1] = none, 1.0
    corpus = cosmic.read_iemocap(made.write(tmp_path, "iemocap.pkl", value))
    assert corpus.table.loc[corpus.table["dialogue"] == A, "label"].tolist()[:2] == [-1, 1]
    assert len(corpus.notices) == 1 and corpus.notices[0].startswith("1 of ")


def test_a_folder_without_the_file(tmp_path):
    with pytest.raises(CorpusError, match=r"It must hold iemocap\.pkl"):
        cosmic.read_iemocap(tmp_path)


def test_real_iemocap(real_data):
    corpus = cosmic.read_iemocap(real_data / "iemocap")
    assert corpus.counts().to_numpy().tolist() == [[451, 771, 1221, 831, 593, 1296], [53, 68, 103, 102, 149, 172],
                                                   [144, 245, 384, 170, 299, 381]]
    assert [len(corpus.rows(s)) for s in ("train", "valid", "test")] == [5163, 647, 1623]
    assert [len(corpus.dialogues(s)) for s in ("train", "valid", "test")] == [108, 12, 31]
    assert all(d.id.startswith("Ses05") for d in corpus.dialogues("test"))
    assert (corpus.starts[1:] - corpus.starts[:-1]).max() == 110


def test_real_meld_agrees_with_the_csv(real_data):
    ours, csv = cosmic.read_meld(real_data / "meld"), meld.read(real_data / "meld")
    for column in ("split", "dialogue", "label", "sentiment"):
        assert ours.table[column].tolist() == csv.table[column].tolist()
    assert ours.speaker_index.tolist() != [0] * len(ours)
    order = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"]
    assert ours.counts()[order].to_numpy().tolist() == [
        [4710, 1743, 1205, 1109, 683, 271, 268], [470, 163, 150, 153, 111, 22, 40],
        [1256, 402, 281, 345, 208, 68, 50]]


@pytest.mark.parametrize("name", ["iemocap", "meld-cosmic", "iemocap-sdt", "meld-sdt", "iemocap-dialoguernn",
                                  "meld-dialoguernn", "avec-dialoguernn"])
def test_registered(name, tmp_path):
    info = corpora.CORPORA[name]
    assert info.needs_data and info.licence and info.obtain
    with pytest.raises(CorpusError, match=re.escape(info.files[0])):
        info.read(tmp_path)
