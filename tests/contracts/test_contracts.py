"""Every model keeps every contract; and every contract finds the module that breaks it."""

from itertools import combinations
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from contracts import CONTRACTS, Case
from torch import Tensor, nn

from erclab.models.interface import Output
from erclab.models.sdt import SDT

DIMS = {"text": 6, "audio": 4, "visual": 3}
SUBSETS = [c for n in (1, 2, 3) for c in combinations(DIMS, n)]

# Models


def sdt_case(variant, subset):
    dims, sizes = {m: DIMS[m] for m in subset}, {"hidden": 8, "heads": 2}
    def build(dropout):
        config = getattr(SDT, variant)("iemocap", dims=tuple(dims.items()), outputs=5, speakers=2, dropout=dropout,
                                       **sizes)
        return SDT(config)
    dead = {r"encoder\.\w+\.k\.bias": "adds the same to every score of a query, which the softmax does not see"}
    if variant == "official":
        dead[r"encoder\.\w+\.norm\.(weight|bias)"] = "the authors' code never uses this layer"
    return Case(f"sdt-{variant}-{'+'.join(subset)}", build, dims, classes=5, speakers=2, dead=dead,
                question={"model": "sdt", "variant": variant, "modalities": subset, **sizes})


CASES = [sdt_case(variant, subset) for variant in ("paper", "official") for subset in SUBSETS]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_model_keeps_contract(case, contract):
    contract(case)


# Counter-examples: one good module, and for each contract one that differs from it by a mistake


class PlainLosses(NamedTuple):
    total: Tensor
    task: Tensor


class Good(nn.Module):
    """The least that keeps the contracts: an utterance, its speaker and the mean of its dialogue."""

    def __init__(self, dropout):
        super().__init__()
        self.inner = nn.Linear(sum(DIMS.values()), 16)
        self.speaker = nn.Embedding(2, 16)
        self.outer = nn.Linear(32, 5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch, *, attention=False):
        x = torch.cat([batch.features[m] for m in DIMS], -1)
        h = self.dropout(torch.tanh(self.inner(x) + self.speaker(batch.speakers)))
        weights = self.weigh(h, batch.mask)
        logits = self.outer(torch.cat([h, weights @ h], -1))
        return Output(logits, {"mean": weights} if attention else None)

    def weigh(self, h, mask):
        keys = mask[:, None, :].to(h.dtype).expand(-1, mask.shape[1], -1)
        return keys / keys.sum(-1, keepdim=True)

    def loss(self, output, batch, class_weight=None):
        task = F.cross_entropy(output.logits[batch.mask], batch.labels[batch.mask], weight=class_weight)
        return PlainLosses(task, task)


class LooksAtTheOthers(Good):
    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        return Output(output.logits - 0.01 * output.logits[:, :1].mean(0, keepdim=True), output.attention)


class KnowsItsPlace(Good):
    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        place = torch.arange(len(batch)).to(output.logits).view(-1, 1, 1)
        return Output(output.logits * (1 + 0.01 * place), output.attention)


class AttendsToPadding(Good):
    def weigh(self, h, mask):
        return torch.full((*mask.shape, mask.shape[1]), 1 / mask.shape[1], dtype=h.dtype)


class LossOverPadding(Good):
    def loss(self, output, batch, class_weight=None):
        task = F.cross_entropy(output.logits.flatten(0, 1), batch.labels.flatten())
        return PlainLosses(task, task)


class DependsOnWidth(Good):
    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        return Output(output.logits / batch.mask.shape[1], output.attention)


class RootOfZero(Good):
    def loss(self, output, batch, class_weight=None):
        once = batch.mask.sum(1) - 1  # a dialogue of one turn: the root of zero has no slope
        spread = (output.logits.sum((1, 2)) * once).sum().abs().sqrt()
        task = super().loss(output, batch).task
        return PlainLosses(task + spread, task)


class HasAnUnusedLayer(Good):
    def __init__(self, dropout):
        super().__init__(dropout)
        self.forgotten = nn.Linear(3, 3)


class HasAnIneffectiveBias(Good):
    def __init__(self, dropout):
        super().__init__(dropout)
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        return Output(output.logits + self.shift, output.attention)  # the same for every class


class DrawsWhenEvaluated(Good):
    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        return Output(output.logits + torch.randn_like(output.logits), output.attention)


class IgnoresTheSeed(Good):
    calls = 0

    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        if self.training:
            IgnoresTheSeed.calls += 1
        return Output(output.logits * IgnoresTheSeed.calls, output.attention)


class CannotLearn(Good):
    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        return Output(torch.tanh(output.logits) / 2, output.attention)


class OverflowsInHalf(Good):
    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        scale = 1e38 if torch.is_autocast_enabled("cpu") else 1.0
        return Output(output.logits * scale * scale, output.attention)


