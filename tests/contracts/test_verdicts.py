"""Verdicts hold under `python -O`, mistakes in a check are no broken models, and classes need no registry."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from broken_modules import CrashesWithoutText, LooksAtTheOthers, NeedsText
from good_modules import DIMS, GoodDialogue, GoodSequence, case
from torch import nn
from what_breaks import both

import erclab
from erclab import contracts
from erclab.contracts import ContractBroken
from erclab.contracts.broken import model_code, require
from erclab.core.errors import UsageError

UNDECLARED = """
from erclab import contracts
from erclab.contracts.rows import Case, Row
from erclab.models.lmr_cbt import LMRCBT
one = Case(Row("lmr-cbt", "official"), LMRCBT, ("text", "audio", "visual"))
print(__debug__, *(contracts.check_case(one, name).status for name in ("sample_independence", "padding_invariance")))
"""


def test_the_authors_quirks_are_found_under_optimisation():
    found = subprocess.run([sys.executable, "-O", "-c", UNDECLARED], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "FAILS", "FAILS"]


def test_no_verdict_of_the_package_is_an_assert():
    for path in Path(erclab.__file__).parent.rglob("*.py"):
        lines = [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
        assert not lines, f"{path}: assert in line {lines}, which python -O removes"


def test_require_and_what_the_model_raises():
    require(True, "unused")
    with pytest.raises(ContractBroken, match=r"^the finding$"):
        require(0, "the finding")
    with pytest.raises(ContractBroken, match=r"^KeyError: 'text'$"), model_code():
        {}["text"]
    with pytest.raises(UsageError), model_code(UsageError):
        raise UsageError("refused")
    with pytest.raises(ContractBroken, match=r"^its own$"), model_code():
        raise ContractBroken("its own")


@pytest.mark.parametrize("error", [AssertionError("said so"), KeyError("text"), UsageError("no such thing")], ids=repr)
def test_a_mistake_in_a_check_is_no_broken_model(monkeypatch, error):
    def mistaken(case):
        raise error
    monkeypatch.setitem(contracts.CONTRACTS, "causality", mistaken)
    found = contracts.check_case(case(GoodSequence, breaks={"causality": ("", "any finding is expected")}), "causality")
    line = mistaken.__code__.co_firstlineno + 1
    assert (found.status, found.reason) == ("error", "")
    assert found.says == f"{type(error).__name__}: {error} (test_verdicts.py, line {line})"
    assert contracts.matrix(results=[found]).iloc[0, 0] == "error"


def test_a_mistake_below_a_check_names_the_line_of_the_contracts(monkeypatch):
    from erclab.contracts import checks

    monkeypatch.setattr(checks, "same_at", lambda *_: nn.Linear("wide", 3))
    found = contracts.check_case(case(GoodSequence), "batch_order_invariance")
    assert found.status == "error" and "(checks.py, line " in found.says


@pytest.mark.parametrize("model", both(CrashesWithoutText), ids=lambda m: m.__name__)
def test_a_model_that_crashes_is_broken(model):
    results = [contracts.check_case(case(model), name) for name in contracts.CONTRACTS]
    assert "error" not in {r.status for r in results} and "FAILS" in {r.status for r in results}


# Classes outside the registry


@pytest.mark.parametrize("model", [GoodDialogue, GoodSequence], ids=lambda m: m.__name__)
def test_a_good_class_needs_no_registry(model):
    results = contracts.check(model, ["padding_invariance", "attention_only_looked_at", "any_modality_subset"])
    assert {r.status for r in results} == {"ok"}
    assert {(r.case.row.variant, r.case.subset) for r in results} == {
        (v, s) for v in ("paper", "official") for s in (("text", "audio", "visual"), ("audio", "visual"), ("text",))}
    table = contracts.matrix([model], ["causality", "two_trainings_agree"])
    assert table.to_dict("index")[f"{model.__name__}, paper"] == {"causality": "–", "two_trainings_agree": "–"}


@pytest.mark.parametrize("model", both(LooksAtTheOthers), ids=lambda m: m.__name__)
def test_a_broken_class_is_found(model):
    results = contracts.check(model, ["sample_independence", "every_task"])
    assert {r.contract for r in results if r.status == "FAILS"} == {"sample_independence"}


def test_a_class_is_checked_for_the_modalities_that_it_accepts():
    needs_text = both(NeedsText)[1]
    results = contracts.check(needs_text, ["half_precision", "any_modality_subset"])
    assert {r.case.subset for r in results} == {("text", "audio", "visual"), ("text",)}
    assert {r.says for r in results if r.status != "ok"} == {"audio is refused: needs text"}


class Duo(GoodSequence):
    """Two modalities only, and neither `paper` nor `official`."""

    paper = official = None

    @classmethod
    def tiny(cls, **changes):
        return super().tiny(**{"dims": DIMS[:2], **changes})


def test_a_class_of_two_modalities_without_presets():
    results = contracts.check(Duo)
    assert {r.status for r in results} == {"ok", "–"}
    assert {r.case.subset for r in results} == {("text", "audio"), ("text",)}
    assert {r.case.row.variant for r in results} == {"paper"}


class NoSizes(nn.Module):
    """A module without `Config` and `tiny`."""


def test_a_class_without_sizes_is_refused():
    with pytest.raises(UsageError, match=r"NoSizes has no Config and no tiny\. Derive it from"):
        contracts.check(NoSizes)
