"""How fast it is, as ratios to what the same machine can do at all, measured side by side in one run.

`python -m tests.benchmarks` prints the table, `python -m tests.benchmarks.growth` compares a full database with an
empty one. Nothing here is collected by pytest: a slow machine fails no test.
"""
