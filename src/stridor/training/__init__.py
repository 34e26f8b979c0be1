"""Two-stage fine-tuning: triples in (triples, loader), one loss (task), two stages (fit), honest checks (sanity)."""
