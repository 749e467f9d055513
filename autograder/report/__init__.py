"""What an instructor reads of a graded class: a table on the screen, and files to keep."""
