"""The sweep: every combination of scoring options from stored vectors, judged on machines it was not chosen on.

grid    the combinations
pool    one pass of the encoders: all layers and poolings of every clip
vectors what that pass leaves, by machine
score   all combinations of a machine
choose  leave one machine out, and what each option gains
report  what is said of it
run     from stored vectors to the report
"""
