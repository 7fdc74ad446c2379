"""Verdicts hold under `python -O`, mistakes in a check are no broken models, and classes need no registry."""

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from broken_modules import CrashesWithoutText, LooksAtTheOthers, NeedsText
from good_modules import DIMS, GoodDialogue, GoodSequence, case
from torch import nn
from what_breaks import both

import erclab
from erclab import contracts
from erclab.contracts import ContractBroken
from erclab.contracts.broken import model_code, require
from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, Output
from erclab.models.lmr_cbt import LMRCBT

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


@pytest.mark.parametrize(("model", "name"), [(GoodDialogue, "good-dialogue"), (GoodSequence, "good-sequence")])
def test_a_good_class_needs_no_registry(model, name):
    results = contracts.check(model, ["padding_invariance", "attention_only_looked_at", "any_modality_subset"])
    assert {r.status for r in results} == {"ok"}
    assert {(r.case.row.variant, r.case.subset) for r in results} == {
        (v, s) for v in ("paper", "official") for s in (("text", "audio", "visual"), ("audio", "visual"), ("text",))}
    table = contracts.matrix([model], ["causality", "export_and_reload"])
    assert table.to_dict("index")[f"{name}, paper"] == {"causality": "–", "export_and_reload": "ok"}


def test_a_class_is_trained_too():
    results = contracts.check(GoodSequence, ["two_trainings_agree"])
    assert [r.status for r in results] == ["ok", "ok"]  # paper and official


def test_a_class_of_the_registry_has_its_rows():
    ours, theirs = (contracts.plan([m], ["causality"]) for m in (LMRCBT, "lmr-cbt"))
    assert ours == theirs and {case.row.variant for case, _ in ours} >= {"official", "future mask"}


@pytest.mark.parametrize("model", both(LooksAtTheOthers), ids=lambda m: m.__name__)
def test_a_broken_class_is_found(model):
    results = contracts.check(model, ["sample_independence", "every_task"])
    assert {r.contract for r in results if r.status == "FAILS"} == {"sample_independence"}


def test_a_class_is_checked_for_the_modalities_that_it_accepts():
    needs_text = both(NeedsText)[1]
    results = contracts.check(needs_text, ["half_precision", "any_modality_subset"])
    assert {r.case.subset for r in results} == {("text", "audio", "visual"), ("text",)}
    assert {r.says for r in results if r.status != "ok"} == {"audio is refused: needs text"}


class Duo(nn.Module):
    """The means of two modalities: a plain module, without presets and `loss`."""

    @dataclass(frozen=True)
    class Config:
        """Sizes."""

        dims: tuple[tuple[str, int], ...] = DIMS[:2]
        outputs: int = 5
        task: str = "emotion"

    tiny = Config

    def __init__(self, config):
        super().__init__()
        self.out = nn.Linear(sum(d for _, d in config.dims), config.outputs)
        self.names = [m for m, _ in config.dims]

    def forward(self, batch: SequenceBatch, *, attention=False):
        masks = {m: batch.masks[m].unsqueeze(2) for m in self.names}
        means = [(batch.features[m] * masks[m]).sum(1) / masks[m].sum(1).clamp(min=1) for m in self.names]
        return Output(self.out(torch.cat(means, dim=1)))


def test_a_plain_module_of_two_modalities():
    left_out = ("learns_a_tiny_batch", *contracts.SLOW)  # a linear map of means cannot fit any batch
    results = contracts.check(Duo, [c for c in contracts.CONTRACTS if c not in left_out])
    assert {(r.contract, r.says) for r in results if r.status not in ("ok", "–")} == set()
    assert {r.case.subset for r in results} == {("text", "audio"), ("text",)}
    assert {(r.case.row.variant, r.case.view) for r in results} == {("paper", "sequence")}


class Idle(Duo):
    """A layer without a use, and the line that says so."""

    exceptions: ClassVar = {"dead": {r"later\..*": "for a later version"}, "subsets": [("text",)], "attends": False}

    def __init__(self, config):
        super().__init__(config)
        self.later = nn.Linear(2, 2)


def test_a_class_declares_its_exceptions_in_one_line():
    result, = contracts.check(Idle, ["no_dead_parameter"])
    assert (result.status, result.case.subset, result.case.row.attends) == ("ok", ("text",), False)

    class Undeclared(Idle):
        exceptions: ClassVar = {}

    assert {r.status for r in contracts.check(Undeclared, ["no_dead_parameter"])} == {"FAILS"}


@pytest.mark.parametrize(("exceptions", "says"), [
    ({"ded": {}}, "unknown exception of Mistaken from the contracts 'ded'. Did you mean 'dead'?"),
    ({"variant": "mine"}, "unknown exception of Mistaken from the contracts 'variant'"),
    ({"causal": 3}, "causal = 3 is not True or False")])
def test_an_exception_that_no_contract_has_is_refused(exceptions, says):
    mistaken = type("Mistaken", (Idle,), {"exceptions": exceptions})
    with pytest.raises(UsageError) as caught:
        contracts.check(mistaken)
    assert str(caught.value).startswith(says)


class NoConfig(nn.Module):
    """A module without `Config`."""


class NoDefaults(GoodSequence):
    """A class whose inherited `tiny` lacks a field."""

    @dataclass(frozen=True)
    class Config:
        """`width` has no default."""

        dims: tuple[tuple[str, int], ...]
        outputs: int
        width: int
        task: str = "emotion"

    tiny = classmethod(Model.tiny.__func__)


@pytest.mark.parametrize(("model", "says"), [
    (NoConfig, "the class NoConfig is no model: it needs a dataclass Config"),
    (NoDefaults, "NoDefaults.tiny() gives no Config (")])
def test_a_class_that_is_no_model_is_refused(model, says):
    with pytest.raises(UsageError) as caught:
        contracts.check(model)
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
