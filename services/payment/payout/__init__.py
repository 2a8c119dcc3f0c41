"""The one way to money: plan, fund, instruct, post and announce what is paid."""
