"""The configuration: its keys, what is refused, and the files that it comes from."""
