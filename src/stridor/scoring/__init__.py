"""Scoring: from embeddings to distances and decisions.

embedding   one vector for each clip
distances   exact distances between embeddings
smote       synthetic target references
neighbours  scores from distances: nearest normal clips, local density, pools of the domains
bank        a machine's normal clips, and the score of another clip against them
threshold   the score above which a clip counts as anomalous
reference   bank and threshold of one machine, and the interface of a system's scorer
"""
