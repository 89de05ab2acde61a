"""Chooses what else of the repository the model should see, within a budget, and says why."""
