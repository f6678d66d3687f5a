"""Everything that runs on a node, beside guests."""
