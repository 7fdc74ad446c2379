"""Every model keeps every contract, but for the quirks that its row declares; and the matrix says so."""

import re

import pytest
import torch
import torch.nn.functional as F

from erclab import contracts
from erclab.contracts import Case, cases
from erclab.contracts.rows import ROWS, Row, rows_of
from erclab.core.errors import UsageError
from erclab.models import MODELS
from erclab.models.interface import Output
from erclab.models.sdt.model import SDT

# The slow contract, once per model: its first variant and last subset, the smallest.
TRAININGS = [(case, "two_trainings_agree") for case in
             {c.row.model: c for c in cases() if c.row is rows_of(c.row.model)[0]}.values()]


@pytest.mark.parametrize(("case", "contract"), contracts.plan() + TRAININGS, ids=str)
def test_model_keeps_contract_or_breaks_it_as_its_row_says(case, contract):
    found = contracts.check_case(case, contract)
    assert found.status in ("ok", "breaks (quirk)", "–"), found.says


def test_every_trained_model_is_held_to_the_contracts():
    assert {c.row.model for c in cases()} == {m.name for m in MODELS.values() if m.kind == "trained"}
    assert {c.view for c in cases()} >= {MODELS[c.row.model].view for c in cases()}
    assert all(c.view == MODELS[c.row.model].view for c in cases())


def test_every_row_is_of_a_model_and_names_contracts():
    assert {row.model for row in ROWS} <= set(MODELS)
    assert {name for row in ROWS for name in row.breaks} <= set(contracts.CONTRACTS)
    assert len({(row.model, row.variant) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", [r for r in ROWS if r.dead], ids=lambda r: f"{r.model}-{r.variant}")
def test_every_exemption_is_of_a_parameter_that_exists(row):
    names = [n for c in cases([row.model]) if c.row is row for n, _ in c.model().named_parameters()]
    for pattern in row.dead:
        assert any(re.fullmatch(pattern, name) for name in names), pattern


# The matrix


def test_matrix_has_the_worst_of_a_models_cases():
    sdt = cases(["sdt"])
    results = [contracts.Result(sdt[0], "a", "ok"), contracts.Result(sdt[1], "a", "breaks (quirk)"),
               contracts.Result(sdt[0], "b", "–"), contracts.Result(sdt[1], "b", "ok"),
               contracts.Result(sdt[-1], "a", "FAILS"), contracts.Result(sdt[-1], "c", "ok")]
    table = contracts.matrix(results=results)
    assert table.to_dict("index") == {"sdt, paper": {"a": "breaks (quirk)", "b": "ok", "c": "–"},
                                      "sdt, official, MELD": {"a": "FAILS", "b": "–", "c": "ok"}}


def test_matrix_of_some_contracts():
    table = contracts.matrix(["sdt"], ["export_and_reload", "causality"])
    assert table.to_dict("list") == {"causality": ["–"] * 3, "export_and_reload": ["ok"] * 3}
    assert "two_trainings_agree" not in {name for _, name in contracts.plan()}


@pytest.mark.parametrize(("models", "names", "said"), [
    (["stt"], None, "Did you mean 'sdt'"), (["constant"], None, "fitted to flat arrays"),
    (["sdt"], ["causalty"], "Did you mean 'causality'")])
def test_what_does_not_exist_is_refused(models, names, said):
    with pytest.raises(UsageError, match=said):
        contracts.verify(models, names)


# What the contracts know of SDT


def test_without_its_exemption_the_authors_norm_is_found_dead():
    row = next(r for r in ROWS if (r.model, r.variant) == ("sdt", "official"))
    kept = {pattern: why for pattern, why in row.dead.items() if "norm" not in pattern}
    case = Case(Row("sdt", "official", dead=kept), SDT, ("text",))
    assert re.search(r"dead: .*norm\.weight", contracts.check_case(case, "no_dead_parameter").says)


class MaskedByMultiplication(SDT):
    """The distillation as the authors mask it: log-probabilities and targets times 0 at padded turns."""

    def forward(self, batch, **asked):
        """Ours packs the utterances. The authors classify padded turns as well, so that these reach the weights."""
        out = super().forward(batch, **asked)
        return Output(out.logits + 0 * self.teacher.weight.sum(), out.attention, out.aux)

    def loss(self, output, batch, class_weight=None):
        right = super().loss(output, batch, class_weight)
        keep, tau = batch.mask[..., None].to(output.logits), self.config.temperature
        target = (output.logits / tau).softmax(-1) * keep
        wrong = sum(F.kl_div((output.aux[f"student.{m}"] / tau).log_softmax(-1) * keep, target, reduction="sum")
                    for m in self.config.modalities) / batch.mask.sum()
        return right._replace(total=right.task + right.student + wrong, distillation=wrong)


def test_masking_by_multiplication_gives_no_finite_gradient():
    """pytorch issue 89558, the reason why SDT does not carry padded turns along: the value is right."""
    good, bad = (Case(Row("sdt", "official"), cls, ("text", "audio")) for cls in (SDT, MaskedByMultiplication))
    right, wrong = good.model(), bad.model()
    for given, finite in ((good.batch(), False), (good.batch((4, 4)), True)):
        ours, theirs = (m.loss(m(given), given).total for m in (right, wrong))
        torch.testing.assert_close(ours, theirs)
        theirs.backward()
        assert bool(wrong.teacher.weight.grad.isfinite().all()) == finite
        wrong.zero_grad()
    found = contracts.check_case(bad, "finite_gradients")
    assert found.status == "FAILS" and "padded, dropout 0.0: not finite: gradient of" in found.says
