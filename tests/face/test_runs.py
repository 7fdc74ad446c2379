"""What `erc.run` and `erc.compare` return, and what explanations add up to."""

import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import erclab as erc
from erclab import runs as engine
from erclab.analysis import explanations
from erclab.core.errors import RunError, UsageError
from erclab.published import reference

QUICK = {"epochs": 2, "hidden": 16, "heads": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def sdt(tiny, folder):
    return erc.run("sdt", tiny, seeds=2, folder=folder, progress=False, **QUICK)


@pytest.fixture(scope="module")
def mult(tiny, folder):
    return erc.run("mult", tiny, folder=folder, progress=False, epochs=1, hidden=8, heads=2)


def test_run_gives_the_records_of_the_engine(sdt, tiny, folder):
    records = engine.run("sdt", tiny, seeds=2, folder=folder, progress=False, **QUICK)
    assert [r.id for r in sdt] == [r.id for r in records] and [r.data for r in sdt] == [r.data for r in records]
    assert isinstance(sdt[0], engine.Record) and sdt[0].corpus is tiny
    assert len(sdt[1:]) == 1 and isinstance(sdt[1:], erc.Runs) and sdt[1:][0].id == sdt[-1].id


def test_changes_and_the_protocol_reach_the_engine(tiny, folder):
    found = erc.run("sdt", tiny, folder=folder, progress=False, protocol="published", modalities=["text"], **QUICK)
    assert found[0].protocol == "published" and found[0].spec["modalities"] == ["text"]
    assert found[0].spec["settings"]["hidden"] == 16 and found[0].spec["recipe"]["epochs"] == 2
    assert "chosen on the test split" in repr(found)


def test_repr_is_the_table_of_scores(sdt):
    text = repr(sdt)
    assert text.startswith("SDT on simulated-tiny, text+audio+visual: 2 runs") and "±" in text
    for run, name in zip(sdt, ("seed 0", "seed 1"), strict=True):
        row, = (line for line in text.splitlines() if line.startswith(name))
        assert f"{100 * run.scores()['weighted_f1']:.1f}" in row.split()
    assert "<table" in sdt._repr_html_()


def test_to_frame_has_numbers(sdt):
    table = sdt.to_frame("valid", "published")
    assert list(table.index) == [0, 1] and list(table["id"]) == [r.id for r in sdt]
    assert table.loc[1, "macro_f1"] == sdt[1].scores("valid", "published")["macro_f1"]


def test_the_cards_have_at_most_ten_lines(sdt, tiny):
    for thing in (tiny, sdt[0], engine.run("constant", tiny, folder=sdt[0].path.parent)[0]):
        lines = repr(thing).splitlines()
        assert 3 <= len(lines) <= 10 and max(map(len, lines)) <= 160
        assert thing._repr_html_().count("<tr>") <= 10
    card = repr(sdt[0])
    assert sdt[0].id in card and f"{100 * sdt[0].scores()['accuracy']:.1f}" in card
    assert "valid-selected" in card and "test-selected" in card and "21,592" in card and "older" not in card
    old = dataclasses.replace(sdt[0], data={**sdt[0].data, "spec": {**sdt[0].spec, "code": "0"}})
    assert "made by:        older code" in repr(old) and len(repr(old).splitlines()) <= 10


def test_the_card_of_a_corpus_says_what_is_missing(tiny):
    from dataclasses import replace

    audio = tiny.vectors["audio"].copy()
    audio[:3] = 0
    table = tiny.table.assign(label=tiny.table["label"].where(tiny.table.index >= 2, -1))
    card = repr(replace(tiny, vectors={**tiny.vectors, "audio": audio}, frames={}, table=table))
    assert "missing:    audio of 3 utterances, label of 2" in card and "sequences:  none" in card
    assert "missing:    nothing" in repr(tiny) and "train 69 (12)" in repr(tiny)
    assert "missing:    the train split, the valid split" in repr(tiny.select(tiny.rows("test")))


def test_figures_are_figures(sdt, tiny):
    for figure in (sdt.bars(ceiling=True, published=True), sdt.curves(), sdt.confusion(), sdt.bars("macro_f1")):
        assert isinstance(figure, Figure) and figure._repr_png_()[0].startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="no score 'f7'"):
        sdt.bars("f7")


