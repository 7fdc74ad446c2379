"""The sizes of the models: exact counts, beside what papers print, for every preset and every recipe."""

import json

import pytest

from erclab import models, published, runs
from erclab.analysis import sizes
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.training.recipes import PROFILES, RECIPES


@pytest.fixture(scope="module")
def described():
    return {model["name"]: model for model in sizes.describe()}


def rows(model, **where):
    return [r for r in model["sizes"] if all(r[k] == v for k, v in where.items())]


def preset(described, name, variant, corpus):
    """The one row of a preset."""
    (row,) = (r for r in rows(described[name], corpus=corpus, recipe="") if variant in r["variants"])
    return row


@pytest.mark.parametrize(("name", "variant", "corpus", "count"), [
    ("sdt", "official", "iemocap", 79_687_704), ("sdt", "official", "meld", 78_386_204),
    ("mult", "official", "mosi", 1_071_211), ("mult", "official", "mosei", 1_073_731),
    ("mult", "official", "iemocap", 1_074_998),
    ("lmr-cbt", "official", "mosei", 406_523), ("lmr-cbt", "official", "iemocap", 348_210),
    ("lmr-cbt", "official", "mosi", 337_283), ("lmr-cbt", "paper", "mosei", 406_441),
    ("bc-lstm", "official", "iemocap", 464_106),
    ("dialoguernn", "official", "iemocap", 8_880_406), ("dialoguernn", "official", "meld", 2_666_607),
    ("hct-mg", "paper", "mosi", 542_444), ("hct-mg", "paper", "mosei", 782_444),
    ("hct-mg", "paper", "iemocap", 546_931),
    ("lmf-mult", "paper", "mosi", 697_441), ("lmf-mult", "paper", "mosei", 699_961),
    ("lf-lstm", "paper", "mosei", 1_241_801), ("m2fnet", "paper", "meld", 2_350_231)])
def test_presets_have_their_count(described, name, variant, corpus, count):
    assert preset(described, name, variant, corpus)["parameters"] == count


def test_frozen_parameters_are_counted_apart(described):
    assert preset(described, "sdt", "official", "meld")["trainable"] == 68_949_020
    assert preset(described, "sdt", "paper", "meld")["trainable"] == 78_386_204


def said(row):
    return {(p["value"], p["unit"], p["source"]): p["agrees"] for p in row["published"]}


def test_published_sizes_stand_beside_ours_with_their_source(described):
    for corpus, million in (("mosi", 0.54), ("mosei", 0.78), ("iemocap", 0.55)):
        assert said(preset(described, "hct-mg", "paper", corpus)) == {(million, "million", "HCT-MG, Table 2"): True}
    assert said(preset(described, "mult", "official", "mosi")) == {
        (1.07, "million", "HCT-MG, Table 2"): True, (1.07, "million", "LMR-CBT, Table 4"): True,
        (1_071_211, "parameters", "MulT, authors' code"): True}
    assert said(preset(described, "lmf-mult", "paper", "mosei")) == {
        (0.84, "million", "HCT-MG, Table 2"): False, (0.86, "million", "LMR-CBT, Table 5"): False}
    assert preset(described, "m2fnet", "paper", "meld")["published"] == []


def test_a_size_of_the_authors_code_says_nothing_of_the_equations(described):
    assert said(preset(described, "sdt", "paper", "iemocap")) == {}
    assert said(preset(described, "mult", "paper", "mosi")) == {
        (1.07, "million", "HCT-MG, Table 2"): False, (1.07, "million", "LMR-CBT, Table 4"): False}


def test_all_known_sizes_are_shown(described):
    for name, model in described.items():
        known = published.parameters(name)
        shown = {(r["corpus"], p["value"], p["source"]) for r in rows(model, recipe="") for p in r["published"]}
        assert shown == {(r.corpus, r.value, f"{models.info(r.paper).title}, {r.source}") for r in known.itertuples()}


def test_a_difference_is_explained(described):
    for model in described.values():
        if not all(p["agrees"] for r in rows(model, recipe="") for p in r["published"]):
            assert len(model["note"]) > 50


