"""Three corpora through the general import, against the counts that are known of them."""

import numpy as np
import pandas as pd
import pytest

from erclab.core.errors import CorpusError, UsageError
from erclab.corpora.readers import meld, table_examples

SPLITS = ("train", "valid", "test")


def sizes(corpus):
    return [len(corpus.rows(s)) for s in SPLITS]


def test_mosi_takes_every_sixth_training_video_for_validation(tmp_path):
    rows = [{"id": f"v{v:02}_{s}", "video": f"v{v:02}", "segment": s, "text_lower": "so so", "label": v / 5 - 2,
             "split_bclstm": "train" if v < 13 else "test"} for v in range(15) for s in (1, 2)]
    pd.DataFrame(rows).to_csv(tmp_path / "utterances.csv", index=False)
    arrays = {name: np.ones((30, width)) for name, width in (("text100", 4), ("audio73", 3), ("video100", 2))}
    np.savez(tmp_path / "features.npz", **arrays, ids=[r["id"] for r in rows])
    corpus = table_examples.mosi(tmp_path)
    assert sorted(set(corpus.table["dialogue"][corpus.rows("valid")])) == ["v05", "v11"] and sizes(corpus) == [22, 4, 4]
    assert corpus.tasks == ("sentiment",) and corpus.dims == {"text": 4, "audio": 3, "visual": 2}
    (tmp_path / "utterances.csv").write_text("video,split\na,b\n")
    with pytest.raises(CorpusError, match="lacks the columns split_bclstm"):
        table_examples.mosi(tmp_path)


@pytest.fixture
def iemocap(tmp_path):
    labels = ["hap", "sad", "neu", "ang", "exc", "fru", "", "neu"]
    pd.DataFrame({"id": [f"u{i}" for i in range(8)], "dialogue": ["a"] * 4 + ["b"] * 2 + ["c"] * 2,
                  "turn": [0, 1, 2, 3, 0, 1, 0, 1], "speaker": "Ses01_F", "gender": ["F", "M"] * 4, "text": "Hm.",
                  "label6": labels, "split_cosmic": ["train"] * 4 + ["valid"] * 2 + ["test"] * 2, "valence": 1.0,
                  "activation": 5.0, "dominance": 3.5}).to_csv(tmp_path / "utterances.csv", index=False)
    x = np.arange(1, 17.0).reshape(8, 2)
    x[3, 0] = np.nan
    np.savez(tmp_path / "audio_functionals.npz", X=x, ids=[f"u{i}" for i in range(8)])
    np.savez(tmp_path / "audio_frames.npz", X=np.ones((8, 5, 3), dtype=np.uint8), ids=[f"u{i}" for i in range(8)])
    return tmp_path


def test_iemocap_labels_roles_scales_and_medians(iemocap):
    corpus = table_examples.iemocap_text_audio(iemocap)
    assert corpus.labels == ("happy", "sad", "neutral", "angry", "excited", "frustrated")
    assert corpus.table["label"].tolist() == [0, 1, 2, 3, 4, 5, -1, 2] and corpus.roles == ("F", "M")
    np.testing.assert_equal(corpus.annotations["dimensional"][0], np.float32([-1, 1, np.nan, 0.25]))
    assert corpus.vectors["audio"][3].tolist() == [3, 8] and "1 values of 1 utterances" in corpus.source
    assert corpus.frames["audio"].lengths.tolist() == [5] * 8 and (corpus.table["person"] == "Ses01_F").all()
    with pytest.raises(CorpusError, match=r'audio feature 0 is nan.* or use fill="median"'):
        table_examples.iemocap_text_audio(iemocap, fill="refuse")


def test_folds_are_by_dialogue_and_each_is_tested_once(tmp_path):
    pd.DataFrame({"Utterance": "Hm.", "Speaker": "Ada", "Emotion": "neutral", "Dialogue_ID": np.arange(24) // 2 * 3,
                  "Utterance_ID": np.arange(24) % 2}).to_csv(tmp_path / "dev_rows_aligned.csv", index=False)
    for name in ("text_base_val", "audio_wav2vec2_val"):
        np.save(tmp_path / f"{name}.npy", np.arange(1, 49.0).reshape(24, 2))
    tested = []
    for fold in range(5):
        corpus = table_examples.meld_dev(tmp_path, fold)
        assert corpus.labels == meld.LABELS and len(corpus) == 24 and min(sizes(corpus)) >= 4
        tested += corpus.table["dialogue"][corpus.rows("test")].tolist()
    assert len(tested) == len(corpus) and len(set(tested)) == 12 and "dev-33" in tested
    with pytest.raises(UsageError, match=r"no fold 5\. Folds are 0 to 4"):
        table_examples.meld_dev(tmp_path, 5)


def test_real_mosi(real_data):
    corpus = table_examples.mosi(real_data / "mosi")
    train, valid, test = sizes(corpus)
    assert (train + valid, test) == (1447, 752) and len(corpus.starts) - 1 == 93
    lengths = np.diff(corpus.starts)
    assert (lengths.min(), np.median(lengths), lengths.max()) == (9, 22, 63)
    assert [int((corpus.dialogue_splits == s).sum()) for s in SPLITS] == [52, 10, 31]
    positive = corpus.targets("test", "sentiment") >= 0
    assert (positive.sum(), (~positive).sum()) == (467, 285)
    assert corpus.dims == {"text": 100, "audio": 73, "visual": 100}


def test_real_iemocap(real_data):
    corpus = table_examples.iemocap_text_audio(real_data / "iemocap_text_audio")
    assert len(corpus) == 10039 and corpus.labelled.sum() == 7433 and len(corpus.starts) - 1 == 151
    assert corpus.counts().to_numpy().tolist() == [[451, 771, 1221, 831, 593, 1296], [53, 68, 103, 102, 149, 172],
                                                   [144, 245, 384, 170, 299, 381]]
    assert "of 10 utterances in audio_functionals.npz set to training medians" in corpus.source
    assert corpus.dims == {"audio": 340} and corpus.frames["audio"].values.shape == (10039 * 56, 16)
    lengths = np.diff(corpus.starts)
    assert (lengths.min(), np.median(lengths), lengths.max()) == (24, 67, 167)
    assert np.isnan(corpus.annotations["dimensional"]).sum(0).tolist() == [0, 0, 10039, 0]


def test_real_meld_dev(real_data):
    corpus = table_examples.meld_dev(real_data / "meld_dev_text_audio")
    assert len(corpus) == 1108 and len(corpus.starts) - 1 == 114 and corpus.dims == {"text": 768, "audio": 768}
    assert dict(zip(corpus.labels, corpus.counts().sum().tolist(), strict=True)) == {
        "neutral": 469, "joy": 163, "anger": 153, "surprise": 150, "sadness": 111, "fear": 40, "disgust": 22}
