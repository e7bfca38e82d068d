"""The commands for people at a terminal: the same engine and the same errors as the tools."""
