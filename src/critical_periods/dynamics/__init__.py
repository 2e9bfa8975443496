"""What is trained, and when: tasks, schedules, landscapes, trajectories."""
