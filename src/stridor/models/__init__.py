"""Networks: encoders and what is made of their tokens.

encoder     what every encoder offers: log-mel images in, tokens out
beats       the BEATs encoder, with attention (its self-attention) and config (its architecture)
log_mel     an encoder without weights: the spectrum of each patch
checkpoint  encoders on disk, and which class a file needs
pooling     from a clip's tokens to one vector
separator   the BSS decoder of the auxiliary task
"""
