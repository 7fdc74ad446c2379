"""DialogueRNN against the numbers of the authors' own class, and what its switches do."""

import pytest
import torch
from golden import Golden

from erclab import models
from erclab.batches import DialogueBatch
from erclab.contracts.batches import random_dialogues
from erclab.errors import UsageError
from erclab.models.dialoguernn import DialogueRNN

GOLDEN = Golden("dialoguernn_p2")
PLAIN = {"matchatt.transform": "match", "linear": "linear", "smax_fc": "classifier"}
CELLS = {"g_cell": "global_cell", "p_cell": "party_cell", "e_cell": "emotion_cell", "attention.transform": "attend"}


def our_name(theirs):
    module, _, parameter = theirs.rpartition(".")
    if module.startswith("dialog_rnn_"):
        direction = "ahead" if module[11] == "f" else "back"
        return f"directions.{direction}.{CELLS[module.split('dialogue_cell.')[1]]}.{parameter}"
    return f"{PLAIN[module]}.{parameter}"


def batch(dtype=torch.float32):
    given = GOLDEN.part("in")
    rows = (given["mask"].flatten().cumsum(0).view(given["mask"].shape) - 1).masked_fill(~given["mask"], -1)
    return DialogueBatch({"text": given["text"].to(dtype)}, given["mask"], given["speaker"], given["label"], rows)


def model(dtype=torch.float32, **changes):
    state = {our_name(name): x for name, x in GOLDEN.part("state").items()}
    made = DialogueRNN(DialogueRNN.official("other", **{
        "dims": (("text", 20),), "outputs": 6, "speakers": 2, "global_width": 12, "party_width": 14,
        "emotion_width": 8, "head_width": 12, "dropout": 0.0, "output_dropout": 0.0, **changes}))
    made.load_state_dict({k: x for k, x in state.items() if made.config.dialogue_attention or "match" not in k})
    return made.to(dtype).eval()


@pytest.mark.parametrize("mode", ["padded", "alone"])
def test_outputs_are_the_authors_padded_or_alone(mode):
    given = batch()
    with torch.no_grad():
        output = model()(given, attention=True)
        plain = model(dialogue_attention=False)(given)
    at = given.mask
    torch.testing.assert_close(output.logits[at], GOLDEN.tensors[f"{mode}.out.logit"][at], rtol=0, atol=1e-5)
    torch.testing.assert_close(output.logits.log_softmax(-1)[at], GOLDEN.tensors[f"{mode}.out.logprob"][at], rtol=0,
                               atol=1e-5)
    torch.testing.assert_close(output.attention["dialogue"][at], GOLDEN.tensors[f"{mode}.out.attention"][at], rtol=0,
                               atol=1e-5)
    torch.testing.assert_close(output.aux["emotion"][..., :8][at], GOLDEN.tensors[f"{mode}.mid.forward"][at], rtol=0,
                               atol=1e-5)
    torch.testing.assert_close(plain.logits[at], GOLDEN.tensors[f"{mode}.noatt2.out.logit"][at], rtol=0, atol=1e-5)


def test_outputs_in_float64():
    given = batch(torch.float64)
    with torch.no_grad():
        logits = model(torch.float64)(given).logits
    torch.testing.assert_close(logits[given.mask], GOLDEN.tensors["padded.out64.logit"][given.mask], rtol=0, atol=1e-9)


def test_loss_and_gradients_are_the_authors():
    made, given = model().train(), batch()
    weight = GOLDEN.part("in")["class_weight"]
    torch.testing.assert_close(made.loss(made(given), given).task.detach(),
                               GOLDEN.tensors["padded.loss.unweighted"].float(), rtol=0, atol=1e-5)
    weighted = made.loss(made(given), given, weight).total
    torch.testing.assert_close(weighted.detach(), GOLDEN.tensors["padded.loss.weighted"].float(), rtol=0, atol=1e-5)
    found = {}
    for name, loss in (("weighted", weighted), ("unweighted", made.loss(made(given), given).total)):
        made.zero_grad(set_to_none=True)
        loss.backward()
        found[name] = {n: p.grad.clone() for n, p in made.named_parameters()}
    order = [our_name(name) for name in GOLDEN.meta["param_order"]]
    assert sorted(order) == sorted(found["weighted"])
    norms = {kind: torch.stack([g[n].norm() for n in order]).double() for kind, g in found.items()}
    wanted = GOLDEN.tensors["padded.gradnorm"].double()
    kind = min(norms, key=lambda k: (norms[k] - wanted).abs().max())
    torch.testing.assert_close(norms[kind], wanted, rtol=1e-4, atol=1e-6)
    grads = {our_name(n.removeprefix("grad.")): x for n, x in GOLDEN.part("padded").items() if n.startswith("grad.")}
    for name, x in grads.items():
        torch.testing.assert_close(found[kind][name], x, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(("corpus", "count"), [("iemocap", 8_880_406), ("meld", 2_666_607)])
def test_parameters_of_the_authors_configurations(corpus, count):
    with torch.device("meta"):
        assert models.parameter_count(DialogueRNN(DialogueRNN.official(corpus))) == count


def test_one_direction_without_the_last_attention_is_causal():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = {causal: DialogueRNN(DialogueRNN.tiny(bidirectional=not causal, dialogue_attention=not causal)).double()
                for causal in (True, False)}
    given = random_dialogues({"text": 6, "audio": 4, "visual": 2}, 5, 2, (6, 6))
    changed = {m: x.clone() for m, x in given.features.items()}
    changed["text"][:, 4:] += 1.0
    other = DialogueBatch(changed, given.mask, given.speakers, given.labels, given.rows)
    for causal, net in made.items():
        with torch.no_grad():
            gap = (net.eval()(given).logits - net(other).logits)[:, :4].abs().max().item()
        assert (gap == 0) == causal


def test_the_listener_changes_those_who_listen():
    given = random_dialogues({"text": 6}, 5, 3, (7, 5))
    logits = []
    for listener in (False, True):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made = DialogueRNN(DialogueRNN.tiny(dims=(("text", 6),), speakers=3, listener=listener)).double().eval()
        cells = [p for name, p in made.named_parameters() if "listener" in name]
        assert len(cells) == (8 if listener else 0)
        loss = made.loss(made(given), given).total
        loss.backward()
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in cells)
        logits.append(made(given).logits)
    assert not torch.allclose(*logits)


@pytest.mark.parametrize("changes", [{"party_width": 0}, {"speakers": 0}, {"dropout": 1.0}, {"dims": ()}])
def test_refuses_what_makes_no_model(changes):
    with pytest.raises(UsageError, match="DialogueRNN"):
        DialogueRNN.tiny(**changes)
