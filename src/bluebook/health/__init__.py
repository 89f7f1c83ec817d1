"""What a finished cycle says about itself, judged by fixed rules: evidence in, findings out."""
