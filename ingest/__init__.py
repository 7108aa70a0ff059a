"""Takes bytes from files (later Kafka, feeds, HTTP), gives articles, rejections and mentions."""
