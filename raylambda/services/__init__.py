"""AWS control planes."""
