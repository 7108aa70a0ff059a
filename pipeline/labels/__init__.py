"""Labels: texts and what annotators said of them go in, rows to train and judge on come out."""
