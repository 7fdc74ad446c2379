"""When a kernel must leave the work to the plain modules whose weights it reads.

A kernel computes with the weights of several modules and calls none of them. A forward hook, a pruned weight, a
parametrisation or a layer that was replaced (LoRA) would then have no effect and raise no error. So a kernel is used
for untouched modules only, as the fast path of `torch.nn.TransformerEncoderLayer` is.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules import module as _torch
from torch.nn.utils.parametrize import is_parametrized

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks",
                 "_global_backward_pre_hooks")


def untouched(module: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Whether a kernel may compute `module` from its weights, without a call of the module.

    It may not if the module or one of its submodules has a hook or a parametrisation (`torch.nn.utils.prune` and the
    older `weight_norm` add a hook, too) or a `forward` that was set on the instance; nor while hooks for all modules
    are registered.

    Args:
        kinds: the classes that the module and its submodules may have, exactly: a subclass may compute something else.
            Without kinds the class is not examined.
    """
    if any(getattr(_torch, name, None) for name in _GLOBAL_HOOKS):
        return False
    return all(
        (not kinds or type(m) in kinds) and "forward" not in vars(m) and not is_parametrized(m)
        and not any(getattr(m, name, None) for name in _HOOKS) for m in module.modules())
