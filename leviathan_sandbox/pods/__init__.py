"""What happens inside the sandbox's pods: programs, their output, and the statuses that follow."""
