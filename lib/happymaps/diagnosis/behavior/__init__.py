"""What a network does on images: accuracy, errors, what its decisions rest on."""
