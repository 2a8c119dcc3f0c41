"""The outside world: a cohort with its story, upstream systems that tell it badly, and partners that pay."""
