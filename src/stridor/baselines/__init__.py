"""The organisers' baseline: an autoencoder of one machine, which reconstructs badly what it has never heard.

features     from clips to stacks of log-mel frames
autoencoder  the network
fit          its training
mahalanobis  distances of reconstruction errors, by the covariance of either domain
machine      network, covariances and thresholds of one machine, kept together
"""
