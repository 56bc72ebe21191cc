"""Templates of letters; a package only so that they are installed with the product."""
