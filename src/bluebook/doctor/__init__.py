"""What works on this machine and what does not, found by trying, with one line of advice for each problem."""
