"""What brings audio and weights into a project: demo, DCASE, own recordings, checkpoints."""
