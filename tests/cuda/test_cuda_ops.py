"""The kernels of `erclab.ops` on a GPU: equal to their plain path there, and to the CPU."""

import copy

import pytest
import torch
from torch import nn

from erclab.contracts.batches import random_dialogues, shake
from erclab.models.dialoguernn import DialogueRNN
from erclab.ops import conversation_rnn, gru, packing
from erclab.ops.attention import Attention
from erclab.ops.attention_blocks import Blockwise, blocks_of
from erclab.ops.batchnorm import MaskedBatchNorm
from erclab.ops.chunks import in_chunks
from erclab.ops.dropout import Dropout, keep, keyed, next_key, step_key
from erclab.ops.lstm import LSTM, read_blocks
from erclab.ops.recompute import part, recomputing
from erclab.ops.resample import resample

pytestmark = pytest.mark.usefixtures("full_precision")
LENGTHS = (3, 9, 0, 9, 1, 4)
DIMS = {"text": 6, "audio": 4, "visual": 3}


def close(found, want, bar=1e-10):
    """Tensors, or dictionaries of them by the same names, on any device; a NaN equals nothing."""
    if isinstance(want, dict):
        assert found.keys() == want.keys()
        for name, x in want.items():
            torch.testing.assert_close(found[name].cpu(), x.cpu(), rtol=bar, atol=bar,
                                       msg=lambda m, n=name: f"{n}: {m}")
    else:
        torch.testing.assert_close(found.cpu(), want.cpu(), rtol=bar, atol=bar)


def sequences(device, lengths=LENGTHS, width=5):
    """(B, L, width) random, 0 at padding, and the mask."""
    rng = torch.Generator().manual_seed(0)
    mask = torch.arange(max(lengths) + 2) < torch.tensor(lengths)[:, None]
    x = torch.randn(*mask.shape, width, generator=rng, dtype=torch.float64).masked_fill(~mask.unsqueeze(-1), 0)
    return x.to(device).requires_grad_(), mask.to(device)


def made(cls, device, *arguments, **options):
    """A module with the same weights on every device."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return shake(cls(*arguments, **options)).double().to(device)


def slopes(result, module, **inputs):
    """The result, and the gradients of the inputs and parameters, by name."""
    result.sin().sum().backward()
    return {"result": result.detach(), **{name: x.grad for name, x in inputs.items()},
            **{name: p.grad for name, p in module.named_parameters()}}


# Masks


@pytest.mark.parametrize("shape", [(7,), (3, 5, 301), (2, 3, 4, 129)], ids=str)
def test_dropout_masks_are_those_of_the_cpu(gpu, shape):
    for key in (step_key(0, 0), step_key(3, 77), -(1 << 31)):
        assert keep(shape, 0.4, key, gpu).cpu().equal(keep(shape, 0.4, key))


def test_dropout_and_its_gradient_are_those_of_the_cpu(gpu):
    found = []
    for device in (gpu, "cpu"):
        x = torch.linspace(-2, 3, 700, dtype=torch.float64).view(7, 100).to(device).requires_grad_()
        with keyed(5):
            y = Dropout(0.3).train()(x)
        y.square().sum().backward()
        found.append({"result": y.detach(), "gradient": x.grad})
    close(*found, bar=1e-14)


# Recurrences


@pytest.mark.filterwarnings("ignore:RNN module weights")  # of blocks on a GPU, which no model reads there
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_an_lstm_reads_as_on_the_cpu_and_as_in_blocks(gpu, bidirectional, layers):
    """cuDNN's packed kernel, the blocks on the GPU, and the blocks on the CPU."""
    found = []
    for device, blocks in ((gpu, False), (gpu, True), ("cpu", True)):
        lstm, (x, mask) = made(LSTM, device, 5, 4, layers, bidirectional=bidirectional), sequences(device)
        states = read_blocks(lstm, x, mask) if blocks else lstm(x, mask)[0]
        found.append(slopes(states.masked_fill(~mask.unsqueeze(-1), 0), lstm, x=x))
        found[-1]["x"] = found[-1]["x"].masked_fill(~mask.unsqueeze(-1), 0)
    for other in found[1:]:
        close(found[0], other)


