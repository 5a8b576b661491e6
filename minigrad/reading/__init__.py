"""What all readings of a graph share: the user's names, and files that are never half written."""
