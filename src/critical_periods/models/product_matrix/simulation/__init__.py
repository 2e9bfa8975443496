"""What makes the numbers of the product matrix: its flow, closed forms, training beside them."""
