"""Takes texts and gives their topic and sentiment; trains, evaluates and stores the classifier."""
