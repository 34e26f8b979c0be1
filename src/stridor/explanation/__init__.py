"""Where and why a recording sounds wrong, to look at and to listen to.

normals      the recordings that a detector learnt a machine from
expectation  what the nearest of them would sound like in the place of a clip
oddness      how unusual the difference is, and its strongest places
machine      both, for the normal recordings of one machine
separation   machine and remainder of a clip, by the decoder
explain      all of this for one recording
pictures     its images
page         its page, and those of a folder and of the app
folder       pages of many recordings
"""
