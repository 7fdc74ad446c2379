"""The corpus type: what it refuses and how it says so, what it derives from its table, and when two are the same."""

import re

import numpy as np
import pandas as pd
import pytest

from erclab.core.errors import CorpusError, UsageError
from erclab.corpora import Corpus, notices

LABELS = ("calm", "glad", "cross")
# split, dialogue, turn, speaker, text, label. Invented. Row 5 repeats a speaker's name in another dialogue.
ROWS = [
    ("train", "a", 0, "Ida", "The ferry is late, as ever.", 2),
    ("train", "a", 1, "Jon", "Then we have time for soup.", 1),
    ("train", "a", 4, "Ida", "Leek, I suppose.", 0),
    ("valid", "b", 0, "Kit", "Who painted the gate?", 0),
    ("test", "c", 3, "Lou", "I did, before breakfast.", 1),
    ("test", "c", 5, "Ida", "It is the wrong green.", 2),
    ("test", "d", 0, "Jon", "Nobody will notice.", 0),
]


def table():
    return pd.DataFrame(ROWS, columns=["split", "dialogue", "turn", "speaker", "text", "label"])


def vectors():
    rng = np.random.default_rng(7)
    return {"text": rng.normal(size=(7, 4)).astype(np.float32), "audio": rng.normal(size=(7, 2)).astype(np.float32)}


def corpus(**changes):
    return Corpus(**{"name": "pier", "table": table(), "labels": LABELS, "vectors": vectors(), "source": "pier.csv",
                     **changes})


def altered(row, column, value):
    """The table with one cell changed."""
    frame = table().astype({column: object})
    frame.loc[row, column] = value
    return frame.infer_objects()


def reordered(*order):
    return table().iloc[list(order)].reset_index(drop=True)


def altered_vector(value):
    arrays = vectors()
    arrays["audio"][4, 1] = value
    return arrays


ONE_ROW = [  # a change, where the message must point to, what it must say
    ({"table": altered(4, "label", 3)}, "dialogue c, turn 3", "unknown label index 3"),
    ({"table": altered(4, "label", -2)}, "dialogue c, turn 3", "unknown label index -2"),
    ({"table": altered(3, "split", "dev")}, "dialogue b, turn 0", "unknown split 'dev'"),
    ({"table": altered(6, "dialogue", "")}, "turn 0", "dialogue is empty"),
    ({"table": altered(6, "dialogue", None)}, "turn 0", "dialogue is empty"),
    ({"table": altered(1, "speaker", "  ")}, "dialogue a, turn 1", "speaker is empty"),
    ({"table": altered(1, "speaker", None)}, "dialogue a, turn 1", "speaker is empty"),
    ({"roles": ("Ida", "Jon", "Kit")}, "dialogue c, turn 3", "unknown speaker 'Lou'"),
    ({"table": reordered(0, 1, 3, 2, 4, 5, 6)}, "dialogue a, turn 4", "not adjacent"),
    ({"table": altered(2, "turn", 1)}, "dialogue a, turn 1", "the turn occurs twice"),
    ({"table": reordered(0, 2, 1, 3, 4, 5, 6)}, "dialogue a, turn 1", "out of order"),
    ({"table": altered(5, "split", "valid")}, "dialogue c, turn 5", "two splits"),
    ({"vectors": altered_vector(np.nan)}, "dialogue c, turn 3", "audio feature 1 is nan"),
    ({"vectors": altered_vector(np.inf)}, "dialogue c, turn 3", "audio feature 1 is inf"),
    ({"vectors": altered_vector(-np.inf)}, "dialogue c, turn 3", "audio feature 1 is -inf"),
]
WHOLE = [  # a change that has no single row, what the message must say
    ({"table": table().drop(columns=["turn", "label"])}, "turn, label"),
    ({"table": table().iloc[:0], "vectors": {}}, "no utterance"),
    ({"table": table().set_index(np.arange(1, 8))}, "not numbered 0"),
    ({"table": table().set_axis(pd.RangeIndex(0, 14, 2))}, "not numbered 0"),
    ({"table": altered(0, "label", 1.5)}, "must be integers"),
    ({"table": table().assign(label="calm")}, "must be integers"),
    ({"table": table().assign(turn=table()["turn"] + 0.5)}, "must be integers"),
    ({"vectors": {"audio": np.zeros((6, 2), np.float32)}}, r"audio features have the shape \(6, 2\)"),
    ({"vectors": {"audio": np.zeros(7, np.float32)}}, r"audio features have the shape \(7,\)"),
    ({"vectors": {"audio": np.zeros((7, 0), np.float32)}}, r"audio features have the shape \(7, 0\)"),
    ({"vectors": {"text": np.zeros((7, 2))}}, "text features are float64"),
    ({"vectors": {"text": np.zeros((7, 2), np.int32)}}, "text features are int32"),
]


