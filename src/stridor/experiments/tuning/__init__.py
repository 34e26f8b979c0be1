"""Optuna studies over the pipeline's own stages: what is searched, trials, workers, and what came of them."""
