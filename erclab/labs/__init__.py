"""Labs: the equations of the papers as exercises, and the checker that says which mistake an answer makes.

    exercise        what an exercise is: inputs, the right answer, known mistakes
    equations       the exercises, a module for each paper
    checker         `check`: right, or which mistake
    answers         an answer as a module of a model
    real            the inputs of an exercise as a model of this study computes them on a corpus
"""

from erclab.labs.answers import answer
from erclab.labs.checker import Report, check
from erclab.labs.equations import EXERCISES, find
from erclab.labs.exercise import Exercise, Mistake
from erclab.labs.real import Lab, lab

__all__ = ["EXERCISES", "Exercise", "Lab", "Mistake", "Report", "answer", "check", "find", "lab"]
