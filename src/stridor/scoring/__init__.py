"""Scoring: from embeddings to distances, decisions, official measures, intervals, figures and tables.

embedding  from clips to one vector each
distances  exact distances between embeddings
smote      synthetic target references
rule       from distances to scores: nearest normals, local density, pools of the domains
bank       a machine's normal clips, and the score of another clip against them
threshold  from which distance on a clip counts as anomalous
reference  bank and threshold of one machine, kept together
scorer     what evaluation asks of a machine, whatever the system behind it
official   result files as the organisers' evaluator reads them
measures   the official measures of a machine and the total
roc        areas under ROC curves of many resamples at once
bootstrap  how far luck alone moves them
figures    ROC curves and score histograms
table      the report's Table 1 for any number of systems
"""
