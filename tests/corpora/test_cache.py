"""The canonical cache: what is saved is what is opened, and nothing else is."""

import json

import numpy as np
import pandas as pd
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import Corpus, Frames, cache, load, simulated
from erclab.corpora.readers import meld


def corpus(**changes):
    table = pd.DataFrame({"split": ["train"] * 2 + ["test"], "dialogue": ["a", "a", "b"], "turn": [0, 3, 0],
                          "speaker": ["Ädä", "Bo", "Bo"], "text": ['Hm, "so"?\r\n', "NA", ""], "label": [1, -1, 0],
                          "seen": [True, False, True], "start": [0.5, np.nan, 1e300], "note": ["x", None, "nan"]})
    frames = {"audio": Frames.pack([np.ones((2, 3)), np.zeros((0, 3)), np.ones((1, 3))], rate=12.5, length=4,
                                   side="left"),
              "visual": Frames.pack([np.zeros((0, 2))] * 3)}
    return Corpus(**{"name": "mine", "table": table, "labels": ("calm", "glad"), "roles": ("Ädä", "Bo"),
                     "vectors": {"text": np.arange(6, dtype=np.float32).reshape(3, 2)}, "source": "by hand",
                     "encoders": {"text": "an encoder"}, "frames": frames,
                     "annotations": {"sentiment": np.float32([[1], [np.nan], [-3]])},
                     "notices": ("audio.pt was not read",), **changes})


def same(a, b):
    assert a.fingerprint == b.fingerprint
    assert (a.name, a.labels, a.roles, a.source, dict(a.encoders), a.notices) == (
        b.name, b.labels, b.roles, b.source, dict(b.encoders), b.notices)
    pd.testing.assert_frame_equal(a.table, b.table)
    assert a.vectors.keys() == b.vectors.keys() and a.annotations.keys() == b.annotations.keys()
    for m, f in a.frames.items():
        g = b.frames[m]
        assert (f.rate, f.length, f.side) == (g.rate, g.length, g.side) and np.array_equal(f.starts, g.starts)


def test_everything_comes_back(tmp_path):
    made = corpus()
    cache.save(made, tmp_path / "new" / "mine")
    same(made, cache.open(tmp_path / "new" / "mine"))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["mine"]


@pytest.mark.parametrize("made", [lambda: corpus(vectors={}, frames={}, annotations={}),
                                  lambda: simulated.generate("tiny")], ids=["table only", "simulated"])
def test_other_corpora_come_back(tmp_path, made):
    made = made()
    cache.save(made, tmp_path / "c")
    opened = cache.open(tmp_path / "c")
    assert opened.fingerprint == made.fingerprint
    pd.testing.assert_frame_equal(made.table, opened.table)


