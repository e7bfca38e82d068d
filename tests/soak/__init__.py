"""`make soak`: thousands of runs while everything around them fails."""
