"""`make fuzz`: millions of changed inputs to everything that reads what others wrote."""
