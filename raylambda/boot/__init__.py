"""Composition roots: settings in; stores, Ray actors and front door out. A file per process and per concern."""
