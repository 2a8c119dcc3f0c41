"""What completes a training, and what evidence may be believed."""
