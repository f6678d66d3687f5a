"""Archives: what a deployment package may be. The control plane asks before it accepts one, a node before it unpacks it."""
