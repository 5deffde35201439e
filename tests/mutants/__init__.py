"""Mutants: the product with one known hole opened in it, which the tests must notice.

`python -m tests.mutants` (or `make mutants`) opens one hole after the other, in a copy of the tree, and runs the tests
that are said to notice. Whoever adds a defence adds a mutant without it; the lists are plain data, one file per area.
"""