@pytest.mark.parametrize(("change", "place", "problem"), ONE_ROW, ids=[f"{p} {w}" for _, w, p in ONE_ROW])
def test_a_bad_utterance_is_refused_in_one_line_with_its_place_and_a_remedy(change, place, problem):
    with pytest.raises(CorpusError, match=re.escape(problem)) as caught:
        corpus(**change)
    message = str(caught.value)
    assert message.startswith("pier.csv, dialogue ") and place in message.partition(":")[0]
    assert "\n" not in message and caught.value.remedy in message and caught.value.remedy.endswith(".")


@pytest.mark.parametrize(("change", "problem"), WHOLE, ids=[p for _, p in WHOLE])
def test_a_bad_table_or_array_is_refused_in_one_line_with_its_source_and_a_remedy(change, problem):
    with pytest.raises(CorpusError, match=problem) as caught:
        corpus(**change)
    message = str(caught.value)
    assert message.startswith("pier.csv: ")
    assert "\n" not in message and caught.value.remedy in message and caught.value.remedy.endswith(".")


@pytest.mark.parametrize("labels", [("calm",), ("calm", "glad", "calm")])
def test_labels_must_be_two_or_more_different_names(labels):
    with pytest.raises(CorpusError, match=r"pier\.csv: the labels"):
        corpus(labels=labels, table=table().assign(label=0))


def test_an_unknown_modality_is_refused_with_its_source():
    with pytest.raises(CorpusError, match=r"^pier\.csv: unknown modality 'txt'\. Did you mean 'text'\?"):
        corpus(vectors={"txt": vectors()["text"]})


def test_without_a_source_the_name_says_where():
    with pytest.raises(CorpusError, match=r"^pier, dialogue b"):
        corpus(source="", table=altered(3, "split", "dev"))


def test_a_turn_may_come_again_in_the_next_dialogue_and_turns_may_have_gaps():
    made = corpus(table=altered(4, "turn", 0))  # dialogue b ends with turn 0, dialogue c begins with it
    assert made.table["turn"].tolist() == [0, 1, 4, 0, 0, 5, 0]


def test_dialogues_lie_between_starts_and_every_split_has_its_rows():
    made = corpus()
    assert len(made) == 7
    assert made.starts.tolist() == [0, 3, 4, 6, 7] and made.starts.dtype == np.int64
    assert made.dialogue_splits.tolist() == ["train", "valid", "test", "test"]
    assert {s: made.rows(s).tolist() for s in ("train", "valid", "test")} == {
        "train": [0, 1, 2], "valid": [3], "test": [4, 5, 6]}
    assert made.targets("test").tolist() == [1, 2, 0]


def test_splits_may_alternate_between_dialogues():
    made = corpus(table=reordered(4, 5, 0, 1, 2, 6, 3))
    assert made.rows("test").tolist() == [0, 1, 5] and made.targets("test").tolist() == [1, 2, 0]
    assert [d.id for d in made.dialogues("test")] == ["c", "d"]


@pytest.mark.parametrize("ask", [lambda c: c.rows("dev"), lambda c: c.targets("dev"), lambda c: c.dialogues("dev")])
def test_an_unknown_split_is_an_error_and_not_empty(ask):
    with pytest.raises(UsageError, match=r"unknown split 'dev'.*train, valid, test"):
        ask(corpus())


def test_counts_have_every_split_and_label_also_those_that_do_not_occur():
    counts = corpus(labels=(*LABELS, "sleepy"), table=table().query("split != 'valid'").reset_index(drop=True),
                    vectors={}).counts()
    assert counts.index.tolist() == ["train", "valid", "test"]
    assert counts.columns.tolist() == [*LABELS, "sleepy"]
    assert counts.to_numpy().tolist() == [[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0]]


def test_speakers_are_numbered_by_appearance_in_each_dialogue_or_by_role():
    assert corpus().speaker_index.tolist() == [0, 1, 0, 0, 0, 1, 0]
    assert corpus().speaker_count == 2
    roles = corpus(roles=("Jon", "Ida", "Kit", "Lou", "Mae"))
    assert roles.speaker_index.tolist() == [1, 0, 1, 2, 3, 1, 0]
    assert roles.speaker_count == 5  # also who happens not to speak
    assert roles.speaker_index.dtype == corpus().speaker_index.dtype == np.int64


def test_modalities_are_in_one_order_whatever_the_order_of_the_arrays():
    made = corpus(vectors=dict(reversed(vectors().items())))
    assert made.modalities == ("text", "audio") and made.dims == {"text": 4, "audio": 2}


