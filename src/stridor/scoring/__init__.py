"""Scoring: from embeddings to distances and decisions.

embedding   from clips to one vector each
distances   exact distances between embeddings
smote       synthetic target references
neighbours  from distances to scores: nearest normals, local density, pools of the domains
bank        a machine's normal clips, and the score of another clip against them
threshold   from which distance on a clip counts as anomalous
reference   bank and threshold of one machine, kept together; what every system offers for a machine
"""
