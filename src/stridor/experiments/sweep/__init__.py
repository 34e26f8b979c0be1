"""The sweep: all combinations of scoring options, from stored vectors, each judged on machines not used to choose it.

grid          the combinations
pool          stage `pool`: embed every clip once, in all layers and poolings
vectors       the embeddings of a machine on disk
score         scores of all combinations for a machine
pseudo        their pseudo-anomaly AUC, without labels
choose        leave one machine out, and the gain of each option
sweep_report  the report as Markdown and CSV
run_sweep     from stored vectors to the report
"""