class AttentionChangesLogits(Good):
    def forward(self, batch, *, attention=False):
        output = super().forward(batch, attention=attention)
        return Output(output.logits + 1e-6 * attention, output.attention)


class AttentionIsNotNormalised(Good):
    def forward(self, batch, **asked):
        output = super().forward(batch, **asked)
        return Output(output.logits, output.attention and {"mean": 2 * output.attention["mean"]})


BROKEN = [  # contract, module, what the contract says
    ("sample_independence", LooksAtTheOthers, "dialogue 0 changed the others"),
    ("batch_order_invariance", KnowsItsPlace, "the order of dialogues"),
    ("padding_invariance", AttendsToPadding, "garbage at padded turns, logits"),
    ("padding_invariance", LossOverPadding, "garbage at padded turns: the loss"),
    ("padding_invariance", DependsOnWidth, "more padding"),
    ("alone_equals_in_batch", AttendsToPadding, "dialogue 1 alone"),
    ("alone_equals_in_batch", LooksAtTheOthers, "dialogue 0 alone"),
    ("finite_gradients", RootOfZero, r"lengths \(1, 1\): no finite gradient"),
    ("no_dead_parameter", HasAnUnusedLayer, "dead: .*forgotten"),
    ("no_dead_parameter", HasAnIneffectiveBias, "dead: .*shift"),
    ("same_seed_same_result", DrawsWhenEvaluated, "evaluation draws numbers"),
    ("same_seed_same_result", IgnoresTheSeed, "one seed, two results"),
    ("overfits_a_tiny_batch", CannotLearn, "still 0.9"),
    ("half_precision", OverflowsInHalf, "not finite"),
    ("attention_is_only_looked_at", AttentionChangesLogits, "changes the logits"),
    ("attention_is_only_looked_at", AttentionIsNotNormalised, "do not sum to 1"),
    ("attention_is_only_looked_at", AttendsToPadding, "weight at padded keys"),
]


def plain_case(module, **changes):
    return Case(module.__name__, module, DIMS, classes=5, speakers=2, **changes)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_good_module_keeps_contract(contract):
    contract(plain_case(Good))


@pytest.mark.parametrize(("contract", "module", "says"), BROKEN, ids=[f"{c}-{m.__name__}" for c, m, _ in BROKEN])
def test_contract_finds_broken_module(contract, module, says):
    with pytest.raises(AssertionError, match=says):
        CONTRACTS[contract](plain_case(module))


def test_every_contract_is_shown_to_be_able_to_fail():
    """`two_trainings_agree` trains by name, so no module can be slipped in; it checks that another seed differs."""
    assert set(CONTRACTS) - {contract for contract, *_ in BROKEN} == {"two_trainings_agree"}


def test_exemption_must_be_true():
    with pytest.raises(AssertionError, match="but learning"):
        CONTRACTS["no_dead_parameter"](plain_case(Good, dead={r"inner\.bias": "an untrue reason"}))


def test_without_its_exemption_the_authors_norm_is_found_dead():
    case = sdt_case("official", ("text",))
    del case.dead[r"encoder\.\w+\.norm\.(weight|bias)"]
    with pytest.raises(AssertionError, match=r"dead: .*norm\.weight"):
        CONTRACTS["no_dead_parameter"](case)


class MaskedByMultiplication(SDT):
    """The distillation as the authors mask it: log-probabilities and targets times 0 at padded turns."""

    def loss(self, output, batch, class_weight=None):
        right = super().loss(output, batch, class_weight)
        keep, tau = batch.mask[..., None].to(output.logits), self.config.temperature
        target = (output.logits / tau).softmax(-1) * keep
        wrong = sum(F.kl_div((output.aux[f"student.{m}"] / tau).log_softmax(-1) * keep, target, reduction="sum")
                    for m in self.config.modalities) / batch.mask.sum()
        return right._replace(total=right.task + right.student + wrong, distillation=wrong)


def test_masking_by_multiplication_gives_no_finite_gradient():
    """pytorch issue 89558, the reason why `SDT.loss` picks the valid utterances out first: the value is right."""
    good = sdt_case("official", ("text", "audio"))
    def build(dropout):
        return MaskedByMultiplication(good.build(dropout).config)
    case = Case("masked-by-multiplication", build, good.dims, 5, 2)
    right, wrong = good.model(), case.model()
    batch, unpadded = case.batch(), case.batch((4, 4))
    wrong.load_state_dict(right.state_dict())
    for given, finite in ((batch, False), (unpadded, True)):
        ours, theirs = (m.loss(m(given), given).total for m in (right, wrong))
        torch.testing.assert_close(ours, theirs)
        theirs.backward()
        assert bool(wrong.teacher.weight.grad.isfinite().all()) == finite
        wrong.zero_grad()
    with pytest.raises(AssertionError, match="no finite gradient"):
        CONTRACTS["finite_gradients"](case)
