"""Takes records from Kafka and gives them to it; the only package that knows kafka-python."""
