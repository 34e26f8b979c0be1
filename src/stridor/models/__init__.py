"""Networks: encoders, pooling of their tokens, and the separation decoder.

encoder     what every encoder offers: log-mel images in, tokens out
beats       the BEATs encoder
attention   its self-attention
config      its architecture
log_mel     an encoder without weights: the spectrum of each patch
side        side blocks beside a frozen encoder, and what of an encoder learns
mn04        EfficientAT's mn04, used as it is
mobilenet   its network
checkpoint  reading and writing encoders, and the class that a file needs
pooling     from a clip's tokens to one vector
separator   the decoder of the separation task
"""
