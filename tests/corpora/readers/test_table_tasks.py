"""Own tasks of a table: numbers, binary labels and classes by the columns that the user names; scales and clamping."""

import numpy as np
import pytest

from erclab.core.errors import CorpusError, UsageError
from erclab.core.targets import Task
from erclab.corpora import cache, load
from erclab.corpora.folds import folds
from erclab.corpora.readers import table

CSV = """part,dialogue,turn,label,open,kind,happy,sad,fear,act,score
train,a,0,glad,10,1,2.5,0,1,ask,0.5
train,a,1,sad,30,,0,1,0,tell,-1
dev,b,0,sad,20,2,0,0,,ask,0.25
test,c,0,glad,nan,3,1,3,1,n/a,1
"""
SPLIT = {"split": "part"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "utterances.csv").write_text(CSV, "utf-8")
    return tmp_path


def test_own_tasks_of_every_kind(folder):
    corpus = table.read(folder, SPLIT, targets={"traits": ["open", "kind"], "feels:present": "happy,sad",
                                                "flag:binary": "fear", "act:classes": ["act"]})
    assert corpus.tasks == ("emotion", "traits", "feels", "flag", "act")
    assert [t.kind for t in corpus.own_tasks] == ["numbers", "binary", "binary", "classes"]
    np.testing.assert_equal(corpus.annotations["traits"], np.float32([[10, 1], [30, np.nan], [20, 2], [np.nan, 3]]))
    assert corpus.annotations["feels"].tolist() == [[1, 0], [0, 1], [0, 0], [1, 1]]
    np.testing.assert_equal(corpus.annotations["flag"][:, 0], np.float32([1, 0, np.nan, 1]))
    assert corpus.task("act").names == ("ask", "tell") and corpus.task("emotion").names == ("glad", "sad")
    assert corpus.targets("train", "act").tolist() == [0, 1] and corpus.targets("test", "act").tolist() == [-1]
    assert corpus.task("traits").centre == (20, 1)  # of the training split alone
    assert corpus.notices == ("act: of 4 labels, these count as none, so that their utterances are context: 'n/a' (1)",)
    with pytest.raises(UsageError, match=r"unknown task of table 'trait'\. Did you mean 'traits'"):
        corpus.task("trait")


def test_own_tasks_belong_to_the_content_and_survive_cache_and_folds(folder, tmp_path):
    made = table.read(folder, SPLIT, targets={"traits": ["open", "kind"], "act:classes": "act"}, scale=(0, 50))
    opened = cache.open(cache.save(made, tmp_path / "c"))
    assert opened.own_tasks == made.own_tasks and opened.fingerprint == made.fingerprint
    assert opened.task("traits") == made.task("traits") and opened.task("traits").width == (25, 25)
    assert made.fingerprint != table.read(folder, SPLIT, targets={"traits": ["open", "kind"], "act:classes": "act"}
                                          ).fingerprint
    assert folds(made, 3)[0].tasks == made.tasks
    assert made.select(made.rows("train")).targets("train", "act").tolist() == [0, 1]


def test_sentiment_has_the_scale_that_is_given(folder):
    columns = {**SPLIT, "sentiment": "score", "label": None}
    plain = table.read(folder, columns)
    assert plain.own_tasks == () and plain.task("sentiment").built_in
    assert table.read(folder, columns, scale=(-3, 3)).fingerprint == plain.fingerprint
    scaled = table.read(folder, columns, scale=[-1, 1])
    assert scaled.own_tasks == (Task("sentiment", "numbers", ("sentiment",), (-1.0, 1.0)),)
    assert scaled.task("sentiment").centre == (0,) and scaled.task("sentiment").width == (1,)
    with pytest.raises(CorpusError, match=r"line 3: sentiment is -1\. It must be from -0\.5 to 1 \(the column goes "
                                          r"from -1 to 1\); clamp or rescale the values: --clamp"):
        table.read(folder, columns, scale=(-0.5, 1))
    clamped = table.read(folder, columns, scale={"sentiment": (-0.5, 0.5)}, clamp=True)
    assert clamped.annotations["sentiment"][:, 0].tolist() == [0.5, -0.5, 0.25, 0.5]
    assert any(n.startswith("2 values of sentiment outside -0.5 to 0.5 are set to the nearer end")
               for n in clamped.notices)


def test_a_table_without_splits_is_read_for_folds(folder):
    assert set(table.read(folder, folded=True).table["split"]) == {"train"}
    assert [len(p.rows("test")) for p in folds(table.read(folder, folded=True), 3)] != [0, 0, 0]
    assert set(table.read(folder, SPLIT, folded=True).table["split"]) == {"train", "valid", "test"}


def test_zeros_can_replace_what_is_no_number(folder):
    np.savez(folder / "audio.npz", X=np.array([[1, np.nan], [2, 1], [3, np.inf], [4, 1]]))
    corpus = table.read(folder, SPLIT, fill="zero")
    assert corpus.vectors["audio"][:, 1].tolist() == [0, 1, 0, 1] and "2 values of 2 utterances" in corpus.source


@pytest.mark.parametrize(("how", "error", "said"), [
    ({"targets": {"x": "nope"}}, CorpusError, "the task x needs the columns nope, which the table lacks"),
    ({"targets": {"x:numbr": "open"}}, UsageError, "unknown kind of the task x 'numbr'. Did you mean 'numbers'"),
    ({"targets": {"emotion": "open"}}, UsageError, "an own task cannot be called 'emotion'"),
    ({"targets": {"a b": "open"}}, UsageError, "an own task cannot be called 'a b'"),
    ({"targets": {"x:classes": "act,open"}}, UsageError, "a single one for classes"),
    ({"targets": {"x": "open,open"}}, UsageError, "Name each column once"),
    ({"targets": {"x": "open", "x:binary": "fear"}}, UsageError, "two own tasks have the same name"),
    ({"targets": {"x:binary": "happy,sad"}}, CorpusError, "line 2: happy is 2.5. It must be from 0 to 1"),
    ({"targets": {"x": "act"}}, CorpusError, "line 2: act 'ask' is not a number"),
    ({"scale": {"traits": (1, 7)}}, UsageError, "unknown task with a scale 'traits'"),
    ({"scale": "wide"}, UsageError, "is not a lowest and a highest number"),
    ({"scale": (1, -1)}, UsageError, "goes from 1 to -1"),
    ({"scale": (-1, 1)}, UsageError, "a scale is given for sentiment, which the table does not have"),
    ({"scale": {"x": (0, 50), "sentiment": (-1, 1)}, "targets": {"x": "open"}}, UsageError, "given for sentiment"),
    ({"targets": "x=open"}, UsageError, "targets are a str"),
    ({"targets": {"x": 3}}, UsageError, "the columns of the task x are a int"),
    ({"arrays": "audio.npz"}, UsageError, "arrays are a str"),
])
def test_mistakes_are_one_line(folder, how, error, said):
    with pytest.raises(error) as caught:
        table.read(folder, SPLIT, **how)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_options_are_for_readers_that_take_them(folder):
    assert load("table", folder, columns=SPLIT, targets={"traits": "open"}).tasks == ("emotion", "traits")
    with pytest.raises(UsageError, match=r"--labels: the corpus 'meld' takes no labels\. It is for .*table"):
        load("meld", folder, labels=["a", "b"])
    with pytest.raises(UsageError, match="--scale: the corpus 'simulated-tiny' takes no scale"):
        load("simulated-tiny", scale=(-1, 1))
    with pytest.raises(UsageError, match=r"unknown option of a corpus 'label'\. Did you mean 'labels'"):
        load("table", folder, label=["a"])
