"""The stages of the pipeline, one script each: read parameters, write files, log the run."""
