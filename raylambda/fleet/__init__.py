"""The decider about hosts and environments, and its driver."""
