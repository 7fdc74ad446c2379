"""The claims ledger: rules (`erclab.published.claims`), the evidence of runs that it keeps, and verdicts.

    splits       the test dialogues on which the runs of a corpus are compared
    evidence     what is kept of a run: predictions or counts of each dialogue, scores of each epoch, its origin
    training     the runs that claims need, as a sweep, and their evidence
    quantities   the terms of a contrast, over seeds and dialogues
    judge        the rules, and verdicts
    book         every claim with its verdict, or with what is missing
    costs        what missing runs take
    folded       runs on corpora that are cross-validated
    exact        claims without seeds, inflation, and what printed gaps can resolve
    derived      files of what follows from the evidence, with its digest
    multiverse   how verdicts change under other defensible choices
    draws        settings that were tried for a model, with their validation scores
    tuning       equal tuning budgets: trains draws, then the best of each model with fresh seeds
    tuned        what these found: curves, tuned models beside their bases

Verdicts are computed again from `data/results/claims` alone, without training.
"""
