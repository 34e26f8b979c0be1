"""Published checkpoints: fetched from where they are published, checked, and shown."""
