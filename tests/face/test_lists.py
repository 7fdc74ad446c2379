"""Tables of what there is, the oracle, contracts and exhibits."""

import numpy as np
import pandas as pd
import pytest

import erclab as erc
from erclab.core.errors import RunError, UsageError
from erclab.corpora import CORPORA, Corpus, simulated
from erclab.corpora.simulated.oracle import posterior
from erclab.exhibits import catalogue
from erclab.models import MODELS


def test_lists_are_tables_by_name():
    assert list(erc.list_models().index) == list(MODELS) and erc.list_models().loc["sdt", "title"] == "SDT"
    assert list(erc.list_corpora().index) == list(CORPORA)
    assert erc.list_corpora().loc["simulated", "needs"] == "nothing"
    assert list(erc.list_exhibits().index) == [e.id for e in catalogue.find()]
    assert list(erc.list_exhibits().columns) == ["paper", "title", "needs"]


def test_sizes_stand_beside_printed_ones():
    """SDT's code has 79,687,704 parameters on IEMOCAP; HCT-MG's paper prints 0.54 M on MOSI."""
    table = erc.sizes("sdt", "hct-mg", "linear")
    assert table.loc[("sdt", "iemocap", "official", ""), "parameters"] == 79_687_704
    assert table.loc[("sdt", "iemocap", "official", ""), "published"].startswith("= 79,687,704 (SDT")
    assert table.loc[("hct-mg", "mosi", "paper/official", ""), "published"].startswith("= 0.54 M")
    assert set(table.index.get_level_values("model")) == {"sdt", "hct-mg"}
    with pytest.raises(UsageError, match="unknown model"):
        erc.sizes("sdtt")


def test_what_a_paper_leaves_out_is_a_table():
    assert list(erc.left_out("sdt").columns) == ["detail", "paper", "official", "ours"]
    with pytest.raises(UsageError, match="unknown published results of 'ef-lstm'"):
        erc.left_out("ef-lstm")


def test_exhibits_have_a_state_on_a_corpus(tiny, tmp_path):
    table = erc.list_exhibits(tiny, seeds=1, folder=tmp_path)
    assert table.loc["S3", "state"] == "to train" and table.loc["D1", "state"] == "ready"


def test_an_exhibit_is_built_or_says_what_is_missing(tiny, tmp_path):
    assert isinstance(erc.exhibit("d1", tiny), pd.DataFrame)
    with pytest.raises(RunError, match=r"needs 3 more run.*Give train=True"):
        erc.exhibit("S4", tiny, seeds=1, folder=tmp_path)
    with pytest.raises(UsageError, match="unknown exhibit"):
        erc.exhibit("Z9", tiny)
    trained = erc.exhibit("S4", tiny, seeds=1, train=True, folder=tmp_path, progress=False)
    assert type(erc.exhibit("S4", tiny, seeds=1, folder=tmp_path)) is type(trained)


def test_the_oracle_is_that_of_the_corpus(tiny):
    table = erc.oracle(tiny, modalities=[("text",), ("text", "audio", "visual")])
    world = simulated.world_behind(tiny)
    guess = posterior(tiny, world, ("text",), "dialogue", split="test").label.argmax(1)
    assert table.loc[("text", "whole dialogue"), "accuracy"] == pytest.approx(
        100 * np.mean(guess == tiny.targets("test")))
    assert len(table) == 6
    words = erc.oracle(tiny, modalities=[("text",)], view="words")
    read = posterior(tiny, world, ("text",), "dialogue", split="test", view="words").label.argmax(1)
    assert words.loc[("text", "whole dialogue"), "accuracy"] == pytest.approx(
        100 * np.mean(read == tiny.targets("test")))
    with pytest.raises(UsageError, match="unknown view 'word'"):
        erc.oracle(tiny, view="word")
    with pytest.raises(UsageError, match="not known"):
        erc.oracle(Corpus("mine", tiny.table, tiny.labels, tiny.vectors))


def test_contracts_are_a_table():
    table = erc.check_model("bc-lstm", ["padding_invariance", "causality"], progress=False)
    assert table.loc[("paper", "padding_invariance"), "status"] == "ok"
    assert table.loc[("official", "padding_invariance"), "status"] == "breaks (quirk)"
    assert table.loc[("paper", "causality"), "status"] == "–"
    from erclab.models.bclstm import BCLSTM

    own = erc.check_model(type("Own", (BCLSTM,), {}), ["causality"], progress=False)  # a class outside the registry
    assert own["status"].to_dict() == {("paper", "causality"): "–", ("official", "causality"): "–"}
    with pytest.raises(UsageError, match="unknown model"):
        erc.check_model("sdtt")


def test_a_figure_is_saved_under_its_name(tmp_path, monkeypatch, tiny):
    from erclab.figures import style

    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path))
    figure, _ = style.figure()
    assert erc.save(figure, "30_a").name == "30_a" and (tmp_path / "30_a.png").read_bytes() == figure._repr_png_()[0]
    erc.save(figure, "30_a", tiny)
    erc.save(figure, "30_b", "meld")
    assert {p.name for p in tmp_path.iterdir()} == {"30_a.png", "30_a_simulated-tiny.png", "30_b_meld.png"}
