"""What features cost to write and to read, ours and Feast's own in the same run."""
