# Untouched: handed in as it was released.
