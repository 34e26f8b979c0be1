"""Recordings in and out: `files` reads and writes clips, `fbank` and `mixing` work on their waves."""
