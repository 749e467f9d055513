"""From solutions/ to lectures/: `release` builds what students get, `leaks` refuses what would give an answer away."""
