"""Photographs described by a function that brings Pillow in its package."""
