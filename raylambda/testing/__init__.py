"""Fakes that ship: they pass the same conformance tests as the real parts, and users may test with them."""
