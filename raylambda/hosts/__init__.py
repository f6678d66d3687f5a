"""The seam between a caller and a host."""
