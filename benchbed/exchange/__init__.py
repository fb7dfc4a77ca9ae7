"""Others' records, and proofs of ours: taking in, making again, comparing."""
