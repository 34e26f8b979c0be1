"""DVC's stages beside each other, what a run will take, and submissions.

processes   command lines that run together, none of which outlives this process
dvc_stages  which stages are not up to date, and groups of them in several DVC processes
repro       `make repro`: the detectors beside each other, then what DVC finds left
work        what there is to do: clips, steps, operations
step_cost   the time of a training step on this machine
estimate    `stridor plan`: both together
submission  official result files of every system
"""
