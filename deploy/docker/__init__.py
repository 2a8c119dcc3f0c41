"""Commands of the containers, all of which run one image."""
