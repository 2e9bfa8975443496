"""What makes the numbers of deep matrix completion: tasks, landscape, training, stages of learning."""
