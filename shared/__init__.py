"""What two services use, what says nothing of business rules, and what changes only by a decision for all."""
