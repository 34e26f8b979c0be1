"""Scoring outside the pipeline: a trained detector (detector), and how MLflow loads and calls it (mlflow_model)."""
