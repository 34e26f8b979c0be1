"""Networks: the BEATs encoder (beats, attention, config, initial, checkpoint) and the BSS decoder (separator)."""
