"""The organisers' baseline: an autoencoder for one machine, which reconstructs unfamiliar sounds poorly.

features     stacks of log-mel frames of clips
autoencoder  the network
fit          its training
mahalanobis  Mahalanobis distances of reconstruction errors, with the covariance of each domain
machine      network, covariances and thresholds of one machine
"""
