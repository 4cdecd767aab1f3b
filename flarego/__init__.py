"""FlareGo: what every goroutine of a running process is doing, live, from outside.

A sampler watches a process; from time to time it takes a scan of every goroutine, and in between an on-CPU sample of
those that run; it folds them into rows, weight by state and stack; every 200 ms the rows leave as a chunk; the hub
keeps chunks for the retention time and passes them to subscribers; a window of chunks folds into a flame graph.
"""

__version__ = "0.1.0"
