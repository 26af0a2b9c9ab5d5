"""Hostile input by the thousand: files, fields of specs and command lines that nobody
would write, each of which must end in one line or in values that are right.

    python -m triptych.faults                     # 50,000 cases, about 20 minutes
    python -m triptych.faults --cases 2000 --seed 3 --only wav

A target is a strategy of cases and a function that tries one (`readers.py`,
`judged.py`, `fields.py`, `lines.py`). What ever broke something stands in `corpus.py`
and is tried first. Each target runs in a process of its own with little memory; a case
may take a few seconds. What a case breaks is made smaller by hypothesis before it is
told.
"""
