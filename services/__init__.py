"""The three services that pay for training, and share nothing but events."""
