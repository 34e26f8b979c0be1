"""Mutated inputs by the thousand, and what may not come of them.

`python -m fuzzing SUBJECT --seed SEED --case CASE` runs one of them again.
"""
