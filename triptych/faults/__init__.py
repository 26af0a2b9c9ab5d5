"""Hostile input by the thousand: files, fields of specs and command lines that nobody
would write, places where nothing can be written, and moments at which runs, commands
and workers end. Each must end in one line or in values that are right.

    python -m triptych.faults                     # 50,000 cases, about an hour
    python -m triptych.faults --cases 2000 --seed 3 --only wav

A target is a strategy of cases and a function that tries one. What ever broke something
stands in `corpus.py` and is tried first. Each target runs in a process of its own, with
little memory where no framework is started; a case may take a few seconds. What a case
breaks is made smaller by hypothesis before it is told.

    readers words            files of data, words, names; headers, launchers, wheels
    natives resumed          files that frameworks read themselves; checkpoints
    judged fields lines      records and dumps; specs and plans; command lines
    places processes deaths  disks, links, locks; signals, pipes, workers; kills
"""
