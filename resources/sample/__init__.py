"""The sample school: who is in it, and the names its pupils are drawn from."""
