"""Running DVC's stages in parallel, estimating the cost of a run, and writing submissions.

processes   commands in parallel, none of which outlives this process
dvc_stages  stages that are not up to date, in several DVC processes
repro       `make repro`: the detectors in parallel, then all remaining stages
cluster     tasks on a Ray cluster
node_project  the project as its nodes fetch it
run_cache   what nodes push, so that the stages run nowhere else
fleet       `stridor repro --ray`: the detectors on the nodes
work        the amount of work: clips, examples and steps
step_cost   the cost of a training step on this machine
estimate    `stridor plan`: work and cost together
submission  official result files of every system
"""
