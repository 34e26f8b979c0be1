"""Optuna studies over the pipeline's stages: search space, trials, workers, results and report."""
