"""Before a long run: which parameters, what they cost here, and what is still missing."""