def test_the_title_of_bars_has_one_models_score_and_of_several_the_span(sdt, mult, tiny):
    one = [100 * np.mean([r.scores("test")["weighted_f1"] for r in runs]) for runs in (sdt, mult)]
    several = erc.Comparison({"SDT": sdt, "MulT": mult}).bars().axes[0].get_title(loc="left")
    assert several == f"2 models on {tiny.name}: weighted F1 {min(one):.1f} to {max(one):.1f} %"
    assert sdt.bars().axes[0].get_title(loc="left").startswith(f"SDT: weighted F1 {one[0]:.1f}")


def test_bars_draw_the_ceiling_and_what_papers_print(sdt, tiny):
    from erclab.analysis import ceilings

    def lines(figure):
        return {text.get_text() for legend in figure.legends for text in legend.get_texts()}

    known = {f"{name}: {value}" for name, value in ceilings.limits(tiny).items()}
    assert lines(sdt.bars()) == set() and lines(sdt.bars(ceiling=True)) == known
    assert lines(sdt.bars(published=True)) == set()  # no paper knows this corpus
    as_meld = [dataclasses.replace(r, data={**r.data, "spec": {**r.spec, "corpus": "meld-sdt"}}) for r in sdt]
    assert lines(erc.Runs(as_meld, tiny).bars(published=True)) == {
        f"{name}: {value}" for name, value in reference("sdt", "meld").items()} != set()


def test_attention_is_that_of_the_model_without_padding(sdt, mult, tiny):
    found = sdt[0].attention("valid")
    assert [list(a.rows) for a in found] == [
        list(range(a, b)) for a, b in zip(tiny.starts, tiny.starts[1:], strict=False)
        if tiny.table["split"][a] == "valid"]
    view = engine.views(sdt[0].spec, tiny, splits=["valid"])["valid"]
    batch = view.batch(range(len(view)))
    with torch.inference_mode():
        weights = sdt[0].model()(batch, attention=True).attention["text_from_audio"]
    for i, item in enumerate(found):
        n = len(item.rows)
        np.testing.assert_allclose(item.weights["text_from_audio"], weights[i][..., :n, :n], atol=1e-6)
    one = mult[0].attention("test")
    assert [a.rows[0] for a in one] == list(tiny.rows("test"))
    lengths = tiny.frames["audio"].lengths[tiny.rows("test")]
    assert [a.weights["text_from_audio"].shape[-1] for a in one] == list(lengths)


def test_attention_where_there_is_none(tiny, folder):
    lstm = erc.run("bc-lstm", tiny, folder=folder, progress=False, epochs=1, attention=False)
    with pytest.raises(UsageError, match="bc-LSTM has no attention"):
        lstm[0].attention()
    linear = erc.run("linear", tiny, folder=folder)
    with pytest.raises(RunError, match="keeps no weights"):
        linear[0].attention()
    with pytest.raises(UsageError, match="Linear probe: fitted, without epochs"):
        linear.curves()


@pytest.mark.parametrize("which", ["sdt", "mult"])
@pytest.mark.parametrize("method", explanations.METHODS)
def test_explanations_add_up_to_what_the_features_change(which, method, tiny, request):
    """Completeness: the sum over modalities is the logit minus that of features of 0."""
    from dataclasses import replace

    run = request.getfixturevalue(which)[0]
    table = run.explain(method, split="valid")
    assert list(table.index) == list(tiny.rows("valid"))
    model, found = run.model(), {}
    for batch in engine.views(run.spec, tiny, splits=["valid"])["valid"].batches(1):
        empty = replace(batch, features={m: torch.zeros_like(x) for m, x in batch.features.items()})
        with torch.no_grad():
            full, nothing = (model(b).logits.reshape(-1, len(tiny.labels)) for b in (batch, empty))
        at = full.argmax(-1)
        for i, row in enumerate(batch.rows.flatten().tolist()):
            found[row] = float(full[i, at[i]] - nothing[i, at[i]])
    total = table[list(tiny.modalities)].sum(axis=1) - table.get("delta", 0)
    np.testing.assert_allclose(total, [found[row] for row in table.index], atol=1e-4)


