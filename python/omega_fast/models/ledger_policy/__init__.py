"""The tiny policy of the embedded task: tokenizer, training from nothing, compact sampler, figures."""
