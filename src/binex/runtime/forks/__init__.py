"""Runs made from other runs: replays, whose calls the tape answers, and forks, in which something is otherwise."""
