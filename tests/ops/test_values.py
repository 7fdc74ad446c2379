"""Numbers that checks read: at once, or not at all."""

import pytest
import torch

from erclab.ops import private
from erclab.ops.values import extremes, traced


def test_the_least_and_the_largest_of_whole_numbers():
    assert extremes(torch.tensor([[3, -1], [7, 0]])) == (-1, 7)
    assert extremes(torch.tensor([False, True])) == (0, 1)


def test_nothing_is_read_where_there_is_nothing_or_no_answer_at_once(monkeypatch):
    assert extremes(torch.zeros(0, dtype=torch.int64)) is None
    assert extremes(torch.zeros(2, dtype=torch.int64, device="meta")) is None
    seen = []
    torch.vmap(lambda x: (seen.append(extremes(x)), x)[1])(torch.arange(4).view(2, 2))
    assert seen == [None]
    monkeypatch.setattr(private, "_transforms_active", None)
    assert extremes(torch.tensor([1])) is None


def test_a_recorded_graph_is_noticed():
    seen = []

    def noted(x):
        seen.append(traced())
        return x + 1

    noted(torch.zeros(1))
    torch.jit.trace(noted, torch.zeros(1), check_trace=False)
    assert seen == [False, True]


def test_a_compiled_graph_is_noticed(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert traced()


@pytest.mark.parametrize("kind", [torch.int32, torch.int64])
def test_numbers_of_any_width_are_python_numbers(kind):
    least, largest = extremes(torch.tensor([5], dtype=kind))
    assert (least, largest) == (5, 5) and type(least) is int
