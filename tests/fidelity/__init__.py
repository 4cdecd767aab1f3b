"""What flarego sees from outside, held against what the process says about itself."""
