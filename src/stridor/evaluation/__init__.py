"""Evaluation: how well scores separate normal clips from anomalies, whatever system produced them.

official       result files in the format of the organisers' evaluator
measures       the official measures of a machine and the total
roc            areas under ROC curves of many resamples at once
bootstrap      confidence intervals of the measures, and differences between systems
plots          ROC curves and score histograms
results_table  the report's Table 1 for any number of systems
"""
