"""The table: every system and every variant of the method on the same test clips, with intervals.

cells     a variant trained with one seed for one detector: where it lies and which parameters it has
steps     training and scoring of a cell, as DVC runs them
rows      what was scored, read back: a row for every system and variant
compare   totals, spread over seeds, intervals and paired differences to the full method
published numbers of others, for the data that they were taken on
report    the page, the CSV and the picture's data
picture   totals and differences with their intervals
run       the cells beside each other, then the report
"""
