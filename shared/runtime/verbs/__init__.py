"""The verbs that every service has, one module for each noun."""
