"""The table: every system and every variant of the method on the same test clips, with intervals.

cells         paths and parameters of a cell: one variant, trained with one seed for one detector
train_cell    training of a cell, as DVC runs it
score_cell    scoring of a cell, as DVC runs it
rows          the scores of every system and variant, read from the result files
compare       totals, spread over seeds, intervals and paired differences to the full method
published     published results of others on the same data
table_report  the report as Markdown and CSV
picture       totals and differences with their intervals
make_table    run the cells in parallel, then write the report
"""
