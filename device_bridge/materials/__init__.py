"""Documents named by their content: kept, moved in chunks, verified, given safe names.

Used by both ends of a link, so it stands beside `session` and not in the app or the agent.
"""
