"""stridor learns what a machine sounds like when it is well and says when a new recording sounds wrong."""
