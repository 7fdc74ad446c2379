"""Kernels as drop-in modules: attention, dropout, linear maps and recurrences that are faster than PyTorch's own.

Each file says what it equals (a test holds that), how much it gains (a case of the bench) and when it is used. Nothing
in here knows a model.
"""
