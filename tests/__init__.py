"""The specification of Salur: one folder for each kind of test, in it one for each area."""