def test_every_recipe_of_a_trained_model_has_a_size(described):
    for name, info in models.MODELS.items():
        found = {(r["corpus"], r["recipe"]) for r in described[name]["sizes"] if r["recipe"]}
        assert found == {("simulated" if c == "*" else c, p) for m, c, p in RECIPES if m == name}
        assert bool(found) == (info.kind == "trained")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_recipe_for_any_corpus_is_what_a_run_on_the_simulated_one_builds(described, profile):
    corpus = simulated.generate("small", frames=True, dialogues=(2, 1, 1))
    for name, info in models.MODELS.items():
        if info.kind == "trained" and name not in ("sdt", "dialoguetrm"):  # which would take a second each
            (spec,) = runs.plan(name, corpus, profile=profile)
            (row,) = rows(described[name], corpus="simulated", recipe=profile)
            assert row["parameters"] == models.parameter_count(models.build(name, spec.settings))


def test_a_recipe_of_a_corpus_has_the_papers_widths(described):
    (row,) = rows(described["dialoguernn"], corpus="meld", recipe="full")
    assert said(row) == {(row["parameters"], "parameters", "DialogueRNN, authors' code"): True}
    assert row["variants"] == ["paper", "official"]  # one and the same function
    (row,) = rows(described["sdt"], corpus="meld", recipe="full")
    assert row["parameters"] == 78_386_204 and row["variants"] == ["paper"] and row["published"] == []
    (row,) = rows(described["sdt"], corpus="meld", recipe="smoke")  # width 256: 9 (6 (H^2 + H) + 4 H + H^2) + ...
    H = 256
    encoders, reduced, heads = 9 * (7 * H * H + 10 * H), 3 * (3 * H * H + H), 4 * (H * 7 + 7)
    assert row["parameters"] == encoders + reduced + heads + H * H + (1024 + 342 + 300) * H + 10 * H
    assert row["variants"] == ["official"] and row["trainable"] == row["parameters"] - 9 * H * H
    (row,) = rows(described["hct-mg"], corpus="mosi-mult", recipe="full")
    assert row["parameters"] == 542_444 and [p["value"] for p in row["published"]] == [0.54]


def test_a_recipe_of_another_simulated_corpus_has_its_widths(monkeypatch):
    monkeypatch.setitem(RECIPES, ("bc-lstm", "simulated-tiny", "smoke"), RECIPES["bc-lstm", "*", "smoke"])
    found = {r["corpus"]: r for r in sizes.describe(["bc-lstm"])[0]["sizes"] if r["recipe"] == "smoke"}
    small, tiny = (found[name]["parameters"] for name in ("simulated", "simulated-tiny"))
    hidden = RECIPES["bc-lstm", "*", "smoke"].settings["hidden"]
    assert small - tiny == 2 * 4 * hidden * (48 + 32 + 32 - 24 - 18 - 18) and not found["simulated-tiny"]["published"]


def test_what_is_fitted_has_no_parameters_by_gradient(described):
    for name in ("constant", "persistence", "linear", "linear-balanced", "linear-pooled", "tfidf", "tfidf-context"):
        assert described[name]["sizes"] == [] and described[name]["kind"] == "fitted"
        assert "no parameters by gradient" in sizes.text([described[name]])


def test_the_registrys_columns_are_there_and_families_are_known(described):
    assert list(described) == list(models.MODELS)
    for name, info in models.MODELS.items():
        row = described[name]
        assert [row[k] for k in ("title", "paper", "family", "kind", "view", "tasks")] == [
            info.title, info.paper, info.family, info.kind, info.view, list(info.tasks)]
        assert info.family in models.FAMILIES and (info.family == "baseline") == (info.kind == "fitted")


def test_some_models_by_name_or_an_error():
    (one,) = sizes.describe(["bc-lstm"])
    assert one["name"] == "bc-lstm" and json.loads(json.dumps(one)) == one
    with pytest.raises(UsageError, match="Did you mean 'sdt'"):
        sizes.describe(["sdtt"])


def test_text_has_a_line_per_size_and_marks_what_differs(described):
    lines = sizes.text([described["lmf-mult"], described["hct-mg"]]).splitlines()
    assert lines[0] == "lmf-mult: LMF-MulT, crossmodal, trained on sequences"
    (mosei,) = (line for line in lines if line.startswith("      mosei, paper/official ") and "699,961" in line)
    assert mosei.endswith("699,961   ≠ 0.84 M (HCT-MG, Table 2), ≠ 0.86 M (LMR-CBT, Table 5)")
    (mosi,) = (line for line in lines if "542,444" in line and "recipe" not in line)
    assert mosi.endswith("542,444   = 0.54 M (HCT-MG, Table 2)")
    assert any(line.startswith("    note: Transformers, projections") for line in lines)
    same = sizes.text([described["mult"]])
    assert "= 1.07 M (HCT-MG, Table 2; LMR-CBT, Table 4), = 1,071,211 (MulT, authors' code)" in same
