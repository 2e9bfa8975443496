"""What is made from declarations and results: schema, reference, tables."""
