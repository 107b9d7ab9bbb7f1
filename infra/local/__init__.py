"""The embedded platform: everything on one machine, without containers, from one command."""
