"""What a few seeds can say of methods: intervals, comparisons, and protocols taken together."""
