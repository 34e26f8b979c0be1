"""A page in the browser: recordings are dropped, explained, and kept if they were fine.

listener  explains what it is sent, and remembers the latest
server    its addresses, and the process that answers them
"""
