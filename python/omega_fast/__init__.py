"""Process supervision from a language model: find which step of a solution goes wrong."""
