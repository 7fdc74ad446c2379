"""SDT against the numbers of the authors' own classes: every stream, every loss term, every gradient."""

import golden_sdt
import pytest
import torch
from golden import copies
from golden_sdt import MODALITIES, PAIRS
from random_batches import with_garbage

from erclab.models.interface import Output
from erclab.models.sdt.model import SDT

HEADS = ("fused", *MODALITIES)


def close(ours, theirs, bar=1e-5):
    """Largest difference at valid utterances, which a stream of ours has without the padding."""
    if ours.dim() > 1:
        valid = golden_sdt.batch().mask
        ours, theirs = (x[valid] if x.dim() > 2 else x for x in (ours, theirs))
    gap = (ours.double() - theirs.double()).abs().max().item()
    assert gap <= bar, f"differs by {gap:.2e}"


def logits_of(output):
    return {"fused": output.logits, **{m: output.aux[f"student.{m}"] for m in MODALITIES}}


@pytest.fixture(scope="module")
def streams():
    """What flows between the modules, seen by hooks."""
    model, seen = golden_sdt.model(), {}
    for pair in PAIRS:
        model.encoder[pair].register_forward_hook(lambda _, __, out, pair=pair: seen.update({f"enc.{pair}": out[0]}))
    for m in MODALITIES:
        def reduced(_, inputs, out, m=m):
            seen[f"reduced.{m}"] = out
            own_first = (m, *(n for n in MODALITIES if n != m))
            for n, gated in zip(own_first, inputs[0].chunk(3, dim=-1), strict=True):
                seen[f"gated.{m}_from_{n}"] = gated
        model.reduce[m].register_forward_hook(reduced)
    model.teacher.register_forward_hook(lambda _, inputs, __: seen.update(fused=inputs[0]))
    with torch.no_grad():
        model(golden_sdt.batch())
    return seen


@pytest.fixture(scope="module")
def output():
    with torch.no_grad():
        return golden_sdt.model()(golden_sdt.batch())


def test_every_name_of_theirs_is_one_of_ours():
    model = golden_sdt.model()
    named = [golden_sdt.our_name(name) for name in golden_sdt.meta["param_order"]]
    assert sorted(named) == sorted(name for name, _ in model.named_parameters())
    assert sorted(golden_sdt.state()) == sorted(model.state_dict())


def test_our_position_table_is_theirs():
    ours = golden_sdt.model().position
    tables = {k: x for k, x in golden_sdt.part("state").items() if k.endswith("pos_emb.pe")}
    assert len(tables) == 9
    for table in tables.values():
        assert torch.equal(ours, table[0])


@pytest.mark.parametrize("name", sorted(golden_sdt.part("mid")))
def test_streams(streams, name):
    close(streams[name], golden_sdt.part("mid")[name])


def test_all_streams_are_compared(streams):
    assert sorted(streams) == sorted(golden_sdt.part("mid"))


@pytest.mark.parametrize("head", HEADS)
def test_logits_and_log_probabilities(output, head):
    ours = logits_of(output)[head]
    close(ours, golden_sdt.part("out.logit")[head])
    close(ours.log_softmax(-1), golden_sdt.part("out.logprob")[head])


@pytest.mark.parametrize("head", HEADS)
def test_cross_entropy_of_each_head(output, head):
    batch, model = golden_sdt.batch(), golden_sdt.model()
    alone = Output(logits_of(output)[head], aux=output.aux)
    weight = golden_sdt.part("in")["class_weight"]
    close(model.loss(alone, batch, weight).task, golden_sdt.part("loss.nll_weighted")[head])
    close(model.loss(alone, batch).task, golden_sdt.part("loss.nll_unweighted")[head])


@pytest.mark.parametrize("temperature", [1, 8])
@pytest.mark.parametrize("student", MODALITIES)
def test_each_student(output, student, temperature):
    with torch.device("meta"):  # only its loss is asked for, over one student
        one = SDT(SDT.official("iemocap", dims=((student, 4),), hidden=4, heads=1, temperature=float(temperature)))
    losses = one.loss(output, golden_sdt.batch(), golden_sdt.part("in")["class_weight"])
    close(losses.student, golden_sdt.part("loss.nll_weighted")[student])
    close(losses.distillation, golden_sdt.part(f"loss.kl_T{temperature}")[student])


@pytest.mark.parametrize("temperature", [1, 8])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "unweighted"])
def test_total(output, temperature, weighted):
    weight, word = (golden_sdt.part("in")["class_weight"], "weighted") if weighted else (None, "unweighted")
    losses = golden_sdt.model(temperature=float(temperature)).loss(output, golden_sdt.batch(), weight)
    given = golden_sdt.part("loss")
    close(losses.total, given[f"total_{word}_T{temperature}"])
    close(losses.task, given[f"nll_{word}.fused"])
    close(losses.student, sum(given[f"nll_{word}.{m}"] for m in MODALITIES))
    close(losses.distillation, sum(given[f"kl_T{temperature}.{m}"] for m in MODALITIES))


