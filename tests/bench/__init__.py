"""What the README promises, measured. One script per promise: `make bench`.

The machine is never quiet: what is compared is measured in turns (without, with, without, with …)
within one run, and medians of paired ratios are printed beside their spread.
"""
