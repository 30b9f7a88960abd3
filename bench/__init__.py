"""Remit beside its peers and beside the bare limits, measured in one run.

    make bench                      everything, under ten minutes on two cores
    make bench ONLY=ask,spawn       tables, or variants, whose name contains a word
    make bench SCALE=0.1 REPS=3     less work, fewer repetitions
    make bench JSON=bench/results.json      keeps the samples, and makes docs/performance.md and its picture of them

The variants of a table take turns within each repetition, in rotated order, so that a slow spell of the machine falls
on all of them. A ratio is the median over the repetitions of the ratios within each repetition. Each variant has a
process of its own: a peer's threads would hold the interpreter lock, and its modules grow the heap, at others' expense.
"""