def test_the_last_states_of_an_lstm_are_those_of_the_cpu(gpu):
    close(*({"last": made(LSTM, d, 5, 4, 2, bidirectional=True)(*sequences(d))[1].detach()} for d in (gpu, "cpu")))


@pytest.mark.parametrize("wide", [False, True], ids=["in float32", "in bfloat16"])
@pytest.mark.parametrize("cls", [LSTM, gru.GRU])
def test_recurrences_under_autocast_have_the_range_of_float32(gpu, cls, wide):
    """An input and gradients beyond float16's largest and least number: bfloat16 has the range of float32, and a
    training in bfloat16 scales no loss. The large input has weight 0, so that no gate is saturated. `wide`: the layer
    before was lowered already."""
    net, (x, mask) = made(cls, gpu, 5, 4).float(), sequences(gpu)
    net.weight_ih_l0.data[:, 0] = 0
    x, found = x.detach().float() * torch.tensor([1e5, 1, 1, 1, 1], device=gpu), []
    for low in (False, True):
        net.zero_grad()
        given = x.bfloat16() if wide and low else x.bfloat16().float()
        with torch.autocast(gpu.type, torch.bfloat16, enabled=low):
            states = net(given, mask)[0] if cls is LSTM else net(given)
        assert states.isfinite().all()
        (states.float().sum() * 1e-9).backward()
        found.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    want, got = found
    assert got.isfinite().all() and (got - want).norm() < 0.2 * want.norm()


def test_a_gru_over_packed_turns_equals_cells_in_a_loop(gpu):
    sizes, rng = [3, 2, 2], torch.Generator().manual_seed(0)
    u, factor = (torch.randn(7, n, generator=rng, dtype=torch.float64).to(gpu) for n in (4, 5))
    found = []
    for kernel in (True, False):
        cell, x = made(nn.GRUCell, gpu, 4, 5), u.clone().requires_grad_()
        if kernel:
            states = gru.gru(cell, x, sizes, factor, torch.float64)
        else:
            state, all_states = x.new_zeros(3, 5), []
            for u_t, factor_t in zip(x.split(sizes), factor.split(sizes), strict=True):
                state = cell(u_t, state[:len(u_t)]) * factor_t
                all_states.append(state)
            states = torch.cat(all_states)
        found.append(slopes(states, cell, x=x))
    close(*found)


@pytest.mark.parametrize("changes", [{}, {"context": "simple"}, {"listener": True, "speakers": 3}], ids=str)
def test_the_recurrence_of_a_conversation_equals_its_plain_loop(gpu, moved, changes, monkeypatch):
    net = made(DialogueRNN, gpu, DialogueRNN.tiny(dims=tuple(DIMS.items()), dropout=0.3, global_width=9, **changes))
    batch = moved(random_dialogues(DIMS, 5, net.config.speakers, (3, 7, 1, 7, 2), seed=1), gpu)
    found = []
    for fused in (True, False):
        monkeypatch.setattr(conversation_rnn, "applies", lambda direction, fused=fused: fused)
        copied = copy.deepcopy(net).train()
        with keyed(12):
            output = copied(batch, attention=True)
        output.logits[batch.mask].sin().sum().backward()
        found.append({"logits": output.logits[batch.mask].detach(), **output.attention,
                      **{name: p.grad for name, p in copied.named_parameters()}})
    close(*found)


# Attention


