"""Files of evidence: what goes in comes out, and a damaged or malicious file is one clear error."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from ledgers import book_of, guesses, kept, row, split

from erclab.claims import splits
from erclab.claims.evidence import GUESS, SUM, Shelf, read, slug, write_arm
from erclab.core.errors import RunError
from erclab.core.storage import zipped
from erclab.corpora import simulated
from erclab.corpora.simulated.oracle import posterior

BOOK = book_of(row())


def test_an_arm_comes_back_and_the_same_evidence_makes_the_same_bytes(tmp_path):
    found = [kept(BOOK, s, {GUESS: guesses(split(), 0.7, s), "gate": np.ones((3, 2, 2, 50), np.float32)})
             for s in (101, 100)]
    for name in "ab":
        write_arm(tmp_path / f"{name}.zip", "SDT, no intra", found)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    back = read(tmp_path / "a.zip")
    assert [e.seed for e in back] == [100, 101] and back[1].about == found[0].about
    for name in (GUESS, "gate"):
        assert (back[1].arrays[name] == found[0].arrays[name]).all()
        assert back[1].arrays[name].dtype == found[0].arrays[name].dtype
    assert slug("DialogueTRM, K=28") == "dialoguetrm-k-28" and Shelf(tmp_path).arms() == ["SDT, no intra"] * 2


def test_runs_of_an_arm_may_have_different_arrays(tmp_path):
    """Each array comes back to its own run, whatever the others have."""
    given = {100: {"guess": np.arange(6, dtype=np.uint8), "sum|all": np.ones((3, 2), np.float32)},
             101: {"guess": np.arange(6, 12, dtype=np.uint8)},
             102: {"guess": np.arange(4, dtype=np.uint8), "sum|all": np.full((3, 2), 2, np.float32)},
             103: {"guess": np.arange(6) / 4, "gate.trained": np.zeros((0, 3)), "one": np.array(7)}, 104: {}}
    write_arm(tmp_path / "a.zip", "A", [kept(BOOK, seed, arrays) for seed, arrays in given.items()])
    back = {e.seed: e.arrays for e in read(tmp_path / "a.zip")}
    assert {seed: set(arrays) for seed, arrays in back.items()} == {s: set(arrays) for s, arrays in given.items()}
    for seed, arrays in given.items():
        for name, x in arrays.items():
            assert np.array_equal(back[seed][name], x) and back[seed][name].dtype == x.dtype
            assert back[seed][name].shape == x.shape and back[seed][name].flags.c_contiguous


def test_runs_that_agree_take_less_room_together(tmp_path):
    same = guesses(split(), 0.7, 1)
    for name, runs in {"one": [same], "five": [same] * 5}.items():
        write_arm(tmp_path / f"{name}.zip", "A", [kept(BOOK, 100 + i, {GUESS: x}) for i, x in enumerate(runs)])
    assert (tmp_path / "five.zip").stat().st_size < 2 * (tmp_path / "one.zip").stat().st_size


def test_a_shelf_adds_seeds_replaces_one_and_reads_files_of_others(tmp_path):
    shelf = Shelf(tmp_path, split())
    shelf.add("A", kept(BOOK, 101, {GUESS: np.zeros(4, np.uint8)}))
    shelf.add("A", kept(BOOK, 100, {GUESS: np.ones(4, np.uint8)}), kept(BOOK, 101, {GUESS: np.full(4, 2, np.uint8)}))
    assert [(e.seed, int(e.arrays[GUESS][0])) for e in Shelf(tmp_path).arm("A")] == [(100, 1), (101, 2)]
    assert shelf.arm("B") == []


def test_an_arm_that_has_evidence_is_no_longer_one_that_the_corpus_cannot_have(tmp_path):
    shelf = Shelf(tmp_path, split())
    for arm in "AB":
        shelf.note_not_here(arm, "no such task")
    shelf.add("A", kept(BOOK, 100, {GUESS: np.zeros(4, np.uint8)}))
    assert Shelf(tmp_path).not_here() == {"B": "no such task"}


def test_sums_of_a_real_corpus_have_scores_without_labels_of_utterances(tmp_path):
    counts = np.zeros((5, 4, 4), np.uint8)
    counts[:, 0, 0], counts[:, 1, 0] = 3, 1
    e = kept(BOOK, 100, {SUM + "all": counts, SUM + "ambiguous": counts, "students.text|all": counts})
    assert e.tally.parts == ("all", "ambiguous") and e.heads == ("students.text",)
    assert e.of_head("students.text").sums["all"].sum() == 20


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 torn"])
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(RunError, match=r"cannot be read.*(Restore|delete)"):
        read(tmp_path / "a.zip")
    (tmp_path / splits.FILE).write_bytes(content)
    with pytest.raises(RunError, match=r"test dialogues cannot be read"):
        splits.load(tmp_path)


def test_a_wrong_byte_anywhere_is_one_line_or_does_no_harm(tmp_path):
    """A flag, a method, a length, a name or the content: no other error reaches the user."""
    found, path = [kept(BOOK, s, {GUESS: guesses(split(), 0.7, s)[:40]}) for s in (100, 101)], tmp_path / "a.zip"
    write_arm(path, "A", found)
    whole, refused = path.read_bytes(), 0
    for place in range(0, len(whole), 3):
        for bits in (1, 255):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1:])
            try:
                assert all(isinstance(e.about, dict) for e in read(path))
            except RunError as error:
                refused += 1
                assert "\n" not in str(error) and "delete it and train again" in str(error)
    assert refused > len(whole) / 3


@pytest.mark.parametrize("members", [
    {"about.json": b"{}"}, {"about.json": b"[[]]"}, {"about.json": b'[{"seed": 1}]'}, {"100/about.json": b"{}"},
    {"about.json": b"[]", "guess/0.npy": b"no array"}, {"about.json": b"[]", "guess/3.npy": None},
    {"about.json": b'[{"seed": 1, "fixed": true}]', "guess/0-1.npy": None}])
def test_a_file_of_another_make_is_one_line(tmp_path, members):
    array = io.BytesIO()
    np.save(array, np.zeros((4, 1), np.uint8))
    content = {name: array.getvalue() if x is None else x for name, x in members.items()}
    (tmp_path / "a.zip").write_bytes(zipped(content))
    with pytest.raises(RunError, match=r"the evidence cannot be read.*Restore"):
        read(tmp_path / "a.zip")


def test_a_pickle_inside_is_refused_and_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'executed')!r}, 'w')",))

    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(data, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    data.write(pickle.dumps(np.array([Bomb()], dtype=object)))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("arm.txt", "A")
        file.writestr("about.json", '[{"id": "x", "seed": 100, "fixed": false}]')
        file.writestr("guess/0.npy", data.getvalue())
    with pytest.raises(RunError, match=r"cannot be read.*allow_pickle=False"):
        read(tmp_path / "a.zip")
    assert not (tmp_path / "executed").exists()


def test_a_folder_that_cannot_be_written_is_an_error_and_nothing_is_lost(tmp_path):
    write_arm(tmp_path / "a.zip", "A", [kept(BOOK, 100, {})])
    before = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="cannot be kept"):
        write_arm(tmp_path / "file" / "b.zip", "B", [])
    assert (tmp_path / "a.zip").read_bytes() == before


def test_a_split_comes_back_with_truth_parts_and_the_oracle(tmp_path):
    corpus = splits.fresh_dialogues("simulated-tiny", {"dialogues": 7, "seed": 3}, frames=False)
    made = splits.split_of(corpus)
    made.save(tmp_path)
    back = splits.load(tmp_path)
    assert (back.corpus, back.source) == ("simulated-tiny", corpus.source) and back.dialogue.max() == 6
    for task in corpus.tasks:
        assert np.array_equal(back.truth[task], corpus.targets("test", task), equal_nan=back.truth[task].ndim > 1)
    kinds = corpus.table["text_kind"].to_numpy()
    assert (back.parts["ambiguous"] == (kinds == "ambiguous")).all()
    assert (back.parts["referential"] == (kinds == "referential")).all()
    truth = np.array(corpus.labels)[corpus.table["emotion"]]
    lies = np.any([~corpus.table[f"{m}_shown"].isin(["masked"]) & (corpus.table[f"{m}_shown"] != truth)
                   for m in ("audio", "visual")], axis=0)
    assert (back.parts["incongruent"] == lies).all() and (back.parts["congruent"] == ~lies).all()
    best = posterior(corpus, simulated.world_behind(corpus), context="utterance", split="test", view="frames")
    assert (back.oracle == best.label.argmax(1)).all()
    assert splits.load(tmp_path / "nowhere") is None


def test_a_world_that_an_arm_changes_has_its_own_fresh_dialogues():
    protocol = {"dialogues": 3, "seed": 3}
    plain, changed = (splits.fresh_dialogues("simulated-tiny", protocol, frames=False, world=world)
                      for world in (None, {"strength": [3.0, 0.3, 0.3]}))
    assert (plain.table["label"] == changed.table["label"]).all() and plain.fingerprint != changed.fingerprint
