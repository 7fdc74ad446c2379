"""The AVEC 2012 tables: codes, blocks with gaps, empty utterances, and what is refused."""

import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora.readers import avec2012

N = 400


def write(path, x):
    path.write_text("".join(",".join(f"{v:g}" for v in row) + "\r\n" for row in np.atleast_2d(x)))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(8)
    for name, width in avec2012.FILES.items():
        codes = name == "utt_AVEC_emo.csv"
        write(tmp_path / name, rng.integers(0, 3, (N, 4)) if codes else rng.uniform(1, 2, (N, width)).round(3))
    words = np.full(N, 2)
    words[7] = 0
    write(tmp_path / "indices.csv", np.concatenate([[1], 1 + np.cumsum(words)])[:, None])
    return tmp_path


def test_codes_and_order_of_the_dimensions(folder):
    path = folder / "utt_AVEC_emo.csv"
    # arousal, expectancy, power, valence
    path.write_text("\n".join(["2,1,0,1", *path.read_text().split("\n")[1:]]))
    corpus = avec2012.read(folder)
    assert corpus.annotations["dimensional"][0].tolist() == [1, -1, 1, 0]  # valence, arousal, expectancy, power
    assert corpus.table.loc[0, ["arousal_code", "valence_code"]].tolist() == [2, 1]
    assert corpus.dims == {"text": 63, "audio": 91} and corpus.tasks == ("dimensional",)


def test_blocks_are_one_dialogue_each_with_a_gap_of_context(folder):
    corpus = avec2012.read(folder)
    assert [len(corpus.rows(s)) for s in ("train", "valid", "test")] == [240, 80, 80] and len(corpus.starts) == 4
    known = ~np.isnan(corpus.annotations["dimensional"]).any(1)
    assert np.flatnonzero(~known).tolist() == [*range(190, 240), *range(270, 320)]
    assert corpus.table["turn"].tolist() == [*range(240), *range(80), *range(80)]


def test_utterances_of_no_words_lack_both_modalities(folder):
    corpus = avec2012.read(folder)
    assert np.flatnonzero(~corpus.has("text")).tolist() == np.flatnonzero(~corpus.has("audio")).tolist() == [7]
    (folder / "indices.csv").unlink()
    corpus = avec2012.read(folder)
    assert corpus.has("text").all() and "words" not in corpus.table


def edit(name, old, new, line):
    def change(folder):
        lines = (folder / name).read_text().split("\n")
        lines[line - 1] = new if old is None else lines[line - 1].replace(old, new, 1)
        (folder / name).write_text("\n".join(lines))
    return change


BAD = {
    "missing": (lambda f: (f / "uttAVEC_CSA.csv").unlink(), "uttAVEC_CSA.csv:", "no such file", "uttAVEC_GeMAPS.csv"),
    "empty": (lambda f: (f / "uttAVEC_CSA.csv").write_bytes(b""), "uttAVEC_CSA.csv:", "empty", "again"),
    "too few rows": (lambda f: write(f / "utt_AVEC_GP.csv", np.ones((3, 3))), "utt_AVEC_GP.csv:", "3 lines", "400"),
    "too few columns": (edit("utt_AVEC_GP.csv", None, "1,2", 3), "utt_AVEC_GP.csv, line 3:", "2 fields", "again"),
    "words": (edit("utt_AVEC_GP.csv", None, "1,2,high", 3), "utt_AVEC_GP.csv, line 3:", "'high'", "no header"),
    "NaN": (edit("utt_AVEC_GP.csv", None, "1,nan,2", 3), "utt_AVEC_GP.csv, line 3:", "column 2 is nan", "Impute"),
    "fourth class": (edit("utt_AVEC_emo.csv", None, "0,0,3,0", 5), "utt_AVEC_emo.csv, row 4:", "power is 3", "2 low"),
    "half a class": (edit("utt_AVEC_emo.csv", None, "0.5,0,1,0", 5), "utt_AVEC_emo.csv, row 4:", "arousal is 0.5", "0"),
    "indices that fall": (edit("indices.csv", None, "1", 9), "indices.csv:", "not 401 whole numbers", "first word"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_with_place_problem_and_remedy(folder, case):
    change, place, problem, remedy = BAD[case]
    change(folder)
    with pytest.raises(CorpusError) as caught:
        avec2012.read(folder)
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message
    assert place in message and problem in message and remedy in message


def test_too_little_for_three_blocks(folder):
    for name, width in avec2012.FILES.items():
        write(folder / name, np.zeros((100, width)))
    with pytest.raises(CorpusError, match="100 utterances are too few"):
        avec2012.read(folder)


def test_real_counts(real_data):
    corpus = avec2012.read(real_data / "avec2012")
    assert len(corpus) == 3262 and corpus.table["words"].sum() == 49_873 and corpus.table["words"].median() == 7
    counts = {d: np.bincount(corpus.table[f"{d}_code"]).tolist() for d in ("arousal", "expectancy", "power", "valence")}
    assert counts == {"arousal": [2131, 358, 773], "expectancy": [1175, 58, 2029], "power": [2732, 354, 176],
                      "valence": [2682, 408, 172]}
    assert np.flatnonzero(~corpus.has("audio")).tolist() == np.flatnonzero(~corpus.has("text")).tolist() == [
        1196, 2443, 2445]
