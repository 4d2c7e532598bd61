"""What the neurons of the study's network look for."""
