"""The rules of completion: which evidence is accepted, and when a training is completed. Pure functions over values."""
