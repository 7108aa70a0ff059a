"""Takes bytes from files, Kafka and feeds, gives articles, rejections and mentions."""
