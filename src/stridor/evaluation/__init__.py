"""Evaluation: how good scores are, whatever produced them.

official       result files as the organisers' evaluator reads them
measures       the official measures of a machine and the total
roc            areas under ROC curves of many resamples at once
bootstrap      how far luck alone moves them
plots          ROC curves and score histograms
results_table  the report's Table 1 for any number of systems
"""
