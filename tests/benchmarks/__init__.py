"""What the course costs in time and memory, beside what its peers cost; `make bench` prints the table."""
