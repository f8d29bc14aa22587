"""What a run pays: its account, the budgets it stops at, and what the next results will cost."""
