"""Examples that run: each folder is a function as a user would write it, and a script that shows it at work."""
