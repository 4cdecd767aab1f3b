"""The vocabulary every other layer speaks: frames, stacks, rows, chunks, folds. Standard library only."""