def test_a_dialogue_can_be_read_iterated_and_printed():
    first, second = corpus().dialogues("test")
    assert (first.id, first.split, len(first), len(second)) == ("c", "test", 2, 1)
    lou, ida = first
    assert (lou.turn, lou.speaker, lou.text, lou.label) == (3, "Lou", "I did, before breakfast.", "glad")
    np.testing.assert_array_equal(ida.vectors["text"], vectors()["text"][5])
    np.testing.assert_array_equal(ida.vectors["audio"], vectors()["audio"][5])
    assert str(corpus().dialogues("train")[0]) == (
        "Dialogue a (train, 3 turns)\n"
        "  0  Ida  The ferry is late, as ever.  [cross]\n"
        "  1  Jon  Then we have time for soup.  [glad]\n"
        "  4  Ida  Leek, I suppose.  [calm]")


def nudged(modality):
    arrays = vectors()
    arrays[modality][6, 0] = np.nextafter(arrays[modality][6, 0], np.float32(9))
    return arrays


@pytest.mark.parametrize("change", [
    {"table": altered(0, "label", 1)}, {"table": altered(0, "text", "The ferry is late, as ever!")},
    {"table": altered(2, "turn", 3)}, {"table": altered(5, "speaker", "Lou")}, {"table": altered(6, "dialogue", "e")},
    {"table": altered(6, "split", "train")}, {"vectors": nudged("text")}, {"vectors": nudged("audio")},
    {"vectors": {"text": vectors()["text"]}}, {"labels": ("calm", "cross", "glad")},
    {"roles": ("Ida", "Jon", "Kit", "Lou")},
    {"vectors": {"text": vectors()["text"], "visual": vectors()["audio"]}},
    {"vectors": {**vectors(), "text": vectors()["text"].reshape(-1)[:14].reshape(7, 2)}},
], ids=["label", "text", "turn", "speaker", "dialogue", "split", "text feature", "audio feature", "fewer modalities",
        "label names", "roles", "modality", "width"])
def test_the_fingerprint_tells_apart_whatever_a_run_depends_on(change):
    assert corpus(**change).fingerprint != corpus().fingerprint


@pytest.mark.parametrize("change", [
    {}, {"name": "quay"}, {"source": "elsewhere.csv"}, {"table": table().assign(remark="kept")},
    {"table": table()[["label", "text", "speaker", "turn", "dialogue", "split"]]},
    {"table": table().astype({"label": "int8", "turn": "int32"})},
    {"vectors": {m: np.asfortranarray(x) for m, x in reversed(vectors().items())}},
], ids=["equal", "name", "source", "more columns", "column order", "integer width", "memory order"])
def test_the_fingerprint_is_of_the_content_and_not_of_the_object(change):
    assert corpus(**change).fingerprint == corpus().fingerprint


def test_with_vectors_adds_or_replaces_one_modality_and_leaves_the_old_corpus_alone():
    old, faces = corpus(), np.ones((7, 3), np.float32)
    new = old.with_vectors("visual", faces, "own camera")
    assert old.modalities == ("text", "audio") and dict(old.encoders) == {}
    assert new.modalities == ("text", "audio", "visual") and dict(new.encoders) == {"visual": "own camera"}
    assert new.vectors["visual"] is faces and new.fingerprint != old.fingerprint
    newest = new.with_vectors("text", faces, "own ears")
    assert newest.dims == {"text": 3, "audio": 2, "visual": 3}
    assert dict(newest.encoders) == {"visual": "own camera", "text": "own ears"}


def test_with_vectors_checks_the_array():
    with pytest.raises(CorpusError, match=r"visual features have the shape \(6, 3\)"):
        corpus().with_vectors("visual", np.ones((6, 3), np.float32))


def test_notices_are_kept_by_what_is_derived_and_are_no_part_of_the_fingerprint():
    made = corpus(notices=("audio.pt was not read",))
    assert made.fingerprint == corpus().fingerprint
    assert made.select(np.array([0, 1])).notices == made.notices
    assert made.with_vectors("audio", vectors()["text"]).notices == made.notices
    assert made.noting("audio.pt was not read", "one more").notices == ("audio.pt was not read", "one more")
    assert made.noting().notices == made.notices and corpus().notices == ()


def test_the_card_has_the_first_notices_and_at_most_ten_lines():
    card = repr(corpus(notices=tuple(f"note {i}" for i in range(5)))).splitlines()
    assert card[-1] == "  notes:      note 0; note 1; note 2; and 2 more" and len(card) == 10
    assert "notes" not in repr(corpus()) and "note 1" in corpus(notices=("note 1",))._repr_html_()


def test_notices_are_told_once(capsys):
    notices.tell(corpus(notices=("told once",), source="a pier"))
    made = notices.tell(corpus(notices=("told once", "and this"), source="a pier"))
    assert made.notices == ("told once", "and this")
    out, err = capsys.readouterr()
    assert err == "note: told once\nnote: and this\n" and out == ""
