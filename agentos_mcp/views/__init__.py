"""Pages to look at: a run's timeline, a trace's spans, figures, what waits, two runs; in a client or a browser."""