def test_a_cache_of_before_there_were_notices_opens(tmp_path):
    cache.save(corpus(), tmp_path / "c")
    manifest = json.loads((tmp_path / "c" / "manifest.json").read_text("utf-8"))
    del manifest["notices"]
    (tmp_path / "c" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert cache.open(tmp_path / "c").notices == ()


def test_arrays_are_mapped_and_cannot_be_changed(tmp_path):
    cache.save(corpus(), tmp_path / "c")
    opened = cache.open(tmp_path / "c")
    for x in (opened.vectors["text"], opened.frames["audio"].values, opened.annotations["sentiment"]):
        assert not x.flags.writeable and isinstance(x.base, np.memmap)
    same(opened.select(np.array([0, 2])), corpus().select(np.array([0, 2])))


def test_saving_again_replaces(tmp_path):
    cache.save(corpus(), tmp_path / "c")
    cache.save(corpus(frames={}, name="other"), tmp_path / "c")
    assert cache.open(tmp_path / "c").name == "other" and not (tmp_path / "c" / "audio.frames.npy").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch):
    cache.save(corpus(), tmp_path / "c")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(CorpusError, match=r"cannot be written \(No space left on device\).*space that is left"):
        cache.save(corpus(name="other"), tmp_path / "c")
    assert cache.open(tmp_path / "c").name == "mine" and [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_folder_of_somebody_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for folder in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(CorpusError, match=r"not a cache of ours.*nothing was changed"):
            cache.save(corpus(), folder)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    cache.save(corpus(), tmp_path / "empty")


def flip(name):
    def change(folder):
        data = bytearray((folder / name).read_bytes())
        data[-2] ^= 1
        (folder / name).write_bytes(data)
    return change


def manifest(**changes):
    def change(folder):
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return change


def resign(name, value):
    """Replace a file and enter it in the manifest, as somebody with bad intentions would."""
    def change(folder):
        (folder / name).write_bytes(value) if isinstance(value, bytes) else np.save(folder / name, value)
        files = json.loads((folder / "manifest.json").read_text())["files"]
        files[name] = {"bytes": (folder / name).stat().st_size, "sha256": cache.file_digest(folder / name)}
        manifest(files=files)(folder)
    return change


def elsewhere(folder):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    manifest(files={**files, "../../secret.npy": files["text.npy"]})(folder)


BAD = {
    "no folder": (lambda f: f.rename(f.with_name("x")), "no cache of a corpus", "erclab corpora import"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "no cache of a corpus", "erclab corpora import"),
    "empty manifest": (lambda f: (f / "manifest.json").write_bytes(b""), "not a manifest of ours", "import"),
    "a list": (lambda f: (f / "manifest.json").write_text("[1]"), "not a manifest of ours", "import"),
    "nested": (lambda f: (f / "manifest.json").write_text("[" * 100_000), "not a manifest of ours", "import"),
    "newer": (manifest(version=99), "version 99, this erclab reads 1", "import the corpus again"),
    "no files": (manifest(files=3), "not a manifest of ours", "import"),
    "files that say nothing": (manifest(files={"table.json": 3}), "not a manifest of ours", "import"),
    "another place": (elsewhere, "not a manifest of ours", "import"),
    "changed array": (flip("text.npy"), "text.npy: the file is not the one that was saved", "import"),
    "changed table": (flip("table.json"), "table.json: the file is not the one", "import"),
    "longer array": (lambda f: (f / "text.npy").write_bytes(bytes(999)), "text.npy: the file is not the one", "import"),
    "missing array": (lambda f: (f / "text.npy").unlink(), "text.npy: the file is missing", "import"),
    "other fingerprint": (manifest(fingerprint="0" * 64), "fingerprint differs", "import"),
    "other labels": (manifest(labels=["glad", "calm"]), "fingerprint differs", "import"),
    "frames without a file": (manifest(frames={"text": {"rate": 0, "length": 0, "side": ""}}), "damaged", "import"),
    "layout": (manifest(frames={"audio": 3}), "damaged", "import"),
    "rows": (resign("text.npy", np.ones((2, 2), dtype=np.float32)), "shape (2, 2)", "one vector per utterance"),
    "objects": (resign("text.npy", np.array([{}, 1, 2], dtype=object)), "damaged (", "import"),
    "npz": (resign("text.npy", b"PK\3\4"), "damaged (", "import"),
    "no columns": (resign("table.json", b"[]"), "lacks the columns", "It needs"),
    "columns of something": (resign("table.json", b"[1]"), "damaged", "import"),
    "column type": (resign("table.json", b'[{"name": "turn", "type": "run", "values": [1]}]'), "damaged", "import"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_damaged_is_one_line_with_a_remedy(tmp_path, case):
    change, problem, remedy = BAD[case]
    cache.save(corpus(), tmp_path / "c")
    change(tmp_path / "c")
    with pytest.raises(CorpusError) as caught:
        cache.open(tmp_path / "c")
    message = str(caught.value)
    assert "\n" not in message and problem in message and remedy in message and len(message) < 400


def test_without_verifying_only_sizes_are_compared(tmp_path):
    cache.save(corpus(), tmp_path / "c")
    flip("text.npy")(tmp_path / "c")
    assert cache.open(tmp_path / "c", verify=False).vectors["text"].shape == (3, 2)
    (tmp_path / "c" / "text.npy").write_bytes(bytes(999))
    with pytest.raises(CorpusError, match="not the one that was saved"):
        cache.open(tmp_path / "c", verify=False)


def test_meld_comes_back(real_data, tmp_path):
    made = meld.read(real_data / "meld")
    vectors = np.random.default_rng(0).normal(size=(len(made), 384)).astype(np.float32)
    made = made.with_vectors("text", vectors, "noise")
    cache.save(made, tmp_path / "meld")
    same(made, cache.open(tmp_path / "meld"))


def test_the_default_corpus_comes_back(tmp_path):
    made = load("simulated-tiny")
    cache.save(made, tmp_path / "c")
    assert cache.open(tmp_path / "c").modalities == made.modalities