def test_context_is_the_part_of_other_turns(tiny, sdt, folder):
    """A model that reads each turn alone gets nothing from others."""
    free = {m: "free" for m in tiny.modalities}
    run = erc.run("dialoguetrm", tiny, folder=folder, progress=False, epochs=1, context=tuple(free.items()))[0]
    table = run.explain(split="valid")
    assert np.abs(table[[f"{m} context" for m in tiny.modalities]]).to_numpy().max() < 1e-6
    table = sdt.explain(split="valid", most=5)
    assert np.abs(table[[f"{m} context" for m in tiny.modalities]]).to_numpy().max() > 1e-3
    assert table.index.names == ["seed", "row"] and set(table.index.get_level_values("seed")) == {0, 1}
    assert len(table) < 2 * len(tiny.rows("valid"))


def test_an_unknown_method_or_corpus_is_refused(sdt, tiny):
    with pytest.raises(UsageError, match="unknown method 'lime'"):
        sdt.explain("lime")
    with pytest.raises(UsageError, match="trained on another corpus"):
        explanations.explain(sdt[0], tiny.select(tiny.rows("test")))


def test_models_are_compared(tiny, folder, sdt):
    models = {"all": {"model": "sdt", "seeds": 2, **QUICK}, "linear": "linear",
              "text": {"model": "sdt", "modalities": ["text"], **QUICK}}
    found = erc.compare(models, tiny, folder=folder, progress=False)
    assert list(found) == ["all", "linear", "text"] and [r.id for r in found["all"]] == [r.id for r in sdt]
    assert "linear" in repr(found) and "<table" in found._repr_html_()
    assert list(found.to_frame().index) == [("all", 0), ("all", 1), ("linear", 0), ("text", 0)]
    both = [r.scores("valid")["macro_f1"] for r in sdt]
    assert found.means("macro_f1", "valid")["all"] == pytest.approx(np.mean(both))
    assert found.means().name == "weighted_f1" and list(found.means().index) == ["all", "linear", "text"]
    for figure in (found.bars(ceiling=True), found.curves(), found.confusion()):
        assert isinstance(figure, Figure)
    by_name = erc.compare(["linear", "constant"], tiny, folder=folder)
    assert list(by_name) == ["Linear probe", "Constant predictor"]
    with pytest.raises(UsageError, match="Linear probe, Constant predictor: fitted, without epochs"):
        by_name.curves()


def test_records_of_the_engine_are_compared(tiny, folder, sdt):
    probe = engine.run("linear", tiny, folder=folder)
    found = erc.compare({"SDT": engine.run("sdt", tiny, seeds=2, folder=folder, **QUICK), "probe": probe}, tiny)
    assert [r.id for r in found["SDT"]] == [r.id for r in sdt] and found["probe"][0].corpus is tiny
    with pytest.raises(UsageError, match="trained on another corpus"):
        erc.compare({"probe": probe}, tiny.select(tiny.rows("test")))


@pytest.mark.parametrize(("models", "message"), [
    ([], "needs a list"), ("sdt", "needs a list"), (["linear", "linear"], "title 'Linear probe'"),
    ({"a": {"seeds": 1}}, "'a' name no model"), ({"a": []}, "'a' has no runs"),
    ({"a": ["sdt"]}, "'a' has no runs"), (["linaer"], "Did you mean 'linear")])
def test_a_comparison_that_makes_no_sense_is_refused(models, message, tiny, folder):
    with pytest.raises(UsageError, match=message):
        erc.compare(models, tiny, folder=folder)
