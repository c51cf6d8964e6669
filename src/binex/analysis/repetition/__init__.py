"""What a task makes of the same when it is executed many times."""
