"""GFlowNet fine-tuning: a policy that writes each solution as often as its reward says."""
