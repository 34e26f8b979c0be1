"""DVC's stages beside each other: the pipeline of several detectors, and the cells of the table.

capacity  how many trainings a machine can run at a time
commands  command lines that run together, none of which outlives this process
stages    which stages are not up to date, and groups of them in several DVC processes
pipeline  `make repro`: the detectors beside each other, then what DVC finds left
"""
