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


def test_a_pickle_inside_is_refused_and_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'executed')!r}, 'w')",))

    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(data, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    data.write(pickle.dumps(np.array([Bomb()], dtype=object)))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("arm.txt", "A")
        file.writestr("100/about.json", '{"id": "x", "seed": 100}')
        file.writestr("100/guess.npy", data.getvalue())
    with pytest.raises(RunError, match="cannot be read"):
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
