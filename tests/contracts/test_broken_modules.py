"""Each contract lets a good module pass and finds one that breaks it, in both views; so it is able to fail."""

import re

import pytest
import torch
from broken_modules import IgnoresTheSeed
from good_modules import GoodDialogue, GoodSequence, case
from what_breaks import BROKEN, GOOD, both

from erclab import contracts, models
from erclab.contracts import CONTRACTS
from erclab.models import ModelInfo


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("module", GOOD, ids=lambda m: m.__name__)
def test_good_module_keeps_contract(module, contract):
    found = contracts.check_case(case(module, causal=GOOD[module]), contract)
    unapplied = {"two_trainings_agree"} | (set() if GOOD[module] else {"causality"})
    assert (found.status, found.says) == ("ok", "") or (found.status == "–" and contract in unapplied)


@pytest.mark.parametrize(("contract", "module", "says"), BROKEN, ids=[f"{c}-{m.__name__}" for c, m, _ in BROKEN])
def test_contract_finds_broken_module(contract, module, says):
    broken = case(module, causal=contract == "causality")
    found = contracts.check_case(broken, contract)
    assert found.status == "FAILS"
    assert re.search(says, found.says), found.says


def test_every_contract_is_shown_to_be_able_to_fail_in_both_views():
    shown = {(contract, issubclass(module, GoodSequence)) for contract, module, _ in BROKEN}
    assert {(name, sequence) for name in CONTRACTS for sequence in (False, True)} - shown == {
        ("two_trainings_agree", False), ("two_trainings_agree", True)}  # below: it trains by name


@pytest.fixture
def registered(monkeypatch):
    def register(module):
        one = case(module, trains=True)
        info = ModelInfo(one.row.model, "", "", "", view=one.view)
        monkeypatch.setattr(ModelInfo, "cls", module)
        monkeypatch.setitem(models.MODELS, one.row.model, info)
        return one
    return register


@pytest.mark.parametrize("good", [GoodDialogue, GoodSequence], ids=lambda m: m.__name__)
def test_two_trainings_of_a_good_module_agree(registered, good):
    assert contracts.check_case(registered(good), "two_trainings_agree").status == "ok"


@pytest.mark.parametrize("broken", both(IgnoresTheSeed), ids=lambda m: m.__name__)
def test_two_trainings_that_differ_are_found(registered, broken):
    found = contracts.check_case(registered(broken), "two_trainings_agree")
    assert found.status == "FAILS" and "two records" in found.says


# Exemptions


def test_an_exemption_must_be_true():
    one = case(GoodDialogue, dead={r"inner\.bias": "an untrue reason"})
    assert "declared dead, but learning: inner.bias" in contracts.check_case(one, "no_dead_parameter").says


def test_a_quirk_must_break_what_it_is_said_to_break():
    quirk = ("changed the others", "the authors do so")
    broken, = (m for c, m, _ in BROKEN if m.__name__ == "LooksAtTheOthersInSequences" and c == "sample_independence")
    found = contracts.check_case(case(broken, breaks={"sample_independence": quirk}), "sample_independence")
    assert (found.status, found.reason) == ("breaks (quirk)", "the authors do so")
    found = contracts.check_case(case(GoodSequence, breaks={"sample_independence": quirk}), "sample_independence")
    assert found.status == "FAILS" and "kept, though it should break" in found.says


def test_a_quirk_excuses_no_other_mistake():
    broken, = (m for c, m, _ in BROKEN if m.__name__ == "LooksAtTheOthersInSequences" and c == "sample_independence")
    one = case(broken, breaks={"sample_independence": ("NaN", "the authors divide by 0")})
    assert contracts.check_case(one, "sample_independence").status == "FAILS"


def test_a_refusal_must_be_declared_and_true():
    needs_text, = {m for c, m, _ in BROKEN if m.__name__ == "NeedsTextInSequences"}
    refuses = dict.fromkeys(("audio", "visual", "audio+visual"), "text is the query")
    assert contracts.check_case(case(needs_text, refuses=refuses), "any_modality_subset").status == "ok"
    found = contracts.check_case(case(GoodSequence, refuses=refuses), "any_modality_subset")
    assert found.status == "FAILS" and "audio is declared refused, but works" in found.says


def test_a_contract_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    want = torch.rand(3)
    torch.manual_seed(3)
    for name in set(CONTRACTS) - {"finite_gradients", "any_modality_subset"}:
        contracts.check_case(case(GoodSequence), name)
    assert torch.equal(torch.rand(3), want)