def test_float64():
    model, batch = golden_sdt.model().double(), golden_sdt.batch(torch.float64)
    weight = golden_sdt.part("in")["class_weight"].double()
    with torch.no_grad():
        output = model(batch)
    for head, ours in logits_of(output).items():
        close(ours, golden_sdt.part("out64.logit")[head], 1e-9)
    given = golden_sdt.part("loss64")
    for temperature in (1, 8):
        model = golden_sdt.model(temperature=float(temperature))
        losses, plain = model.loss(output, batch, weight), model.loss(output, batch)
        close(losses.total, given[f"total_weighted_T{temperature}"], 1e-9)
        close(plain.total, given[f"total_unweighted_T{temperature}"], 1e-9)
        close(losses.distillation, sum(given[f"kl_T{temperature}.{m}"] for m in MODALITIES), 1e-9)
    for word, found in (("weighted", losses), ("unweighted", plain)):
        close(found.task, given[f"nll_{word}.fused"], 1e-9)
        close(found.student, sum(given[f"nll_{word}.{m}"] for m in MODALITIES), 1e-9)


def gradients(batch, *, temperature, detached):
    model = golden_sdt.model(dropout=0.0, temperature=float(temperature), detach_teacher=detached).train()
    model.loss(model(batch), batch, golden_sdt.part("in")["class_weight"]).total.backward()
    return {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("temperature", [1, 8])
@pytest.mark.parametrize("teacher", ["joint", "detached"])
def test_gradients(temperature, teacher):
    ours = gradients(golden_sdt.batch(), temperature=temperature, detached=teacher == "detached")
    stored = golden_sdt.part(f"grad.T{temperature}.{teacher}")
    assert stored, "nothing to compare"
    for theirs, want in stored.items():
        torch.testing.assert_close(ours[golden_sdt.our_name(theirs)], want, rtol=1e-4, atol=1e-6, msg=theirs)


@pytest.mark.parametrize("temperature", [1, 8])
@pytest.mark.parametrize("teacher", ["joint", "detached"])
def test_gradient_norms(temperature, teacher):
    ours = gradients(golden_sdt.batch(), temperature=temperature, detached=teacher == "detached")
    norms = golden_sdt.tensors[f"gradnorm.T{temperature}.{teacher}"]
    unreached = 0
    for theirs, want in zip(golden_sdt.meta["param_order"], norms.tolist(), strict=True):
        found = ours[golden_sdt.our_name(theirs)]
        if want == -1:
            unreached += 1
            assert found is None, theirs
        elif theirs.endswith("linear_k.bias"):  # 0 in exact arithmetic: the softmax does not see a shift
            assert found.norm() < 1e-6 and want < 1e-6, theirs
        else:
            assert found.norm().item() == pytest.approx(want, rel=1e-4, abs=1e-6), theirs
    assert unreached == 18  # gain and bias of nine attention norms


def test_junk_at_padded_turns_changes_nothing(output):
    batch = golden_sdt.batch()
    fouled = with_garbage(batch, classes=6, speakers=2)
    assert not torch.equal(fouled.speakers, batch.speakers)
    with torch.no_grad():
        found = golden_sdt.model()(fouled)
    for head, ours in logits_of(found).items():
        assert torch.equal(ours[batch.mask], logits_of(output)[head][batch.mask])
    before, after = (gradients(b, temperature=1, detached=False) for b in (batch, fouled))
    for name, want in before.items():
        assert (want is None and after[name] is None) or torch.equal(after[name], want), name


# As many dialogues as no golden file has: kernels for large batches give the authors' numbers, too

TIMES = 700


@pytest.mark.parametrize("attention", [False, True])
def test_copies_have_the_authors_logits(attention):
    batch = golden_sdt.batch()
    with torch.no_grad():
        output = golden_sdt.model()(copies(batch, TIMES), attention=attention)
    for head, ours in logits_of(output).items():
        want = golden_sdt.part("out.logit")[head].repeat_interleave(TIMES, dim=0)
        mask = batch.mask.repeat_interleave(TIMES, dim=0)
        assert (ours - want)[mask].abs().max().item() <= 1e-5, head


@pytest.mark.parametrize("temperature", [1, 8])
def test_copies_have_the_authors_losses_and_gradients(temperature):
    batch, weight = copies(golden_sdt.batch(), TIMES), golden_sdt.part("in")["class_weight"]
    model = golden_sdt.model(dropout=0.0, temperature=float(temperature)).train()
    losses, given = model.loss(model(batch), batch, weight), golden_sdt.part("loss")
    close(losses.total, given[f"total_weighted_T{temperature}"])
    close(losses.distillation, sum(given[f"kl_T{temperature}.{m}"] for m in MODALITIES))
    losses.total.backward()
    ours = {name: p.grad for name, p in model.named_parameters()}
    for theirs, want in golden_sdt.part(f"grad.T{temperature}.joint").items():
        torch.testing.assert_close(ours[golden_sdt.our_name(theirs)], want, rtol=1e-4, atol=1e-6, msg=theirs)


def test_copies_are_the_batch_many_times():
    batch = golden_sdt.batch()
    found = copies(batch, 3)
    assert found.shape == (3 * len(batch), batch.shape[1])
    for i in range(len(found)):
        assert torch.equal(found.features["audio"][i], batch.features["audio"][i // 3])
        assert torch.equal(found.labels[i], batch.labels[i // 3]) and torch.equal(found.mask[i], batch.mask[i // 3])
    there = found.rows[found.mask]
    assert len(there.unique()) == len(there) == 3 * int(batch.mask.sum()) and (found.rows[~found.mask] == -1).all()
