"""What Perennial costs, beside what the bare parts cost, measured in the same run."""
