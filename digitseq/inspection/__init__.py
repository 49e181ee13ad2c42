"""Looking at images, never changing them: numbers first, then tables, sheets and pages made of them."""
