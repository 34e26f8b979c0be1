"""Audio: `files` reads and writes clips, `batches` pads them, `fbank` and `mixing` work on their waves."""