@pytest.mark.parametrize("seen", ["all", "past", "ragged", "none"])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_attention_equals_blocks_and_weights(gpu, rate, seen):
    """PyTorch's fused kernel (or the weights, with dropout), the weights for a caller, and the blocks of the CPU."""
    B, Lt, Ls = len(LENGTHS), 6, 11
    keep_ = {"all": torch.ones(B, 1, Ls), "past": torch.ones(B, Lt, Ls).tril(3), "none": torch.zeros(B, 1, Ls),
             "ragged": (torch.arange(Ls) < torch.tensor(LENGTHS)[:, None])[:, None]}[seen].bool()
    found = []
    for way in ("gpu", "weights", "blocks"):
        device = "cpu" if way == "blocks" else gpu
        layer, rng = made(Attention, device, 8, 2, rate).train(), torch.Generator().manual_seed(0)
        query, keys = (torch.randn(B, n, 8, generator=rng, dtype=torch.float64).to(device).requires_grad_()
                       for n in (Lt, Ls))
        with keyed(7):
            if way == "blocks":
                q, k, v = (x.unflatten(-1, (2, -1)).transpose(1, 2) for x in layer.project(query, keys, keys))
                blocks = blocks_of(keep_.expand(B, -1, Ls), Lt, 2)
                context = Blockwise.apply(q, k, v, blocks, rate, next_key() if rate else 0)
                out = layer.out(context.transpose(1, 2).flatten(2))
            else:
                out, _ = layer(query, keys, keep_.to(device), attention=way == "weights")
        found.append(slopes(out, layer, query=query, keys=keys))
    for other in found[1:]:
        close(found[0], other)


@pytest.mark.parametrize("seen", ["ragged", "all"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fused_attention_in_low_precision(gpu, dtype, seen):
    """The kernels of a GPU for float32 and bfloat16, at odd lengths, against float64."""
    rng = torch.Generator().manual_seed(0)
    layer = made(Attention, gpu, 32, 4, 0.0)
    x = torch.randn(3, 37, 32, generator=rng, dtype=torch.float64).to(gpu)
    keep_ = torch.ones(1, 1, 1, dtype=torch.bool, device=gpu) if seen == "all" else (
        torch.arange(37) < torch.tensor([37, 5, 20])[:, None])[:, None].to(gpu)
    want = layer(x, x, keep_, attention=False)[0]
    x = x.to(dtype)
    found = layer.to(dtype)(x, x, keep_, attention=False)[0]
    close(found.double(), want, bar=1e-4 if dtype == torch.float32 else 0.1)


def test_attention_of_several_seeds_is_that_of_each(gpu):
    """At lengths for which the backward pass of the fused kernel fails in `vmap`."""
    layer, rng = made(Attention, gpu, 8, 2, 0.0).float(), torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 7, 8, generator=rng).to(gpu).requires_grad_()
    keep_ = torch.ones(3, 1, 7, dtype=torch.bool, device=gpu)

    def attended(y):
        return layer(y, y, keep_, attention=False)[0]

    found = [slopes(result, layer, x=x) for result in (torch.vmap(attended)(x),)]
    layer.zero_grad()
    x.grad = None
    close(found[0], slopes(torch.stack([attended(y) for y in x]), layer, x=x), bar=1e-4)


# Masked and padded sequences


def test_batch_normalisation_counts_what_exists(gpu):
    x, mask = sequences(gpu)
    ours, theirs = made(MaskedBatchNorm, gpu, 5).train(), made(nn.BatchNorm1d, gpu, 5).train()
    want = theirs(x[mask])
    found = ours(x, mask)[mask]
    close({"result": found.detach(), **dict(ours.named_buffers())},
          {"result": want.detach(), **dict(theirs.named_buffers())})


def test_padded_operations_are_those_of_the_cpu(gpu):
    found = []
    for device in (gpu, "cpu"):
        (x, mask), steps = sequences(device), torch.tensor([2, 5, 3, 9, 4, 4], device=device)
        packed = packing.pack(mask[mask.any(1)], directions=2)
        turns = packed.take(x[mask.any(1)])
        chunks = in_chunks(lambda m, y: (y * m.unsqueeze(-1)).cos().sum(1), mask.sum(1).clamp(min=1), 2, x)
        found.append({"resampled": resample(x, mask, steps, 9).detach(), "packed": turns.detach(),
                      "put": packed.put(turns).detach(), "chunks": chunks.detach(),
                      "matrices": packed.put_matrices(turns[..., :4]).detach()})
    close(*found)


def test_activations_that_are_computed_again_are_the_same(gpu):
    layers, found = made(nn.Sequential, gpu, nn.Linear(5, 7), Dropout(0.4), nn.Tanh(), nn.Linear(7, 3)), []
    for again in (False, True):
        net, (x, _) = copy.deepcopy(layers).train(), sequences(gpu)
        with keyed(3), recomputing(again):
            found.append(slopes(part(net, x), net, x=x))
    close(*found, bar=1e-14)
