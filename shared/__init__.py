"""Code that at least two services use and that knows no rule of the programme."""
