"""The tiny policy of the embedded task: its tokenizer, its training from nothing, a compact sampler, its figures."""
